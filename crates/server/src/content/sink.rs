//! Writes a content in the background and computes its size, line count and SHA-256.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::{ContentError, ContentStore, ContentWriter};

/// The number of chunks that may wait to be written.
const QUEUED_CHUNKS: usize = 4;

/// Small chunks are collected until they have this size, in bytes.
pub(super) const PART_BYTES: usize = 256 << 10;

/// A content that is being written. Dropping it before [`finish`](Self::finish) has completed discards the content.
pub(crate) struct ContentSink {
    messages: mpsc::Sender<Message>,
    writing: AbortOnDropHandle<Result<StoredContent, ContentError>>,
}

/// A content that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredContent {
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    /// The number of lines, including a last line without a line end.
    pub(crate) lines: u64,
    /// The SHA-256, in hexadecimal.
    pub(crate) sha256: String,
}

enum Message {
    Chunk(Bytes),
    Finish,
}

impl ContentSink {
    /// Starts to write a content under a new id.
    pub(crate) async fn create(store: &dyn ContentStore) -> Result<Self, ContentError> {
        let id = Uuid::now_v7();
        let writer = store.create(id).await?;
        let (messages, received) = mpsc::channel(QUEUED_CHUNKS);
        let writing = tokio::spawn(async move { Parts::new(writer).write_all(id, received).await });
        Ok(Self { messages, writing: AbortOnDropHandle::new(writing) })
    }

    /// Queues a chunk of at most a few hundred kilobytes. Waits while too many are queued. Returns false if writing has failed;
    /// [`finish`](Self::finish) then returns the error.
    pub(crate) async fn write(&self, chunk: Bytes) -> bool {
        self.messages.send(Message::Chunk(chunk)).await.is_ok()
    }

    /// Waits until the content is durable, and stores it.
    pub(crate) async fn finish(self) -> Result<StoredContent, ContentError> {
        // If writing has failed, the receiver is gone and the task returns the error.
        let _ = self.messages.send(Message::Finish).await;
        drop(self.messages);
        self.writing.await.unwrap_or_else(|panic| Err(ContentError::Failed(panic.into())))
    }
}

/// Collects chunks into parts, and counts what was written.
struct Parts {
    writer: Box<dyn ContentWriter>,
    part: BytesMut,
    digest: Sha256,
    bytes: u64,
    newlines: u64,
    last: u8,
}

impl Parts {
    fn new(writer: Box<dyn ContentWriter>) -> Self {
        let (part, digest) = (BytesMut::new(), Sha256::new());
        Self { writer, part, digest, bytes: 0, newlines: 0, last: b'\n' }
    }

    /// Writes the received chunks. If the sink is dropped before it is finished, the writer is dropped too.
    async fn write_all(
        mut self,
        id: Uuid,
        mut received: mpsc::Receiver<Message>,
    ) -> Result<StoredContent, ContentError> {
        loop {
            match received.recv().await {
                Some(Message::Chunk(chunk)) => self.write(&chunk).await?,
                Some(Message::Finish) => break,
                None => return Err(ContentError::Failed("the content was not finished".into())),
            }
        }
        if !self.part.is_empty() {
            self.writer.write(self.part.freeze()).await?;
        }
        self.writer.finish().await?;
        Ok(StoredContent {
            id,
            bytes: self.bytes,
            lines: self.newlines + u64::from(self.last != b'\n'),
            sha256: hexadecimal(self.digest),
        })
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), ContentError> {
        self.digest.update(chunk);
        self.bytes += chunk.len() as u64;
        self.newlines += memchr::memchr_iter(b'\n', chunk).count() as u64;
        self.last = chunk.last().copied().unwrap_or(self.last);
        self.part.extend_from_slice(chunk);
        while self.part.len() >= PART_BYTES {
            let part = self.part.split_to(PART_BYTES).freeze();
            self.writer.write(part).await?;
        }
        Ok(())
    }
}

/// Returns a digest as it is stored: in lower-case hexadecimal.
pub(super) fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
