//! The interface of content stores: directories and object stores.

use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::ContentError;

/// The future result of an operation of a content store.
pub(crate) type ContentFuture<T> = BoxFuture<'static, Result<T, ContentError>>;

/// A content in chunks of bounded size.
pub(crate) type ContentStream = BoxStream<'static, Result<Bytes, ContentError>>;

/// Stores file contents under ids.
///
/// A content is immutable: it appears complete and durable, and is only read or deleted afterwards. Use [`ContentSink`] to write,
/// and [`open_verified`] or [`open_range`] to read: they compute and check sizes and checksums.
///
/// Every implementation must pass the tests in `contract`.
///
/// [`ContentSink`]: super::ContentSink
/// [`open_verified`]: super::open_verified
/// [`open_range`]: super::open_range
pub(crate) trait ContentStore: Send + Sync {
    /// Starts to write a content. It does not exist before [`ContentWriter::finish`] has completed.
    fn create(&self, id: Uuid) -> ContentFuture<Box<dyn ContentWriter>>;

    /// Opens the part of a content that is in `range`. Bytes beyond its end are ignored.
    ///
    /// If the content is deleted while it is read, the stream either continues to its end or fails; it never ends early.
    fn read(&self, id: Uuid, range: Range<u64>) -> ContentFuture<Content>;

    /// Deletes contents. Missing ones are ignored.
    fn delete(&self, ids: Vec<Uuid>) -> ContentFuture<()>;

    /// Returns the ids of all contents, in any order.
    fn list(&self) -> ContentFuture<Vec<Uuid>>;
}

/// Part of a stored content.
pub(crate) struct Content {
    /// The size of the whole content, in bytes.
    pub(crate) bytes: u64,
    /// The requested part.
    pub(crate) chunks: ContentStream,
}

/// Writes one content. Dropping it before [`finish`](Self::finish) discards what was written.
pub(crate) trait ContentWriter: Send {
    /// Appends bytes. After an error, or if the future is dropped before it has completed, the content can no longer be finished.
    ///
    /// Fails with [`ContentError::Full`] when only the reserved space is left.
    fn write(&mut self, part: Bytes) -> BoxFuture<'_, Result<(), ContentError>>;

    /// Makes the content durable, then visible.
    fn finish(self: Box<Self>) -> ContentFuture<()>;
}
