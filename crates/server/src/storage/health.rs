//! The state of a storage, for readiness and metrics.

/// Which writes a storage accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskState {
    /// All writes.
    Writable,
    /// Only writes that free space, because the disk is full.
    Full,
    /// None, because an fsync failed. The server must be restarted.
    Failed,
    /// None until the database can be reached again.
    Unreachable,
}

/// The state of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) disk: DiskState,
    /// The number of bytes available on the disk, if known.
    pub(crate) free_bytes: Option<u64>,
    /// The size of the write-ahead log in bytes.
    pub(crate) wal_bytes: u64,
    /// The number of writes that are queued or being committed. For a database server, the number of operations that use a
    /// connection or wait for one.
    pub(crate) pending_writes: usize,
}
