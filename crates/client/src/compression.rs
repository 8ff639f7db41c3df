//! Detects the compression of JSONL and decompresses it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::str::FromStr;

use flate2::bufread::GzDecoder;

use crate::error::{Error, ErrorKind};

/// The first bytes of a gzip member.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of a zstd frame with metadata, which decoders skip. The low half of the first byte may have any value.
const ZSTD_SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18];

/// The largest window of a zstd frame that is accepted, as a power of two: the maximum of the format's reference implementation,
/// which `zstd --long=31` uses. The memory is only allocated for frames that need it.
const ZSTD_WINDOW_LOG_MAX: u32 = if cfg!(target_pointer_width = "64") { 31 } else { 30 };

/// The number of compressed bytes that are buffered.
const BUFFER_SIZE: usize = 64 << 10;

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
            Self::Gzip => Box::new(GzipReader::new(content)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(content)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(ZstdReader(decoder))
            }
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

/// Decompresses all members of a gzip file. Zeros after a member are skipped, because tapes and block devices pad files with
/// them.
struct GzipReader<R> {
    /// `None` after the last member.
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> GzipReader<R> {
    fn new(content: R) -> Self {
        let content = BufReader::with_capacity(BUFFER_SIZE, content);
        Self { member: Some(GzDecoder::new(content)) }
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let content = self.member.take().map(GzDecoder::into_inner);
            let Some(mut content) = content else { break };
            if !skip_zeros(&mut content)? {
                self.member = Some(GzDecoder::new(content));
            }
        }
        Ok(0)
    }
}

/// Skips zeros. Returns whether the content has ended.
fn skip_zeros(content: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffered = content.fill_buf()?;
        let zeros = buffered.iter().take_while(|byte| **byte == 0).count();
        let (is_end, has_more) = (buffered.is_empty(), zeros < buffered.len());
        content.consume(zeros);
        if is_end || has_more {
            return Ok(is_end);
        }
    }
}

/// Decompresses zstd, and explains what to do if a frame needs a larger window than this platform supports.
struct ZstdReader<R: Read>(zstd::stream::read::Decoder<'static, BufReader<R>>);

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            if !error.to_string().contains("too much memory") {
                return error;
            }
            let message = format!(
                "{error}; compress it again with a window of at most 2^{ZSTD_WINDOW_LOG_MAX} bytes \
                 (`zstd --long={ZSTD_WINDOW_LOG_MAX}`)"
            );
            io::Error::new(error.kind(), message)
        })
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
