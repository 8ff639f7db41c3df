//! File contents in an object store: S3 and what is compatible with it, Azure Blob Storage, Google Cloud Storage, or a shared
//! directory. Several servers can use the same store.
//!
//! A content is the object `PREFIX/ID`, where the id is a UUID in lower case with hyphens. Other objects below the prefix are ignored.
//! Objects have no metadata of their own: sizes and checksums are in the database.
//!
//! - [`location`] parses the URL of a store, and [`configuration`] opens it with the credentials in the environment.
//! - [`http_client`] sends the requests, with bounded timeouts. [`limits`] defines them, and how often a request is retried.
//! - [`upload`] writes contents of more than [`PART_BYTES`](upload::PART_BYTES) in parts. A server that crashes leaves such an upload
//!   incomplete. It is invisible, but costs storage, so buckets on S3 and Google Cloud should have a lifecycle rule that aborts
//!   incomplete uploads after a day. Azure removes them after a week. In a directory they are files whose names end with `#` and a
//!   number, which can be removed when they are old.
//! - [`download`] reads contents, and resumes when a response is cut.

mod configuration;
mod download;
mod error;
#[cfg(test)]
mod fake_s3;
#[cfg(test)]
mod fault_tests;
mod http_client;
mod limits;
mod location;
#[cfg(test)]
mod tests;
mod upload;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ::object_store::path::Path;
use ::object_store::{ObjectMeta, ObjectStore};
use futures::stream::{self, StreamExt, TryStreamExt};
use futures::{FutureExt, future};
use uuid::Uuid;

use super::{Content, ContentError, ContentFuture, ContentStore, ContentWriter};
use error::{OpenError, Operation, content_error};
use limits::RequestLimits;
pub(crate) use location::ObjectLocation;

/// Stores each content as an object. Clones share their connections.
#[derive(Clone)]
pub(crate) struct ObjectContentStore {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The URL of the store, for errors.
    name: Arc<str>,
    /// How long a download that is cut may be resumed without reading anything.
    resume_timeout: Duration,
}

impl ObjectContentStore {
    /// Opens a store with the credentials and options in the environment, without sending a request.
    pub(crate) fn open(location: &ObjectLocation) -> Result<Self, OpenError> {
        let environment = configuration::Environment::of_process();
        Self::open_with(location, &environment, &RequestLimits::default())
    }

    fn open_with(
        location: &ObjectLocation,
        environment: &configuration::Environment,
        limits: &RequestLimits,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            objects: configuration::open(location, environment, limits)?,
            prefix: location.prefix().clone(),
            name: location.to_string().into(),
            resume_timeout: limits.retry.retry_timeout,
        })
    }

    fn path(&self, id: Uuid) -> Path {
        self.prefix.clone().join(id.to_string())
    }

    /// Returns the id of an object, or `None` if it is no content.
    fn id(&self, object: &ObjectMeta) -> Option<Uuid> {
        let mut parts = object.location.prefix_match(&self.prefix)?;
        let name = parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        // UUIDs have several notations, but each content has one name.
        Uuid::try_parse(name.as_ref()).ok().filter(|id| id.to_string() == name.as_ref())
    }

    /// Converts the error of an operation.
    fn error(&self, operation: Operation, error: &::object_store::Error) -> ContentError {
        content_error(operation, &self.name, error)
    }
}

impl ContentStore for ObjectContentStore {
    fn create(&self, id: Uuid) -> ContentFuture<Box<dyn ContentWriter>> {
        let store = self.clone();
        async move { Ok(Box::new(upload::ObjectWriter::start(store, id)) as Box<dyn ContentWriter>) }
            .boxed()
    }

    fn read(&self, id: Uuid, range: Range<u64>) -> ContentFuture<Content> {
        download::open(self.clone(), id, range).boxed()
    }

    fn delete(&self, mut ids: Vec<Uuid>) -> ContentFuture<()> {
        let store = self.clone();
        async move {
            // A bulk deletion on Azure must not name an object twice.
            ids.sort_unstable();
            ids.dedup();
            let paths = Vec::from_iter(ids.into_iter().map(|id| Ok(store.path(id))));
            let mut deleting = store.objects.delete_stream(stream::iter(paths).boxed());
            let mut failed = None;
            while let Some(result) = deleting.next().await {
                match result.map_err(|error| store.error(Operation::Delete, &error)) {
                    Ok(_) | Err(ContentError::Missing) => {}
                    // The other contents are deleted nevertheless.
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            failed.map_or(Ok(()), Err)
        }
        .boxed()
    }

    fn list(&self) -> ContentFuture<Vec<Uuid>> {
        let store = self.clone();
        async move {
            let prefix = (!store.prefix.is_root()).then_some(&store.prefix);
            let ids = store.objects.list(prefix);
            let ids = ids.try_filter_map(|object| future::ready(Ok(store.id(&object))));
            ids.try_collect().await.map_err(|error| store.error(Operation::List, &error))
        }
        .boxed()
    }
}
