//! The disk space of a data directory.
//!
//! At every moment, what is still to be written fits on the disk:
//!
//! - what the database *owes*: the part of the WAL that a checkpoint adds to the database file,
//! - what is *claimed*: bytes that uploads, exports and the current transaction are about to write,
//! - the *reserve*: a preallocated file. Writes that free space may use it when nothing else is left.
//!
//! A writer of content claims its size first, and is refused if it does not fit. The reserve is kept across
//! restarts, so a server starts on a full disk, and its last checkpoint succeeds. The reserve protects against other programs
//! that fill the disk; nothing protects what the database owes against them, so it is kept small on a disk that is nearly full.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The maximum size of the reserve. A delete of 500 records, each in another part of a large database, writes as much.
const MAX_RESERVE: u64 = 16 << 20;

/// The minimum size of the reserve.
const MIN_RESERVE: u64 = 2 << 20;

/// The reserve takes at most this part of the disk.
const RESERVE_SHARE: u64 = 8;

/// Space that is never used by content, in bytes: for directories, SQLite's shared memory and the metadata of the file system.
const MARGIN: u64 = 1 << 20;

/// The disk space of a data directory. Clones share their state.
#[derive(Clone)]
pub(crate) struct DiskSpace(Arc<Shared>);

struct Shared {
    source: Source,
    owed: AtomicU64,
    claimed: AtomicU64,
    reserve: Mutex<Reserve>,
}

/// Tells how much space is available.
enum Source {
    FileSystem(PathBuf),
    /// A directory that may grow to a number of bytes. For tests on machines that cannot mount small file systems.
    #[cfg(test)]
    Quota(PathBuf, u64),
}

/// A file that keeps space for writes that free space.
struct Reserve {
    file: Option<File>,
    length: u64,
    wanted: u64,
}

impl DiskSpace {
    /// Observes a directory that keeps no reserve file: the reserve is part of the space that content may not use.
    pub(crate) fn without_reserve_file(directory: &Path) -> Self {
        Self::new(Source::FileSystem(directory.to_owned()), None)
    }

    /// Opens the reserve file of a directory, which is created if there is enough space. If nothing is left on the disk, the
    /// reserve is released, so that the database can be opened; call [`restore_reserve`](Self::restore_reserve) afterwards.
    pub(crate) fn open(directory: &Path, reserve: &Path) -> io::Result<Self> {
        Self::open_source(Source::FileSystem(directory.to_owned()), reserve)
    }

    /// Like [`open`](Self::open), for a directory that may grow to `quota` bytes.
    #[cfg(test)]
    pub(crate) fn with_quota(directory: &Path, reserve: &Path, quota: u64) -> io::Result<Self> {
        Self::open_source(Source::Quota(directory.to_owned(), quota), reserve)
    }

    fn open_source(source: Source, reserve: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(false).write(true).open(reserve)?;
        let space = Self::new(source, Some(file));
        if space.available() < MARGIN {
            space.use_reserve();
        } else {
            space.restore_reserve();
        }
        Ok(space)
    }

    fn new(source: Source, file: Option<File>) -> Self {
        let wanted = (source.capacity() / RESERVE_SHARE).clamp(MIN_RESERVE, MAX_RESERVE);
        let length = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |m| m.len());
        let reserve = Mutex::new(Reserve { file, length, wanted });
        Self(Arc::new(Shared { source, owed: 0.into(), claimed: 0.into(), reserve }))
    }

    /// Returns the number of bytes available on the disk.
    pub(crate) fn available(&self) -> u64 {
        self.0.source.available()
    }

    /// Returns the number of bytes that can still be claimed.
    pub(crate) fn unclaimed(&self) -> u64 {
        let promised = [
            self.0.owed.load(Ordering::Relaxed),
            self.0.claimed.load(Ordering::Relaxed),
            self.reserve().missing(),
            MARGIN,
        ];
        self.available().saturating_sub(promised.iter().fold(0, |a, b| a.saturating_add(*b)))
    }

    /// Claims space for content that is about to be written. Returns `None` if it does not fit. Drop the claim when the content is
    /// written.
    pub(crate) fn claim(&self, bytes: u64) -> Option<Claim> {
        // Concurrent claims see each other, because each is counted before it is checked.
        let claim = self.force_claim(bytes);
        let fits = self.unclaimed() > 0 || bytes == 0;
        fits.then_some(claim)
    }

    /// Claims space without checking whether it fits.
    pub(crate) fn force_claim(&self, bytes: u64) -> Claim {
        self.0.claimed.fetch_add(bytes, Ordering::Relaxed);
        Claim { space: self.clone(), bytes }
    }

    /// Sets how many bytes the next checkpoint adds to the database file.
    pub(crate) fn set_owed(&self, bytes: u64) {
        self.0.owed.store(bytes, Ordering::Relaxed);
    }

    /// Releases the reserve, so that it can be used until [`restore_reserve`](Self::restore_reserve) is called.
    pub(crate) fn use_reserve(&self) {
        self.reserve().resize(0);
    }

    /// Returns whether part of the reserve is in use.
    pub(crate) fn is_reserve_used(&self) -> bool {
        let reserve = self.reserve();
        reserve.file.is_some() && reserve.missing() > 0
    }

    /// Restores the reserve as far as the disk allows.
    pub(crate) fn restore_reserve(&self) {
        let mut reserve = self.reserve();
        let missing = reserve.missing();
        if reserve.file.is_some() && missing > 0 {
            let owed = self.0.owed.load(Ordering::Relaxed);
            let free = self.available().saturating_sub(owed.saturating_add(MARGIN));
            let length = reserve.length + missing.min(free);
            reserve.resize(length);
        }
    }

    fn reserve(&self) -> MutexGuard<'_, Reserve> {
        self.0.reserve.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserve {
    fn missing(&self) -> u64 {
        self.wanted.saturating_sub(self.length)
    }

    fn resize(&mut self, length: u64) {
        let Some(file) = &self.file else { return };
        let resized =
            if length > self.length { allocate(file, length) } else { file.set_len(length) };
        match resized {
            Ok(()) => self.length = length,
            // Another program may have taken the space in the meantime.
            Err(error) => tracing::warn!(%error, "failed to resize the disk space reserve"),
        }
    }
}

/// Extends a file to a length, such that writing to it needs no more space.
#[cfg(unix)]
fn allocate(file: &File, length: u64) -> io::Result<()> {
    let allocated = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, length);
    match allocated {
        // The file system cannot allocate in advance. The length alone then keeps no space, but other content still counts it.
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(length),
        allocated => Ok(allocated?),
    }
}

#[cfg(not(unix))]
fn allocate(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)
}

/// Claimed disk space. Dropping it ends the claim.
pub(crate) struct Claim {
    space: DiskSpace,
    bytes: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.space.0.claimed.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Source {
    /// Returns the number of available bytes, or `u64::MAX` if the operating system cannot tell.
    fn available(&self) -> u64 {
        match self {
            Self::FileSystem(directory) => file_system(directory).0,
            #[cfg(test)]
            Self::Quota(directory, quota) => quota.saturating_sub(size(directory)),
        }
    }

    /// Returns the size of the file system in bytes, or `u64::MAX` if the operating system cannot tell.
    fn capacity(&self) -> u64 {
        match self {
            Self::FileSystem(directory) => file_system(directory).1,
            #[cfg(test)]
            Self::Quota(_, quota) => *quota,
        }
    }
}

/// Returns the available bytes and the size of a file system.
#[cfg(unix)]
fn file_system(directory: &Path) -> (u64, u64) {
    match rustix::fs::statvfs(directory) {
        Ok(found) => (
            found.f_bavail.saturating_mul(found.f_frsize),
            found.f_blocks.saturating_mul(found.f_frsize),
        ),
        Err(_) => (u64::MAX, u64::MAX),
    }
}

/// The available disk space is not known on this platform.
#[cfg(not(unix))]
fn file_system(_directory: &Path) -> (u64, u64) {
    (u64::MAX, u64::MAX)
}

/// Returns the size of all files in a directory.
#[cfg(test)]
fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len().next_multiple_of(4096),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn space(directory: &Path, quota: u64) -> DiskSpace {
        DiskSpace::with_quota(directory, &directory.join("reserve"), quota).unwrap()
    }

    #[test]
    fn the_reserve_what_is_owed_and_claims_reduce_what_can_be_claimed() {
        let directory = tempfile::tempdir().unwrap();
        let space = space(directory.path(), 64 * MB);
        // An eighth of the disk is in the reserve.
        assert_eq!((space.available(), space.unclaimed()), (56 * MB, 55 * MB));
        space.set_owed(5 * MB);
        let first = space.claim(30 * MB).expect("it fits");
        assert_eq!(space.unclaimed(), 20 * MB);
        assert!(space.claim(20 * MB).is_none());
        assert_eq!(space.unclaimed(), 20 * MB, "a refused claim does not count");
        let second = space.claim(19 * MB);
        assert!(second.is_some());
        drop((first, second));
        assert_eq!(space.unclaimed(), 50 * MB);
    }

    #[test]
    fn the_reserve_is_released_on_a_full_disk_and_restored_when_space_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = directory.path().join("reserve");
        drop(space(directory.path(), 64 * MB));
        assert_eq!(reserve.metadata().unwrap().len(), 8 * MB);
        let filler = File::create(directory.path().join("filler")).unwrap();
        filler.set_len(56 * MB).unwrap();
        // Opened again without any free space.
        let space = space(directory.path(), 64 * MB);
        assert_eq!(reserve.metadata().unwrap().len(), 0);
        assert_eq!(space.unclaimed(), 0);
        assert!(space.is_reserve_used());
        space.restore_reserve();
        assert_eq!(reserve.metadata().unwrap().len(), 7 * MB, "the margin stays free");
        assert_eq!(space.unclaimed(), 0);
        filler.set_len(0).unwrap();
        space.restore_reserve();
        assert_eq!(space.unclaimed(), 55 * MB);
        assert!(!space.is_reserve_used());
    }
}
