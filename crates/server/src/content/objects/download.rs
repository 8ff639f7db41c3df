//! Reads contents from an object store.

use std::io::SeekFrom;
use std::ops::Range;
use std::time::Instant;

use ::object_store::path::Path;
use ::object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStoreExt};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::ObjectContentStore;
use super::error::{Operation, StoreError};
use crate::content::{Content, ContentError, ContentStream};

/// The maximum size of a chunk, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// The number of times that a download is resumed without reading anything.
const RESUMPTIONS: u32 = 3;

/// Opens the part of a content that is in `range`.
pub(super) async fn open(
    store: ObjectContentStore,
    id: Uuid,
    range: Range<u64>,
) -> Result<Content, ContentError> {
    let path = store.path(id);
    let failed = |error| store.error(Operation::Read, &error);
    if range.start == 0 && range.end == u64::MAX {
        let found = store.objects.get(&path).await.map_err(failed)?;
        let (bytes, e_tag) = (found.meta.size, found.meta.e_tag.clone());
        let body = body(&store, found).await?;
        return Ok(Download { store, path, e_tag, remaining: 0..bytes, body }.into_content(bytes));
    }
    // Stores reject ranges beyond the end of an object, each in its own way, so the size is requested first.
    let found = match store.objects.head(&path).await {
        // The response has no body, so it does not say whether the object or the bucket is missing.
        Err(::object_store::Error::NotFound { .. }) => {
            store.objects.get(&path).await.map(|found| found.meta)
        }
        found => found,
    };
    let found = found.map_err(failed)?;
    let (bytes, e_tag) = (found.size, found.e_tag);
    let range = range.start.min(bytes)..range.end.min(bytes);
    if range.is_empty() {
        return Ok(Content { bytes, chunks: stream::empty().boxed() });
    }
    let body = request(&store, &path, e_tag.clone(), range.clone()).await?;
    Ok(Download { store, path, e_tag, remaining: range, body }.into_content(bytes))
}

/// Requests a range that is not empty. Fails if the object is another one than that with the given entity tag.
async fn request(
    store: &ObjectContentStore,
    path: &Path,
    if_match: Option<String>,
    range: Range<u64>,
) -> Result<ContentStream, ContentError> {
    let range = Some(GetRange::Bounded(range));
    let options = GetOptions { if_match, range, ..GetOptions::default() };
    match store.objects.get_opts(path, options).await {
        Ok(found) => body(store, found).await,
        Err(error) => Err(store.error(Operation::Read, &error)),
    }
}

/// Returns the body of a response, in chunks of any size.
async fn body(store: &ObjectContentStore, found: GetResult) -> Result<ContentStream, ContentError> {
    let range = found.range;
    match found.payload {
        GetResultPayload::File(file, _) => {
            let mut file = tokio::fs::File::from_std(file);
            file.seek(SeekFrom::Start(range.start)).await?;
            let part = file.take(range.end - range.start);
            Ok(ReaderStream::with_capacity(part, CHUNK_BYTES).map_err(ContentError::from).boxed())
        }
        GetResultPayload::Stream(chunks) => {
            let store = store.clone();
            Ok(chunks.map_err(move |error| store.error(Operation::Read, &error)).boxed())
        }
    }
}

/// A content that is being read.
struct Download {
    store: ObjectContentStore,
    path: Path,
    e_tag: Option<String>,
    /// The range that was not read yet.
    remaining: Range<u64>,
    body: ContentStream,
}

impl Download {
    fn into_content(self, bytes: u64) -> Content {
        let chunks = stream::try_unfold(self, Self::next);
        let chunks = chunks.map_ok(|chunk| stream::iter(split(chunk)).map(Ok)).try_flatten();
        Content { bytes, chunks: chunks.boxed() }
    }

    /// Returns the next chunk of the remaining range. Ends only when the range is complete.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ContentError> {
        let started = Instant::now();
        let mut resumptions = 0;
        while !self.remaining.is_empty() {
            let error = match self.body.next().await {
                Some(Ok(chunk)) if chunk.is_empty() => continue,
                Some(Ok(chunk)) => {
                    let left = self.remaining.end - self.remaining.start;
                    if chunk.len() as u64 > left {
                        return Err(self.failed("the response is longer than requested"));
                    }
                    self.remaining.start += chunk.len() as u64;
                    return Ok(Some((chunk, self)));
                }
                Some(Err(error)) => error,
                None => self.failed("the response ended early"),
            };
            resumptions += 1;
            if resumptions > RESUMPTIONS || started.elapsed() > self.store.resume_timeout {
                return Err(error);
            }
            // `object_store` resumes only shortly after the start of a download, but a slow client may read for hours.
            tracing::debug!(path = %self.path, position = self.remaining.start, "resuming a download that was cut");
            let (e_tag, range) = (self.e_tag.clone(), self.remaining.clone());
            self.body = request(&self.store, &self.path, e_tag, range).await?;
        }
        Ok(None)
    }

    fn failed(&self, detail: &str) -> ContentError {
        StoreError::with_detail(Operation::Read, &self.store.name, detail).into()
    }
}

/// Splits a chunk into chunks of bounded size.
fn split(mut chunk: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let next = chunk.split_to(chunk.len().min(CHUNK_BYTES));
        (!next.is_empty()).then_some(next)
    })
}
