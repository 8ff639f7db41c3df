//! Compressed JSONL: which compression it is, and reading through it.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, ErrorKind};

/// The first bytes of a gzip member.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// How JSONL is compressed.
///
/// ```
/// use mistral_datasets::Compression;
///
/// assert_eq!("zstd".parse::<Compression>()?, Compression::Zstd);
/// assert_eq!(Compression::default().to_string(), "auto");
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Found out: when reading by the first bytes, when writing by the file's ending (`.gz`, `.zst`).
    #[default]
    Auto,
    /// Not at all.
    None,
    /// As gzip does it; files of several members are read to their end.
    Gzip,
    /// As zstd does it; files of several frames are read to their end.
    Zstd,
}

impl Compression {
    /// Every compression.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::None, Self::Gzip, Self::Zstd];

    /// Its name in lower case, which parsing understands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What it is for content that begins so.
    fn of(self, head: &[u8]) -> Self {
        match self {
            Self::Auto if head.starts_with(GZIP) => Self::Gzip,
            Self::Auto if head.starts_with(ZSTD) => Self::Zstd,
            Self::Auto => Self::None,
            known => known,
        }
    }

    /// The content behind the compression, and which one it was.
    pub(super) fn open(
        self,
        mut content: impl Read + Send + 'static,
    ) -> io::Result<(Self, Box<dyn Read + Send>)> {
        let mut head = Vec::with_capacity(ZSTD.len());
        content.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
        let found = self.of(&head);
        let content = Cursor::new(head).chain(content);
        let content: Box<dyn Read + Send> = match found {
            Self::Gzip => Box::new(MultiGzDecoder::new(content)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(content)?),
            Self::Auto | Self::None => Box::new(content),
        };
        Ok((found, content))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(|| {
            let message = "compression: expected `auto`, `none`, `gzip` or `zstd`";
            Error::new(ErrorKind::Validation, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"{\"messages\": []}\n";

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 1).unwrap()
    }

    fn read(compression: Compression, content: Vec<u8>) -> io::Result<(Compression, Vec<u8>)> {
        let (found, mut reader) = compression.open(Cursor::new(content))?;
        let mut read = Vec::new();
        reader.read_to_end(&mut read)?;
        Ok((found, read))
    }

    #[test]
    fn the_first_bytes_tell_and_every_member_is_read() {
        for (found, one) in [
            (Compression::None, TEXT.to_vec()),
            (Compression::Gzip, gzip(TEXT)),
            (Compression::Zstd, zstd(TEXT)),
        ] {
            let content = [one.clone(), one].concat();
            assert_eq!(
                read(Compression::Auto, content.clone()).unwrap(),
                (found, [TEXT, TEXT].concat())
            );
            assert_eq!(read(found, content).unwrap().1, [TEXT, TEXT].concat());
        }
        for short in [&b""[..], b"{", b"\n{}"] {
            assert_eq!(read(Compression::Auto, short.to_vec()).unwrap().1, short);
        }
    }

    #[test]
    fn content_that_is_cut_off_or_of_another_kind_is_an_error() {
        let (gzip, zstd) = (gzip(TEXT), zstd(TEXT));
        assert!(read(Compression::Auto, gzip[..gzip.len() - 6].to_vec()).is_err());
        assert!(read(Compression::Auto, zstd[..zstd.len() - 3].to_vec()).is_err());
        assert!(read(Compression::Gzip, TEXT.to_vec()).is_err());
        assert!(read(Compression::Zstd, gzip).is_err());
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for compression in Compression::ALL {
            assert_eq!(compression.to_string().parse::<Compression>().unwrap(), *compression);
        }
        let error = "lzma".parse::<Compression>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
    }
}
