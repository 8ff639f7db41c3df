//! What is known about files; their contents lie elsewhere.

use uuid::Uuid;

use super::{Listed, Pending, Window};
use crate::time::Timestamp;

/// What is known about a file.
#[derive(Clone, Debug)]
pub(crate) struct FileEntry {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) purpose: String,
    pub(crate) mimetype: Option<String>,
    pub(crate) visibility: String,
    pub(crate) lines: Option<u64>,
    pub(crate) signature: String,
}

/// A file whose content is stored and which is now to be known.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    /// The id under which the content is stored.
    pub(crate) id: Uuid,
    /// Whether it is an export, which only its link reaches, rather than an uploaded file.
    pub(crate) export: bool,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) purpose: String,
    pub(crate) mimetype: Option<String>,
    pub(crate) visibility: String,
    pub(crate) lines: Option<u64>,
    pub(crate) signature: String,
}

/// Which files to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileFilter {
    /// Those alone whose name contains this, in any case.
    pub(crate) containing: Option<String>,
    /// Those alone with this purpose.
    pub(crate) purpose: Option<String>,
}

/// Keeps what is known about files. A file past its time is not there.
pub(crate) trait FileIndex {
    /// Makes a stored file known.
    fn add_file(&self, workspace: Uuid, new: NewFile) -> Pending<FileEntry>;

    /// One uploaded file.
    fn file(&self, workspace: Uuid, id: Uuid) -> Pending<FileEntry>;

    /// Uploaded files, newest first.
    fn files(
        &self,
        workspace: Uuid,
        filter: FileFilter,
        window: Window,
    ) -> Pending<Listed<FileEntry>>;

    /// Deletes an uploaded file.
    fn delete_file(&self, workspace: Uuid, id: Uuid) -> Pending<()>;

    /// A file or an export of whichever workspace, for a link that was signed here.
    fn linked_file(&self, id: Uuid) -> Pending<FileEntry>;

    /// The workspace of a file or an export, also of one past its time.
    fn workspace_of_file(&self, id: Uuid) -> Pending<Uuid>;

    /// Which of these contents no file needs: unknown, deleted, or past their time.
    fn unneeded_contents(&self, ids: Vec<Uuid>) -> Pending<Vec<Uuid>>;

    /// Deletes the files past their time and answers which they were.
    fn expire_files(&self) -> Pending<Vec<Uuid>>;
}
