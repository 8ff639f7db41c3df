//! Exports to a writer, with compression.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

#[cfg(feature = "compression")]
use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::line_stream::LineBlocks;
use super::{Export, ExportReport};
use crate::compression::Compression;
use crate::error::{Error, ErrorKind};

/// Writes an export in whole lines. A writer cannot be cleared, so a restart is an error once lines were written.
pub(super) async fn write(
    export: Export,
    writer: impl AsyncWrite + Send + Unpin,
) -> Result<ExportReport, Error> {
    let written = ByteCounter::default();
    let mut writer = encoder(export.compression, writer, &written)?;
    let mut blocks = LineBlocks::new(export.start().await?);
    while let Some(block) = blocks.next().await? {
        writer.write_all(&block).await.map_err(write_error)?;
    }
    let records = blocks.finish().await?;
    writer.shutdown().await.map_err(write_error)?;
    Ok(ExportReport { records, bytes: written.bytes(), path: None })
}

fn write_error(error: io::Error) -> Error {
    Error::new(ErrorKind::Validation, format!("cannot write: {error}")).with_source(error)
}

/// The number of bytes written, shared with the writer.
#[derive(Clone, Debug, Default)]
pub(super) struct ByteCounter(Arc<AtomicU64>);

impl ByteCounter {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts the bytes written, and flushes before shutting down, because neither the encoders nor all writers do.
struct CountingWriter<W> {
    writer: W,
    written: ByteCounter,
}

impl<W: AsyncWrite + Unpin> AsyncWrite for CountingWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.writer).poll_write(context, bytes))?;
        self.written.0.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.writer).poll_flush(context))?;
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}

/// Returns a compressing writer. Shutting it down writes the end of the compressed stream and shuts down the inner writer.
///
/// # Errors
/// `Configuration` if the program is built without compression.
pub(super) fn encoder<'w>(
    compression: Compression,
    writer: impl AsyncWrite + Send + Unpin + 'w,
    written: &ByteCounter,
) -> Result<Box<dyn AsyncWrite + Send + Unpin + 'w>, Error> {
    let writer = CountingWriter { writer, written: written.clone() };
    match compression {
        Compression::Auto | Compression::None => Ok(Box::new(writer)),
        #[cfg(feature = "compression")]
        Compression::Gzip => Ok(Box::new(GzipEncoder::new(writer))),
        #[cfg(feature = "compression")]
        Compression::Zstd => Ok(Box::new(ZstdEncoder::new(writer))),
        #[cfg(not(feature = "compression"))]
        Compression::Gzip | Compression::Zstd => {
            Err(Error::configuration(crate::compression::unsupported(compression).to_string()))
        }
    }
}

/// Resolves `Auto` from the file extension.
pub(super) fn resolve_compression(compression: Compression, path: &Path) -> Compression {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match compression {
        Compression::Auto if extension.eq_ignore_ascii_case("gz") => Compression::Gzip,
        Compression::Auto if extension.eq_ignore_ascii_case("zst") => Compression::Zstd,
        Compression::Auto => Compression::None,
        explicit => explicit,
    }
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    /// A writer that, like standard output, does not flush when it is shut down.
    #[derive(Default)]
    struct UnflushedWriter {
        buffered: Vec<u8>,
        written: Vec<u8>,
    }

    impl AsyncWrite for UnflushedWriter {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.buffered.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            let buffered = std::mem::take(&mut self.buffered);
            self.written.extend(buffered);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn shutting_down_flushes_the_inner_writer() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let (mut writer_under_test, written) =
                (UnflushedWriter::default(), ByteCounter::default());
            let mut writer = encoder(compression, &mut writer_under_test, &written).unwrap();
            writer.write_all(b"{}\n").await.unwrap();
            writer.shutdown().await.unwrap();
            drop(writer);
            assert!(writer_under_test.buffered.is_empty(), "{compression}");
            assert_eq!(writer_under_test.written.len() as u64, written.bytes(), "{compression}");
        }
    }

    #[test]
    fn the_extension_determines_the_compression_unless_it_is_explicit() {
        let of = |path: &str| resolve_compression(Compression::Auto, Path::new(path));
        assert_eq!(of("a.jsonl.gz"), Compression::Gzip);
        assert_eq!(of("dir.gz/a.JSONL.ZST"), Compression::Zstd);
        assert_eq!(of("dir.gz/a.jsonl"), Compression::None);
        assert_eq!(of("a"), Compression::None);
        let explicit = resolve_compression(Compression::None, Path::new("a.gz"));
        assert_eq!(explicit, Compression::None);
    }
}
