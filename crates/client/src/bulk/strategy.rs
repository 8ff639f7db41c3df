//! The two ways in which records are created in bulk.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// How [`create_records`](crate::calls::Datasets::create_records) sends records.
///
/// ```
/// use mistral_datasets::Strategy;
///
/// assert_eq!("file".parse::<Strategy>()?, Strategy::File);
/// assert_eq!(Strategy::default().to_string(), "auto");
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// `File` for more than 1,000 records or 32 MiB, otherwise `Single`. To find out it takes so much from the source before
    /// anything is sent, but waits for it no longer than 5 s.
    #[default]
    Auto,
    /// Each by itself, several at a time. Every record has its own outcome and id; unless one is sent at a time their order in
    /// the dataset is not exactly the source's. Their source is `DIRECT_INPUT`.
    Single,
    /// As a file that is uploaded and imported: much faster for many, and in the source's order. The records of a file are
    /// created all or none, and no ids are told. Their source is `UPLOADED_FILE`.
    File,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::Single, Self::File];

    /// Its name in lower case, which parsing understands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Single => "single",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(|| {
            Error::new(ErrorKind::Validation, "strategy: expected `auto`, `single` or `file`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.to_string().parse::<Strategy>().unwrap(), *strategy);
        }
        assert_eq!("files".parse::<Strategy>().unwrap_err().kind(), ErrorKind::Validation);
    }
}
