//! Exports to a file that appears only once it is complete.

use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;

use super::export_download::LineCounter;
use super::to_writer::{self, ByteCounter, encoder, resolve_compression};
use super::{Export, ExportReport};
use crate::error::Error;
use crate::files::{AtomicFile, DownloadEvent, Target};
use crate::path::write_error;

/// Writes an export to a path.
pub(super) async fn write(mut export: Export, path: PathBuf) -> Result<ExportReport, Error> {
    export.compression = resolve_compression(export.compression, &path);
    let report = match Target::open(&path).await? {
        Target::Stream(stream) => to_writer::write(export, stream).await?,
        Target::File(file) => to_file(export, file, &path).await?,
    };
    Ok(ExportReport { path: Some(path), ..report })
}

async fn to_file(export: Export, file: AtomicFile, path: &Path) -> Result<ExportReport, Error> {
    let cannot_write = |error| write_error(path, error);
    let mut download = export.start().await?;
    let (mut lines, mut written) = (LineCounter::default(), ByteCounter::default());
    let mut writer = encoder(export.compression, file.writer()?, &written)?;
    while let Some(event) = download.next().await? {
        match event {
            DownloadEvent::Chunk(bytes) => {
                writer.write_all(&bytes).await.map_err(cannot_write)?;
                lines.add(&bytes);
                download.report(lines.lines());
            }
            DownloadEvent::Restart => {
                // Pending writes of the old content must complete before the file is cleared.
                writer.shutdown().await.map_err(cannot_write)?;
                file.clear().await?;
                (lines, written) = (LineCounter::default(), ByteCounter::default());
                writer = encoder(export.compression, file.writer()?, &written)?;
            }
        }
    }
    writer.shutdown().await.map_err(cannot_write)?;
    drop(writer);
    download.finish(lines.lines()).await?;
    file.commit().await?;
    Ok(ExportReport { records: lines.lines(), bytes: written.bytes(), path: None })
}
