//! An export into a writer, which cannot be taken back.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::encoder::{Written, encoder};
use super::lines::Blocks;
use super::{Export, ExportReport};
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
