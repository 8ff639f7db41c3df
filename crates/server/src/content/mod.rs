//! File contents, and signed links to them.

#[cfg(test)]
mod contract;
mod directory;
mod error;
mod links;
#[cfg(feature = "scale-out")]
mod objects;
mod read;
mod sink;
mod store;

pub(crate) use directory::DirectoryStore;
pub(crate) use error::ContentError;
pub(crate) use links::{LinkError, LinkSigner};
#[cfg(feature = "scale-out")]
pub(crate) use objects::{ObjectContentStore, ObjectLocation};
pub(crate) use read::{BlockingReader, ExpectedContent, open_range, open_verified};
pub(crate) use sink::ContentSink;
#[cfg(test)]
pub(crate) use sink::StoredContent;
pub(crate) use store::{Content, ContentFuture, ContentStore, ContentStream, ContentWriter};
