//! An export into a writer, which cannot be taken back; and compressing on the way, and counting what arrives.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::lines::Blocks;
use super::{Export, ExportReport};
use crate::bulk::Compression;
use crate::error::{Error, ErrorKind};

/// Writes an export line by line, so that another file can follow where one stopped.
pub(super) async fn write(
    export: Export,
    writer: impl AsyncWrite + Send + Unpin,
) -> Result<ExportReport, Error> {
    let written = Written::default();
    let mut writer = encoder(export.compression, writer, &written);
    let mut blocks = Blocks::new(export.begin().await?);
    while let Some(block) = blocks.next().await? {
        writer.write_all(&block).await.map_err(failed)?;
    }
    let records = blocks.check().await?;
    writer.shutdown().await.map_err(failed)?;
    Ok(ExportReport { records, bytes: written.bytes(), path: None })
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Validation, format!("cannot write: {error}")).with_source(error)
}

/// How many bytes were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Arc<AtomicU64>);

impl Written {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where everything goes in the end. It counts, and flushes before it shuts down, which not every writer does by itself and no
/// encoder does for it.
struct Outlet<W> {
    writer: W,
    written: Written,
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Outlet<W> {
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

/// A writer that compresses. Shutting it down writes what belongs at the end, and shuts down the other one.
pub(super) fn encoder<'w>(
    compression: Compression,
    writer: impl AsyncWrite + Send + Unpin + 'w,
    written: &Written,
) -> Box<dyn AsyncWrite + Send + Unpin + 'w> {
    let writer = Outlet { writer, written: written.clone() };
    match compression {
        Compression::Auto | Compression::None => Box::new(writer),
        Compression::Gzip => Box::new(GzipEncoder::new(writer)),
        Compression::Zstd => Box::new(ZstdEncoder::new(writer)),
    }
}

/// The compression that was asked for, or the one that the file's ending says.
pub(super) fn compression_of(compression: Compression, path: &Path) -> Compression {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match compression {
        Compression::Auto if ending.eq_ignore_ascii_case("gz") => Compression::Gzip,
        Compression::Auto if ending.eq_ignore_ascii_case("zst") => Compression::Zstd,
        Compression::Auto => Compression::None,
        given => given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that, like standard output, says it is shut down without having written what it holds.
    #[derive(Default)]
    struct Lazy {
        held: Vec<u8>,
        written: Vec<u8>,
    }

    impl AsyncWrite for Lazy {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.held.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            let held = std::mem::take(&mut self.held);
            self.written.extend(held);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_writer_that_is_shut_down_has_written_everything() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let (mut lazy, written) = (Lazy::default(), Written::default());
            let mut writer = encoder(compression, &mut lazy, &written);
            writer.write_all(b"{}\n").await.unwrap();
            writer.shutdown().await.unwrap();
            drop(writer);
            assert!(lazy.held.is_empty(), "{compression}");
            assert_eq!(lazy.written.len() as u64, written.bytes(), "{compression}");
        }
    }

    #[test]
    fn the_ending_says_the_compression_unless_it_was_given() {
        let of = |path: &str| compression_of(Compression::Auto, Path::new(path));
        assert_eq!(of("a.jsonl.gz"), Compression::Gzip);
        assert_eq!(of("dir.gz/a.JSONL.ZST"), Compression::Zstd);
        assert_eq!(of("dir.gz/a.jsonl"), Compression::None);
        assert_eq!(of("a"), Compression::None);
        let given = compression_of(Compression::None, Path::new("a.gz"));
        assert_eq!(given, Compression::None);
    }
}
