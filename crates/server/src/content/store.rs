//! The contents of files, each in a file of the disk named by its id.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::disk_space;

/// Where contents lie. Its work waits for the disk, so it is done on threads that may wait.
#[derive(Clone, Debug)]
pub(crate) struct ContentStore {
    directory: PathBuf,
}

impl ContentStore {
    /// Takes a directory, made where it is missing. What an earlier server began to take in and did not finish is removed.
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        let contents = Self { directory };
        let incoming = contents.incoming();
        match std::fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(&incoming)?;
        Ok(contents)
    }

    fn incoming(&self) -> PathBuf {
        self.directory.join("incoming")
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// Begins to take in a content.
    pub(crate) fn begin(&self) -> io::Result<IncomingFile> {
        Ok(IncomingFile {
            file: BufWriter::with_capacity(256 << 10, NamedTempFile::new_in(self.incoming())?),
            directory: self.directory.clone(),
            digest: Sha256::new(),
            bytes: 0,
            newlines: 0,
            last: b'\n',
        })
    }

    /// Opens a content for reading.
    pub(crate) fn read(&self, id: Uuid) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Removes contents. One that is gone already is no failure.
    pub(crate) fn remove(&self, ids: &[Uuid]) -> io::Result<()> {
        for id in ids {
            match std::fs::remove_file(self.path(*id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The contents that are there.
    pub(crate) fn all(&self) -> io::Result<Vec<Uuid>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            ids.extend(entry?.file_name().to_str().and_then(|name| Uuid::try_parse(name).ok()));
        }
        Ok(ids)
    }
}

/// A content being taken in. Dropped unfinished, it leaves nothing.
pub(crate) struct IncomingFile {
    file: BufWriter<NamedTempFile>,
    directory: PathBuf,
    digest: Sha256,
    bytes: u64,
    newlines: u64,
    last: u8,
}

/// A content that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredFile {
    pub(crate) id: Uuid,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    /// The SHA-256 of the content, in hexadecimal.
    pub(crate) signature: String,
}

impl IncomingFile {
    /// Brings the content to the disk under a new id.
    pub(crate) fn finish(self) -> io::Result<StoredFile> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        // It fits, but then nothing could be written down any more, not even that it is deleted again.
        if disk_space::available(file.path()) < disk_space::RESERVED {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let id = Uuid::now_v7();
        file.persist(self.directory.join(id.to_string()))?;
        sync_directory(&self.directory)?;
        let signature = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // A last line counts whether it is ended or not.
        let lines = self.newlines + u64::from(self.last != b'\n');
        Ok(StoredFile { id, bytes: self.bytes, lines, signature })
    }
}

impl Write for IncomingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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

/// A new name is durable only when its directory is. Systems that cannot open directories have no need of it.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_content_is_there_when_it_is_finished_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let contents = ContentStore::open(directory.path().join("files")).unwrap();
        let mut incoming = contents.begin().unwrap();
        incoming.write_all(b"one\ntwo").unwrap();
        assert!(contents.all().unwrap().is_empty());
        let stored = incoming.finish().unwrap();
        assert_eq!((stored.bytes, stored.lines), (7, 2));
        assert_eq!(
            stored.signature,
            "21066d108d5319ecb5a1fc4454f42ef22fc5f1c7df49c31d90294950e0ea8b2c"
        );
        let mut text = String::new();
        contents.read(stored.id).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo");
        contents.remove(&[stored.id, stored.id]).unwrap();
        assert!(contents.all().unwrap().is_empty());
    }

    #[test]
    fn what_was_not_finished_is_gone_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let contents = ContentStore::open(directory.path().to_owned()).unwrap();
        let incoming = contents.begin().unwrap();
        let path = incoming.file.get_ref().path().to_owned();
        std::mem::forget(incoming);
        assert!(path.exists());
        ContentStore::open(directory.path().to_owned()).unwrap();
        assert!(!path.exists());
    }
}
