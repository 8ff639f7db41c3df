//! An export line by line.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use memchr::{memchr, memrchr};

use super::transfer::{LineCounter, Transfer, is_blank, trimmed};
use super::{Export, OPERATION};
use crate::error::{Error, ErrorKind};
use crate::resume::Piece;

/// The longest line that is taken for one: no file that the service keeps is larger.
const MAX_LINE: usize = 512 * 1024 * 1024;

/// An export cut into whole lines, many at a time. Where another file takes the place of the first one, the lines that were
/// handed over are passed by.
pub(super) struct Blocks {
    transfer: Transfer,
    /// The beginning of a line that has no end yet.
    begun: BytesMut,
    /// What follows the line that was handed over last.
    rest: Bytes,
    delivered: LineCounter,
    /// How many lines of the present file were handed over before.
    skip: u64,
    ended: bool,
}

impl Blocks {
    pub(super) fn new(transfer: Transfer) -> Self {
        Self {
            transfer,
            begun: BytesMut::new(),
            rest: Bytes::new(),
            delivered: LineCounter::default(),
            skip: 0,
            ended: false,
        }
    }

    /// The next lines, each with an end, which the very last one may be given.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let rest = std::mem::take(&mut self.rest);
            if let Some(block) = self.cut(rest)? {
                let block = self.fresh(block);
                if block.is_empty() {
                    continue;
                }
                self.delivered.add(&block);
                self.transfer.tell(self.delivered.lines());
                return Ok(Some(block));
            }
            if self.ended {
                return Ok(None);
            }
            match self.transfer.next().await? {
                Some(Piece::Bytes(bytes)) => self.rest = bytes,
                Some(Piece::Restart) => {
                    self.begun.clear();
                    self.skip = self.delivered.lines();
                }
                None => {
                    self.ended = true;
                    // The last line may have no end.
                    if !self.begun.is_empty() {
                        self.rest = Bytes::from_static(b"\n");
                    }
                }
            }
        }
    }

    /// Cuts whole lines off the bytes, and keeps what is left of them.
    fn cut(&mut self, mut bytes: Bytes) -> Result<Option<Bytes>, Error> {
        if self.begun.is_empty() {
            let end = memrchr(b'\n', &bytes).map_or(0, |last| last + 1);
            self.begun.extend_from_slice(&bytes[end..]);
            bytes.truncate(end);
            return Ok((!bytes.is_empty()).then_some(bytes));
        }
        match memchr(b'\n', &bytes) {
            Some(end) => {
                self.begun.extend_from_slice(&bytes[..=end]);
                bytes.advance(end + 1);
                self.rest = bytes;
                Ok(Some(self.begun.split().freeze()))
            }
            None if self.begun.len() + bytes.len() > MAX_LINE => {
                Err(Error::new(ErrorKind::Decoding, "a line of the export is longer than 512 MB"))
            }
            None => {
                self.begun.extend_from_slice(&bytes);
                Ok(None)
            }
        }
    }

    /// What of these lines was not handed over before.
    fn fresh(&mut self, mut block: Bytes) -> Bytes {
        while self.skip > 0 && !block.is_empty() {
            let end = memchr(b'\n', &block).map_or(block.len(), |end| end + 1);
            self.skip -= u64::from(!is_blank(&block[..end]));
            block.advance(end);
        }
        block
    }

    /// Checks the number of records and returns it.
    pub(super) async fn check(&mut self) -> Result<u64, Error> {
        let records = self.delivered.lines();
        self.transfer.check(records).await?;
        Ok(records)
    }
}

/// The lines of an export, each without its end: a stream, which ends after an error. Begun by
/// [`Export::lines`].
pub struct ExportedLines {
    blocks: BoxStream<'static, Result<Bytes, Error>>,
    /// The lines of the last block that are still to come.
    block: Bytes,
}

impl ExportedLines {
    pub(super) fn new(export: Export) -> Self {
        Self { blocks: blocks(export).fuse().boxed(), block: Bytes::new() }
    }

    /// The next line, or nothing after the last.
    ///
    /// # Errors
    /// As [`Export::to_path`]. An error is the last item.
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
                let line = trimmed(self.block.split_to(end));
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

/// How far the stream of an export is.
enum State {
    New(Export),
    UnderWay(crate::Client, Box<Blocks>),
}

/// The blocks of an export, which begins when the first one is asked for.
fn blocks(export: Export) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    futures::stream::unfold(Some(State::New(export)), |state| async move {
        let (client, mut blocks) = match state? {
            State::UnderWay(client, blocks) => (client, blocks),
            State::New(export) => {
                let client = export.client.clone();
                match client.until_closed(OPERATION, export.begin()).await {
                    Ok(transfer) => (client, Box::new(Blocks::new(transfer))),
                    Err(error) => return Some((Err(error), None)),
                }
            }
        };
        let step = async {
            let block = blocks.next().await?;
            if block.is_none() {
                blocks.check().await?;
            }
            Ok(block)
        };
        match client.until_closed(OPERATION, step).await.transpose()? {
            Ok(block) => Some((Ok(block), Some(State::UnderWay(client, blocks)))),
            Err(error) => Some((Err(error), None)),
        }
    })
}
