//! Reads contents and checks that they are what was written.

use std::io::{self, Read};
use std::ops::Range;

use bytes::{Buf, Bytes};
use futures::stream::{StreamExt, TryStreamExt, try_unfold};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::sink::hexadecimal;
use super::{ContentError, ContentStore, ContentStream};

/// What a content must be, according to the metadata of its file.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedContent {
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    /// The SHA-256, in hexadecimal.
    pub(crate) sha256: String,
}

/// Opens part of a content.
///
/// Fails if the size of the content is wrong. The checksum covers the whole content, so it is not checked here.
pub(crate) async fn open_range(
    store: &dyn ContentStore,
    expected: &ExpectedContent,
    range: Range<u64>,
) -> Result<ContentStream, ContentError> {
    let content = store.read(expected.id, range).await?;
    if content.bytes == expected.bytes {
        return Ok(content.chunks);
    }
    let ExpectedContent { id, bytes, .. } = expected;
    tracing::error!(%id, found = content.bytes, expected = bytes, "the content of a file has the wrong size");
    Err(ContentError::Damaged)
}

/// Opens a whole content. Fails if its size is wrong.
///
/// If the checksum is wrong, the stream ends with [`ContentError::Damaged`] instead of the last chunk, so nobody receives a
/// damaged content as a complete one.
pub(crate) async fn open_verified(
    store: &dyn ContentStore,
    expected: ExpectedContent,
) -> Result<ContentStream, ContentError> {
    let chunks = open_range(store, &expected, 0..u64::MAX).await?;
    let state = Verification { chunks, digest: Sha256::new(), held: None, expected };
    Ok(try_unfold(Some(state), |state| async {
        match state {
            Some(state) => state.next().await,
            None => Ok(None),
        }
    })
    .boxed())
}

struct Verification {
    chunks: ContentStream,
    digest: Sha256,
    /// The chunk that was read last. It is passed on once another one follows, or the checksum is verified.
    held: Option<Bytes>,
    expected: ExpectedContent,
}

impl Verification {
    /// Returns the next chunk, and the state unless it is the last one.
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>, ContentError> {
        while let Some(chunk) = self.chunks.try_next().await? {
            self.digest.update(&chunk);
            if let Some(previous) = self.held.replace(chunk) {
                return Ok(Some((previous, Some(self))));
            }
        }
        if hexadecimal(self.digest) != self.expected.sha256 {
            let id = self.expected.id;
            tracing::error!(%id, "the content of a file does not match its checksum");
            return Err(ContentError::Damaged);
        }
        Ok(self.held.map(|chunk| (chunk, None)))
    }
}

/// Reads a content on a thread that may block, but not on one that runs a runtime.
pub(crate) struct BlockingReader {
    chunks: ContentStream,
    chunk: Bytes,
    runtime: Handle,
}

impl BlockingReader {
    /// Must be called on a tokio runtime, which then drives the reads.
    pub(crate) fn new(chunks: ContentStream) -> Self {
        Self { chunks, chunk: Bytes::new(), runtime: Handle::current() }
    }
}

impl Read for BlockingReader {
    /// An error has a [`ContentError`] as its source.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.chunks.next()) {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Ok(0),
            }
        }
        let read = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
