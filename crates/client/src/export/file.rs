//! An export to a file that appears when it is whole.

use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;

use super::transfer::LineCounter;
use super::writer::{self, Written, compression_of, encoder};
use super::{Export, ExportReport};
use crate::error::Error;
use crate::resume::Piece;
use crate::whole_file::{Target, Unfinished, unwritable};

/// Writes an export to a path.
pub(super) async fn write(mut export: Export, path: PathBuf) -> Result<ExportReport, Error> {
    export.compression = compression_of(export.compression, &path);
    let report = match Target::open(&path).await? {
        Target::Stream(stream) => writer::write(export, stream).await?,
        Target::File(file) => to_file(export, file, &path).await?,
    };
    Ok(ExportReport { path: Some(path), ..report })
}

async fn to_file(export: Export, file: Unfinished, path: &Path) -> Result<ExportReport, Error> {
    let refuse = |error| unwritable(path, error);
    let mut transfer = export.begin().await?;
    let (mut lines, mut written) = (LineCounter::default(), Written::default());
    let mut writer = encoder(export.compression, file.writer()?, &written);
    while let Some(piece) = transfer.next().await? {
        match piece {
            Piece::Bytes(bytes) => {
                writer.write_all(&bytes).await.map_err(refuse)?;
                lines.add(&bytes);
                transfer.tell(lines.lines());
            }
            Piece::Restart => {
                // No write of the old content may come after the new one has begun.
                writer.shutdown().await.map_err(refuse)?;
                file.clear().await?;
                (lines, written) = (LineCounter::default(), Written::default());
                writer = encoder(export.compression, file.writer()?, &written);
            }
        }
    }
    writer.shutdown().await.map_err(refuse)?;
    drop(writer);
    transfer.check(lines.lines()).await?;
    file.finish().await?;
    Ok(ExportReport { records: lines.lines(), bytes: written.bytes(), path: None })
}
