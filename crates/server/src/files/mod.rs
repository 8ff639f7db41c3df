//! Files: their contents on the disk, and links that open them without a key.

mod contents;
mod links;

pub(crate) use contents::{Contents, Incoming};
pub(crate) use links::{LinkError, Signer};
