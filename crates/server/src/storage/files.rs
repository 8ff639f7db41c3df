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
    /// What the file is an export of. An export is accessible only by its link. `None` for an uploaded file.
    pub(crate) export: Option<ExportedRevision>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) purpose: String,
    pub(crate) mimetype: Option<String>,
    pub(crate) visibility: String,
    pub(crate) lines: Option<u64>,
    pub(crate) signature: String,
}

/// The records that an export contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExportedRevision {
    pub(crate) dataset: Uuid,
    /// The revision of the dataset, as returned by [`RecordStore::visit_records`].
    ///
    /// [`RecordStore::visit_records`]: super::RecordStore::visit_records
    pub(crate) revision: u64,
}

/// Which files have been kept long enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Files whose expiry time is not later than this are deleted.
    pub(crate) expired: Timestamp,
    /// Uploaded files that were created at this time or earlier are deleted.
    pub(crate) uploaded: Option<Timestamp>,
    /// What remains of files that were deleted at this time or earlier is removed.
    pub(crate) deleted: Timestamp,
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
///
/// Deleting a file makes its content inaccessible. [`discarded_files`](FileIndex::discarded_files) then returns the file until
/// [`erase_files`](FileIndex::erase_files) confirms that the content is removed, also after a restart.
pub(crate) trait FileIndex {
    /// Adds a file whose content is stored. Fails if it is an export of a dataset that does not exist.
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

    /// Deletes an uploaded file.
    fn delete_file(&self, workspace: Uuid, id: Uuid) -> Pending<()>;

    /// Returns the export of a dataset, if its records have not changed since. The export then expires at `expires`, unless it
    /// expires later already.
    fn reuse_export(
        &self,
        workspace: Uuid,
        dataset: Uuid,
        expires: Timestamp,
    ) -> Pending<Option<FileEntry>>;

    /// Deletes an export, so that it is not reused. Uploaded files are ignored.
    fn discard_export(&self, id: Uuid) -> Pending<()>;

    /// Returns a file or an export of any workspace, for a verified signed link.
    fn linked_file(&self, id: Uuid) -> Pending<FileEntry>;

    /// Returns the workspace of a file or an export, even if it has expired or was deleted some days ago.
    fn workspace_of_file(&self, id: Uuid) -> Pending<Uuid>;

    /// Returns the given ids that no file has, so that their contents can be removed.
    ///
    /// A storage that several servers share leaves out ids that are so new that another server may still be uploading their contents.
    /// It also prevents that a file is added with a returned id later, so an upload fails instead of losing its content.
    fn orphaned_contents(&self, ids: Vec<Uuid>) -> Pending<Vec<Uuid>>;

    /// Deletes some files that have been kept long enough. Returns whether there were any.
    fn expire_files(&self, retention: Retention) -> Pending<bool>;

    /// Returns some deleted files, and files of discarded workspaces, whose contents have to be removed. The contents that unfinished
    /// imports read are still needed.
    fn discarded_files(&self) -> Pending<Vec<Uuid>>;

    /// Removes everything but the id and the times of discarded files. Their contents must be removed before.
    fn erase_files(&self, ids: Vec<Uuid>) -> Pending<()>;
}
