//! Decompresses gzip and zstd.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// The largest window of a zstd frame that is accepted, as a power of two: the maximum of the format's reference implementation,
/// which `zstd --long=31` uses. The memory is only allocated for frames that need it.
const ZSTD_WINDOW_LOG_MAX: u32 = if cfg!(target_pointer_width = "64") { 31 } else { 30 };

/// The number of compressed bytes that are buffered.
pub(super) const BUFFER_SIZE: usize = 64 << 10;

/// Returns the decompressed content of a gzip file.
pub(super) fn gzip_reader(content: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(GzipReader::new(content)))
}

/// Returns the decompressed content of a zstd file.
pub(super) fn zstd_reader(content: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut decoder = zstd::stream::read::Decoder::new(content)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(Box::new(ZstdReader(decoder)))
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
