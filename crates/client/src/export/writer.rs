//! An export into a writer, which cannot be taken back; and compressing on the way, and counting what arrives.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::io::InspectWriter;

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
    writer.shutdown().await.map_err(failed)?;
    drop(writer);
    Ok(ExportReport { records: blocks.check().await?, bytes: written.bytes(), path: None })
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

/// A writer that compresses. Shutting it down writes what belongs at the end, and shuts down the other one.
pub(super) fn encoder<'w>(
    compression: Compression,
    writer: impl AsyncWrite + Send + Unpin + 'w,
    written: &Written,
) -> Box<dyn AsyncWrite + Send + Unpin + 'w> {
    let written = written.0.clone();
    let writer = InspectWriter::new(writer, move |bytes: &[u8]| {
        written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    });
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
