//! Storage of file metadata. File contents are stored in `content`.

use uuid::Uuid;

use super::{Listed, Pending, Window};
use crate::time::Timestamp;

/// The metadata of a file.
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

/// The metadata of a file whose content is already stored.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    /// The id under which the content is stored.
    pub(crate) id: Uuid,
    /// Whether the file is an export, which is accessible only by its link, rather than an uploaded file.
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

/// A filter for listing files.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileFilter {
    /// Lists only files whose name contains this, ignoring case.
    pub(crate) containing: Option<String>,
    /// Lists only files with this purpose.
    pub(crate) purpose: Option<String>,
}

/// Stores the metadata of files. An expired file does not exist.
pub(crate) trait FileIndex {
    /// Adds a file whose content is stored.
    fn add_file(&self, workspace: Uuid, new: NewFile) -> Pending<FileEntry>;

    /// Returns an uploaded file.
    fn file(&self, workspace: Uuid, id: Uuid) -> Pending<FileEntry>;

    /// Lists uploaded files, newest first.
    fn files(
        &self,
        workspace: Uuid,
        filter: FileFilter,
        window: Window,
    ) -> Pending<Listed<FileEntry>>;

    /// Deletes an uploaded file. Returns whether its content can be removed now. If an unfinished import needs the content,
    /// [`expire_files`](Self::expire_files) returns the file later.
    fn delete_file(&self, workspace: Uuid, id: Uuid) -> Pending<bool>;

    /// Returns a file or an export of any workspace, for a verified signed link.
    fn linked_file(&self, id: Uuid) -> Pending<FileEntry>;

    /// Returns the workspace of a file or an export, even if it has expired.
    fn workspace_of_file(&self, id: Uuid) -> Pending<Uuid>;

    /// Returns the given ids that belong neither to an existing file nor to one that an unfinished import needs, so that their
    /// contents can be removed.
    fn orphaned_contents(&self, ids: Vec<Uuid>) -> Pending<Vec<Uuid>>;

    /// Deletes expired files. Returns the ids of deleted files whose contents no unfinished import needs any more.
    fn expire_files(&self) -> Pending<Vec<Uuid>>;
}
