//! Writes contents to an object store.

use std::time::Duration;

use ::object_store::path::Path;
use ::object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::error::{Operation, StoreError, is_outcome_unknown};
use super::{ContentStore, ObjectContentStore};
use crate::content::{ContentError, ContentFuture, ContentWriter};

/// The size of a part of an upload, in bytes. It is the minimum of S3, and at most 10,000 parts are allowed there, so the maximum size
/// of a content is 48 GiB. An upload has two parts in memory: one that is sent and one that is collected.
pub(super) const PART_BYTES: usize = 5 << 20;

/// How long an upload with an unknown outcome is looked up.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes a content to a task that uploads it.
///
/// The task outlives a writer that is dropped, because only a request can abort an upload.
pub(super) struct ObjectWriter {
    /// `None` after an error, and while a write is in progress.
    pieces: Option<mpsc::Sender<Piece>>,
    uploading: Option<JoinHandle<Result<(), ContentError>>>,
}

enum Piece {
    Bytes(Bytes),
    /// Makes the content visible, unless the receiver is gone by then.
    Finish(oneshot::Sender<()>),
}

impl ObjectWriter {
    /// Starts to write a content. Must be called on a tokio runtime.
    pub(super) fn start(store: ObjectContentStore, id: Uuid) -> Self {
        let (pieces, received) = mpsc::channel(1);
        let upload = Upload { path: store.path(id), store, id, bytes: 0 };
        let uploading = tokio::spawn(upload.run(Pieces::new(received)));
        Self { pieces: Some(pieces), uploading: Some(uploading) }
    }

    /// Waits for the task, which has ended with an error.
    async fn error(&mut self) -> ContentError {
        let Some(uploading) = self.uploading.take() else { return ContentError::already_failed() };
        match uploading.await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => ContentError::already_failed(),
            Err(panic) => ContentError::Failed(panic.into()),
        }
    }
}

impl ContentWriter for ObjectWriter {
    fn write(&mut self, part: Bytes) -> BoxFuture<'_, Result<(), ContentError>> {
        async move {
            let pieces = self.pieces.take().ok_or_else(ContentError::already_failed)?;
            if pieces.send(Piece::Bytes(part)).await.is_err() {
                return Err(self.error().await);
            }
            self.pieces = Some(pieces);
            Ok(())
        }
        .boxed()
    }

    fn finish(mut self: Box<Self>) -> ContentFuture<()> {
        async move {
            let pieces = self.pieces.take().ok_or_else(ContentError::already_failed)?;
            let (finished, waiting) = oneshot::channel();
            // If the upload has failed, both ends are gone and the task returns the error.
            let _ = pieces.send(Piece::Finish(finished)).await;
            if waiting.await.is_err() {
                return Err(self.error().await);
            }
            Ok(())
        }
        .boxed()
    }
}

/// An upload in progress.
struct Upload {
    store: ObjectContentStore,
    path: Path,
    id: Uuid,
    /// The number of bytes that were sent.
    bytes: u64,
}

impl Upload {
    async fn run(mut self, mut pieces: Pieces) -> Result<(), ContentError> {
        let finished = match pieces.next_part().await {
            Part::Full(part) => self.send_parts(part, pieces).await?,
            Part::Last(part, finished) => {
                self.send_object(part).await?;
                Some(finished)
            }
            Part::Discarded => None,
        };
        let Some(finished) = finished else { return Ok(()) };
        if finished.send(()).is_err() {
            // The writer was dropped when it was too late to stop.
            self.store.delete(vec![self.id]).await?;
        }
        Ok(())
    }

    /// Sends a small content in one request.
    async fn send_object(&mut self, content: PutPayload) -> Result<(), ContentError> {
        self.bytes = content.content_length() as u64;
        match self.store.objects.put(&self.path, content).await {
            Ok(_) => Ok(()),
            Err(error) => self.settle(error).await,
        }
    }

    /// Sends a content in parts. Returns `None` if it was discarded.
    async fn send_parts(
        &mut self,
        first: PutPayload,
        pieces: Pieces,
    ) -> Result<Option<oneshot::Sender<()>>, ContentError> {
        let mut upload = match self.store.objects.put_multipart(&self.path).await {
            Ok(upload) => upload,
            Err(error) => return Err(self.failed(&error)),
        };
        let result = self.send_all(&mut *upload, first, pieces).await;
        if matches!(result, Err(_) | Ok(None)) {
            // The writer should not have to wait for an unresponsive store once more.
            tokio::spawn(abort(upload, self.store.clone(), self.id));
        }
        result
    }

    async fn send_all(
        &mut self,
        upload: &mut dyn MultipartUpload,
        first: PutPayload,
        mut pieces: Pieces,
    ) -> Result<Option<oneshot::Sender<()>>, ContentError> {
        let mut part = first;
        loop {
            let collecting = pieces.next_part().map(Ok);
            let (next, ()) = future::try_join(collecting, self.send_part(upload, part)).await?;
            match next {
                Part::Full(next) => part = next,
                Part::Last(last, finished) => {
                    if last.content_length() > 0 {
                        self.send_part(upload, last).await?;
                    }
                    match upload.complete().await {
                        Ok(_) => return Ok(Some(finished)),
                        Err(error) => self.settle(error).await?,
                    }
                    return Ok(Some(finished));
                }
                Part::Discarded => return Ok(None),
            }
        }
    }

    async fn send_part(
        &mut self,
        upload: &mut dyn MultipartUpload,
        part: PutPayload,
    ) -> Result<(), ContentError> {
        self.bytes += part.content_length() as u64;
        upload.put_part(part).await.map_err(|error| self.failed(&error))
    }

    /// Decides whether the request that makes the content visible was executed although it failed.
    ///
    /// Ids are unique, so an object of the right size is this content.
    async fn settle(&self, error: ::object_store::Error) -> Result<(), ContentError> {
        if is_outcome_unknown(&error)
            && let Ok(Ok(found)) =
                timeout(SETTLE_TIMEOUT, self.store.objects.head(&self.path)).await
            && found.size == self.bytes
        {
            tracing::debug!(id = %self.id, "a content was stored by a request without a response");
            return Ok(());
        }
        Err(self.failed(&error))
    }

    fn failed(&self, error: &::object_store::Error) -> ContentError {
        self.store.error(Operation::Write, error)
    }
}

/// Removes the parts of an upload.
async fn abort(mut upload: Box<dyn MultipartUpload>, store: ObjectContentStore, id: Uuid) {
    if let Err(error) = upload.abort().await {
        let error = StoreError::new(Operation::Write, &store.name, &error);
        tracing::warn!(%id, %error, "the upload of a content could not be aborted");
    }
}

/// Collects what a writer passes into parts of the same size, which some stores require.
struct Pieces {
    received: mpsc::Receiver<Piece>,
    /// The rest of the piece that was received last.
    piece: Bytes,
}

enum Part {
    /// A part of [`PART_BYTES`], which others may follow.
    Full(PutPayload),
    /// The last part, which is smaller and may be empty.
    Last(PutPayload, oneshot::Sender<()>),
    /// The writer was dropped.
    Discarded,
}

impl Pieces {
    fn new(received: mpsc::Receiver<Piece>) -> Self {
        Self { received, piece: Bytes::new() }
    }

    async fn next_part(&mut self) -> Part {
        let (mut part, mut missing) = (Vec::new(), PART_BYTES);
        while missing > 0 {
            if self.piece.is_empty() {
                match self.received.recv().await {
                    Some(Piece::Bytes(bytes)) => self.piece = bytes,
                    Some(Piece::Finish(finished)) => {
                        return Part::Last(part.into_iter().collect(), finished);
                    }
                    None => return Part::Discarded,
                }
            }
            let next = self.piece.split_to(missing.min(self.piece.len()));
            missing -= next.len();
            part.push(next);
        }
        Part::Full(part.into_iter().collect())
    }
}
