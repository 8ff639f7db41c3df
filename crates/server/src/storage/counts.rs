//! Object counts for metrics.

/// Object counts over all workspaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) datasets: u64,
    pub(crate) records: u64,
    /// Uploaded files and exports.
    pub(crate) files: u64,
    /// Total size of uploaded files and exports, in bytes.
    pub(crate) file_bytes: u64,
    /// Import tasks by status.
    pub(crate) tasks: Vec<(String, u64)>,
}
