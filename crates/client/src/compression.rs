//! Detects the compression of JSONL and decompresses it.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, ErrorKind};

/// The first bytes of a gzip member.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The compression format of a JSONL source or export.
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
    /// Detected from the first bytes when reading, and from the file extension (`.gz`, `.zst`) when writing.
    #[default]
    Auto,
    /// Uncompressed.
    None,
    /// gzip. When reading, all members of a file are read.
    Gzip,
    /// zstd. When reading, all frames of a file are read.
    Zstd,
}

impl Compression {
    /// All variants.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::None, Self::Gzip, Self::Zstd];

    /// Returns the name in lower case, which can be parsed back.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Resolves `Auto` for content with these first bytes.
    fn detect(self, first: &[u8]) -> Self {
        match self {
            Self::Auto if first.starts_with(GZIP) => Self::Gzip,
            Self::Auto if first.starts_with(ZSTD) => Self::Zstd,
            Self::Auto => Self::None,
            known => known,
        }
    }

    /// Returns the decompressed content and its compression.
    pub(crate) fn open(
        self,
        mut content: impl Read + Send + 'static,
    ) -> io::Result<(Self, Box<dyn Read + Send>)> {
        let mut first = Vec::with_capacity(ZSTD.len());
        content.by_ref().take(ZSTD.len() as u64).read_to_end(&mut first)?;
        let detected = self.detect(&first);
        let content = Cursor::new(first).chain(content);
        let content: Box<dyn Read + Send> = match detected {
            Self::Gzip => Box::new(MultiGzDecoder::new(content)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(content)?),
            Self::Auto | Self::None => Box::new(content),
        };
        Ok((detected, content))
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
        let (detected, mut reader) = compression.open(Cursor::new(content))?;
        let mut read = Vec::new();
        reader.read_to_end(&mut read)?;
        Ok((detected, read))
    }

    #[test]
    fn compression_is_detected_and_all_members_are_read() {
        for (detected, one) in [
            (Compression::None, TEXT.to_vec()),
            (Compression::Gzip, gzip(TEXT)),
            (Compression::Zstd, zstd(TEXT)),
        ] {
            let content = [one.clone(), one].concat();
            assert_eq!(
                read(Compression::Auto, content.clone()).unwrap(),
                (detected, [TEXT, TEXT].concat())
            );
            assert_eq!(read(detected, content).unwrap().1, [TEXT, TEXT].concat());
        }
        for short in [&b""[..], b"{", b"\n{}"] {
            assert_eq!(read(Compression::Auto, short.to_vec()).unwrap().1, short);
        }
    }

    #[test]
    fn truncated_or_mismatched_content_is_an_error() {
        let (gzip, zstd) = (gzip(TEXT), zstd(TEXT));
        assert!(read(Compression::Auto, gzip[..gzip.len() - 6].to_vec()).is_err());
        assert!(read(Compression::Auto, zstd[..zstd.len() - 3].to_vec()).is_err());
        assert!(read(Compression::Gzip, TEXT.to_vec()).is_err());
        assert!(read(Compression::Zstd, gzip).is_err());
    }

    #[test]
    fn names_can_be_parsed_back() {
        for compression in Compression::ALL {
            assert_eq!(compression.to_string().parse::<Compression>().unwrap(), *compression);
        }
        let error = "lzma".parse::<Compression>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
    }
}
