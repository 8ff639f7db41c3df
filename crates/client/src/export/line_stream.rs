//! Exports as a stream of lines.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use memchr::{memchr, memrchr};

use super::export_download::{ExportDownload, LineCounter, is_blank, strip_line_break};
use super::{Export, OPERATION};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::files::{DownloadEvent, restarted};

/// The maximum length of a line: the service's limit for a whole file.
const MAX_LINE_BYTES: usize = 512 * 1024 * 1024;

/// Splits an export into blocks of whole lines. A restart is an error once lines were delivered.
pub(super) struct LineBlocks {
    download: ExportDownload,
    /// The start of an unfinished line.
    partial: BytesMut,
    /// Downloaded bytes that have not been processed yet.
    rest: Bytes,
    delivered: LineCounter,
    ended: bool,
}

impl LineBlocks {
    pub(super) fn new(download: ExportDownload) -> Self {
        Self {
            download,
            partial: BytesMut::new(),
            rest: Bytes::new(),
            delivered: LineCounter::default(),
            ended: false,
        }
    }

    /// Returns the next block, or `None` at the end. Every line ends with a line break; one is added to the last line if
    /// necessary.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let rest = std::mem::take(&mut self.rest);
            if let Some(block) = self.split_off_lines(rest)? {
                self.delivered.add(&block);
                self.download.report(self.delivered.lines());
                return Ok(Some(block));
            }
            if self.ended {
                return Ok(None);
            }
            match self.download.next().await? {
                Some(DownloadEvent::Chunk(bytes)) => self.rest = bytes,
                Some(DownloadEvent::Restart) if self.delivered.lines() > 0 => {
                    return Err(restarted());
                }
                Some(DownloadEvent::Restart) => {
                    self.partial.clear();
                    self.delivered = LineCounter::default();
                }
                None => {
                    self.ended = true;
                    if !self.partial.is_empty() {
                        self.rest = Bytes::from_static(b"\n");
                    }
                }
            }
        }
    }

    /// Returns the whole lines in the bytes, if there are any, and stores the remainder.
    fn split_off_lines(&mut self, mut bytes: Bytes) -> Result<Option<Bytes>, Error> {
        if self.partial.is_empty() {
            let end = memrchr(b'\n', &bytes).map_or(0, |last| last + 1);
            self.partial.extend_from_slice(&bytes[end..]);
            bytes.truncate(end);
            return Ok((!bytes.is_empty()).then_some(bytes));
        }
        match memchr(b'\n', &bytes) {
            Some(end) => {
                self.partial.extend_from_slice(&bytes[..=end]);
                bytes.advance(end + 1);
                self.rest = bytes;
                Ok(Some(self.partial.split().freeze()))
            }
            None if self.partial.len() + bytes.len() > MAX_LINE_BYTES => {
                Err(Error::new(ErrorKind::Decoding, "a line of the export is longer than 512 MB"))
            }
            None => {
                self.partial.extend_from_slice(&bytes);
                Ok(None)
            }
        }
    }

    /// Ends the export and returns the number of records.
    pub(super) async fn finish(&mut self) -> Result<u64, Error> {
        let records = self.delivered.lines();
        self.download.finish(records).await?;
        Ok(records)
    }
}

/// A stream of the lines of an export, without line breaks. Returned by [`Export::lines`]. It ends after an error.
pub struct ExportedLines {
    blocks: BoxStream<'static, Result<Bytes, Error>>,
    /// The lines of the current block that have not been yielded yet.
    block: Bytes,
}

impl ExportedLines {
    pub(super) fn new(export: Export) -> Self {
        Self { blocks: blocks(export).fuse().boxed(), block: Bytes::new() }
    }

    /// Returns the next line, or `None` at the end.
    ///
    /// # Errors
    /// The errors of [`Export::to_path`]. The stream ends after an error.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        StreamExt::next(self).await
    }
}

impl Stream for ExportedLines {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            while !self.block.is_empty() {
                let end = memchr(b'\n', &self.block).map_or(self.block.len(), |end| end + 1);
                let line = strip_line_break(self.block.split_to(end));
                if !is_blank(&line) {
                    return Poll::Ready(Some(Ok(line)));
                }
            }
            match ready!(self.blocks.poll_next_unpin(context)) {
                Some(Ok(block)) => self.block = block,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for ExportedLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedLines").finish_non_exhaustive()
    }
}

/// The state of the stream of blocks.
enum State {
    NotStarted(Export),
    Started(Client, Box<LineBlocks>),
}

/// Returns the blocks of an export, which is requested when the stream is first polled.
fn blocks(export: Export) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    futures::stream::unfold(Some(State::NotStarted(export)), |state| async move {
        let (client, mut blocks) = match state? {
            State::Started(client, blocks) => (client, blocks),
            State::NotStarted(export) => {
                let client = export.client.clone();
                match client.until_cancelled(OPERATION, export.start()).await {
                    Ok(download) => (client, Box::new(LineBlocks::new(download))),
                    Err(error) => return Some((Err(error), None)),
                }
            }
        };
        let step = async {
            let block = blocks.next().await?;
            if block.is_none() {
                blocks.finish().await?;
            }
            Ok(block)
        };
        match client.until_cancelled(OPERATION, step).await.transpose()? {
            Ok(block) => Some((Ok(block), Some(State::Started(client, blocks)))),
            Err(error) => Some((Err(error), None)),
        }
    })
}
