//! Detects the compression of JSONL and decompresses it.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

#[cfg(feature = "compression")]
mod decompress;

#[cfg(feature = "compression")]
use decompress::{gzip_reader, zstd_reader};

/// The first bytes of a gzip member.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of a zstd frame with metadata, which decoders skip. The low half of the first byte may have any value.
const ZSTD_SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18];

/// The compression format of a JSONL source or export.
///
/// gzip and zstd require the feature `compression`, which is on by default. Without it, compressed content is detected and
/// refused.
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
    /// gzip. When reading, all members of a file are read, and padding with zeros is skipped.
    Gzip,
    /// zstd. When reading, all frames of a file are read, with windows of up to 2 GiB (1 GiB on 32-bit platforms).
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
            Self::Auto if first.starts_with(ZSTD) || is_skippable(first) => Self::Zstd,
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
            Self::Gzip => gzip_reader(content)?,
            Self::Zstd => zstd_reader(content)?,
            Self::Auto | Self::None => Box::new(content),
        };
        Ok((detected, content))
    }
}

/// Returns whether content with these first bytes starts with a skippable zstd frame, as `pzstd` writes it.
fn is_skippable(first: &[u8]) -> bool {
    first.len() >= ZSTD_SKIPPABLE.len()
        && first[0] & 0xf0 == ZSTD_SKIPPABLE[0]
        && first[1..ZSTD_SKIPPABLE.len()] == ZSTD_SKIPPABLE[1..]
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

#[cfg(not(feature = "compression"))]
fn gzip_reader(_: impl Read) -> io::Result<Box<dyn Read + Send>> {
    Err(unsupported(Compression::Gzip))
}

#[cfg(not(feature = "compression"))]
fn zstd_reader(_: impl Read) -> io::Result<Box<dyn Read + Send>> {
    Err(unsupported(Compression::Zstd))
}

/// Returns the error of a program that is built without compression.
#[cfg(not(feature = "compression"))]
pub(crate) fn unsupported(compression: Compression) -> io::Error {
    let message = format!(
        "this program is built without {compression}; enable the feature `compression` of the crate `mistral-datasets`"
    );
    io::Error::new(io::ErrorKind::Unsupported, message)
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use std::io::Write;

    use super::decompress::BUFFER_SIZE;
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
    fn padding_after_a_gzip_member_is_skipped() {
        let padding = vec![0; 3 * BUFFER_SIZE];
        let content = [gzip(TEXT), padding.clone()].concat();
        assert_eq!(read(Compression::Auto, content).unwrap().1, TEXT);
        let content = [gzip(TEXT), padding, gzip(TEXT)].concat();
        assert_eq!(read(Compression::Auto, content).unwrap().1, [TEXT, TEXT].concat());
        assert!(read(Compression::Auto, [&gzip(TEXT)[..], b"\0\0text"].concat()).is_err());
        assert_eq!(read(Compression::Auto, gzip(b"")).unwrap().1, b"");
    }

    #[test]
    fn skippable_zstd_frames_are_skipped() {
        for first in [0x50, 0x5f] {
            let skippable = [&[first, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
            let content = [skippable.clone(), zstd(TEXT), skippable, zstd(TEXT)].concat();
            let (detected, text) = read(Compression::Auto, content).unwrap();
            assert_eq!((detected, text), (Compression::Zstd, [TEXT, TEXT].concat()));
        }
    }

    #[test]
    fn large_zstd_windows_are_accepted() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(TEXT).unwrap();
        assert_eq!(read(Compression::Auto, encoder.finish().unwrap()).unwrap().1, TEXT);

        // A frame header with a window of 2^31 bytes, followed by an empty last block.
        let header = [ZSTD, &[0x00, (31 - 10) << 3, 0x01, 0x00, 0x00]].concat();
        assert_eq!(read(Compression::Auto, header).unwrap().1, b"");
        let too_large = [ZSTD, &[0x00, (40 - 10) << 3, 0x01, 0x00, 0x00]].concat();
        let error = read(Compression::Auto, too_large).unwrap_err();
        assert!(error.to_string().contains("--long="), "{error}");
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

#[cfg(all(test, not(feature = "compression")))]
mod tests_without_compression {
    use super::*;

    #[test]
    fn compressed_content_is_refused_with_the_feature_to_enable() {
        for (first, compression) in [(GZIP, Compression::Gzip), (ZSTD, Compression::Zstd)] {
            for requested in [Compression::Auto, compression] {
                let error = requested.open(Cursor::new(first.to_vec())).err().unwrap();
                assert_eq!(error.kind(), io::ErrorKind::Unsupported);
                assert!(error.to_string().contains("feature `compression`"), "{error}");
            }
        }
        let (_, mut content) = Compression::Auto.open(Cursor::new(b"{}")).unwrap();
        assert_eq!(io::read_to_string(&mut content).unwrap(), "{}");
    }
}
