//! The strategies for creating many records.

use std::fmt;

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
    /// `File` for more than 1,000 records or 32 MiB, otherwise `Single`. To decide, up to that many records are read from
    /// the source before anything is sent, for at most 5 s.
    #[default]
    Auto,
    /// One request per record, several at a time. Every record has its own outcome and id. With a
    /// [concurrency](crate::CreateRecords::concurrency) above 1, the order in the dataset may differ from the source. The
    /// `source` of the records is `DIRECT_INPUT`.
    Single,
    /// Uploads files and imports them: much faster for many records, and in the order of the source. Either all or none of the
    /// records of a file are created, and their ids are not returned. The `source` of the records is `UPLOADED_FILE`.
    File,
}

impl Strategy {
    /// All strategies.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::Single, Self::File];

    /// Returns the name in lower case, which can be parsed back.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn names_can_be_parsed_back() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.to_string().parse::<Strategy>().unwrap(), *strategy);
        }
        assert_eq!("files".parse::<Strategy>().unwrap_err().kind(), ErrorKind::Validation);
    }
}
