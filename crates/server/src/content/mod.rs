//! File contents on disk, and signed links to them.

mod links;
mod store;

pub(crate) use links::{LinkError, LinkSigner};
pub(crate) use store::{ContentStore, IncomingFile};
