//! How much there is.

/// How much there is, in all workspaces together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) datasets: u64,
    pub(crate) records: u64,
    /// Uploaded files and exports, and their size.
    pub(crate) files: u64,
    pub(crate) file_bytes: u64,
    /// Import tasks by their status.
    pub(crate) tasks: Vec<(String, u64)>,
}
