//! Stores file contents on disk. Each file is named by its id.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::disk_space::{Claim, DiskSpace};
use crate::private_files;

/// The size of the write buffer, in bytes.
const BUFFER: usize = 256 << 10;

/// How much space is claimed at once, in bytes.
const CLAIM: usize = 1 << 20;

/// A directory of stored files. Its methods block, so call them on a thread that may block.
#[derive(Clone)]
pub(crate) struct ContentStore {
    directory: PathBuf,
    space: DiskSpace,
}

impl ContentStore {
    /// Opens a directory, creating it if it is missing. Removes incomplete files left by an earlier server.
    pub(crate) fn open(directory: PathBuf, space: DiskSpace) -> io::Result<Self> {
        let contents = Self { directory, space };
        let incoming = contents.incoming();
        match std::fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        private_files::create_directory(&contents.directory)?;
        private_files::create_directory(&incoming)?;
        Ok(contents)
    }

    fn incoming(&self) -> PathBuf {
        self.directory.join("incoming")
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// Starts writing a new file.
    pub(crate) fn create(&self) -> io::Result<IncomingFile> {
        Ok(IncomingFile {
            file: BufWriter::with_capacity(BUFFER, NamedTempFile::new_in(self.incoming())?),
            directory: self.directory.clone(),
            space: self.space.clone(),
            claim: None,
            claimed: 0,
            digest: Sha256::new(),
            bytes: 0,
            newlines: 0,
            last: b'\n',
        })
    }

    /// Opens a stored file for reading.
    pub(crate) fn open_content(&self, id: Uuid) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Removes stored files. Missing ones are ignored.
    pub(crate) fn remove(&self, ids: &[Uuid]) -> io::Result<()> {
        for id in ids {
            match std::fs::remove_file(self.path(*id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the ids of all stored files.
    pub(crate) fn list(&self) -> io::Result<Vec<Uuid>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            ids.extend(entry?.file_name().to_str().and_then(|name| Uuid::try_parse(name).ok()));
        }
        Ok(ids)
    }
}

/// A file that is being written. Dropping it before [`finish`](Self::finish) removes it.
pub(crate) struct IncomingFile {
    file: BufWriter<NamedTempFile>,
    directory: PathBuf,
    space: DiskSpace,
    /// The space for what was written since the last check and may still be in the buffer.
    claim: Option<Claim>,
    /// How many bytes can be written before the next check.
    claimed: usize,
    digest: Sha256,
    bytes: u64,
    newlines: u64,
    last: u8,
}

/// A file that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredFile {
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    /// The number of lines, including a last line without a line end.
    pub(crate) lines: u64,
    /// The SHA-256 of the content, in hexadecimal.
    pub(crate) signature: String,
}

impl IncomingFile {
    /// Makes sure that `bytes` more bytes fit on the disk.
    fn claim_space(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.claimed {
            // What was written since the last check is no longer available, except for the buffer.
            self.claim = None;
            let claimed = bytes.max(CLAIM);
            let claim = self.space.claim((claimed + BUFFER) as u64);
            self.claim = Some(claim.ok_or(io::ErrorKind::StorageFull)?);
            self.claimed = claimed;
        }
        self.claimed -= bytes;
        Ok(())
    }

    /// Syncs the file to disk and stores it under a new id.
    pub(crate) fn finish(self) -> io::Result<StoredFile> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        let id = Uuid::now_v7();
        file.persist(self.directory.join(id.to_string()))?;
        sync_directory(&self.directory)?;
        let signature = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let lines = self.newlines + u64::from(self.last != b'\n');
        Ok(StoredFile { id, bytes: self.bytes, lines, signature })
    }
}

impl Write for IncomingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.claim_space(bytes.len())?;
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.newlines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a rename durable. Only Unix requires this, and allows opening directories.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn space(directory: &tempfile::TempDir) -> DiskSpace {
        DiskSpace::without_reserve_file(directory.path())
    }

    #[test]
    fn a_file_is_stored_only_when_it_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let contents =
            ContentStore::open(directory.path().join("files"), space(&directory)).unwrap();
        let mut incoming = contents.create().unwrap();
        incoming.write_all(b"one\ntwo").unwrap();
        assert!(contents.list().unwrap().is_empty());
        let stored = incoming.finish().unwrap();
        assert_eq!((stored.bytes, stored.lines), (7, 2));
        assert_eq!(
            stored.signature,
            "21066d108d5319ecb5a1fc4454f42ef22fc5f1c7df49c31d90294950e0ea8b2c"
        );
        let mut text = String::new();
        contents.open_content(stored.id).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo");
        contents.remove(&[stored.id, stored.id]).unwrap();
        assert!(contents.list().unwrap().is_empty());
    }

    #[test]
    fn unfinished_files_are_removed_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let contents = ContentStore::open(directory.path().to_owned(), space(&directory)).unwrap();
        let incoming = contents.create().unwrap();
        let path = incoming.file.get_ref().path().to_owned();
        std::mem::forget(incoming);
        assert!(path.exists());
        ContentStore::open(directory.path().to_owned(), space(&directory)).unwrap();
        assert!(!path.exists());
    }
}
