//! File contents in a directory. Each file is named by its id.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::{Content, ContentError, ContentFuture, ContentStore, ContentWriter};
use crate::disk_space::DiskSpace;
use crate::private_files;

/// The maximum size of a chunk that is read, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Stores each content as a file in a directory.
#[derive(Clone)]
pub(crate) struct DirectoryStore {
    directory: PathBuf,
    space: DiskSpace,
}

impl DirectoryStore {
    /// Opens a directory, creating it if it is missing. Removes incomplete files left by an earlier server.
    pub(crate) fn open(directory: PathBuf, space: DiskSpace) -> io::Result<Self> {
        let store = Self { directory, space };
        let incoming = store.incoming();
        match std::fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        private_files::create_directory(&store.directory)?;
        private_files::create_directory(&incoming)?;
        Ok(store)
    }

    fn incoming(&self) -> PathBuf {
        self.directory.join("incoming")
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.directory.join(id.to_string())
    }
}

/// Runs file I/O on a thread that may block.
fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> ContentFuture<T> {
    let working = tokio::task::spawn_blocking(work);
    async move {
        match working.await {
            Ok(result) => Ok(result?),
            Err(panic) => Err(ContentError::Failed(panic.into())),
        }
    }
    .boxed()
}

impl ContentStore for DirectoryStore {
    fn create(&self, id: Uuid) -> ContentFuture<Box<dyn ContentWriter>> {
        let (directory, incoming) = (self.directory.clone(), self.incoming());
        let space = self.space.clone();
        blocking(move || {
            let file = Some(NamedTempFile::new_in(incoming)?);
            let writer = DirectoryWriter { file, directory, id, space };
            Ok(Box::new(writer) as Box<dyn ContentWriter>)
        })
    }

    fn read(&self, id: Uuid, range: Range<u64>) -> ContentFuture<Content> {
        let path = self.path(id);
        async move {
            let opening = blocking(move || {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(range.start))?;
                Ok((file.metadata()?.len(), file))
            });
            let (bytes, file) = opening.await?;
            let part = tokio::fs::File::from_std(file).take(range.end.saturating_sub(range.start));
            let chunks = ReaderStream::with_capacity(part, CHUNK_BYTES);
            Ok(Content { bytes, chunks: chunks.map_err(ContentError::from).boxed() })
        }
        .boxed()
    }

    fn delete(&self, ids: Vec<Uuid>) -> ContentFuture<()> {
        let store = self.clone();
        blocking(move || {
            for id in ids {
                match std::fs::remove_file(store.path(id)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        })
    }

    fn list(&self) -> ContentFuture<Vec<Uuid>> {
        let directory = self.directory.clone();
        blocking(move || {
            let mut ids = Vec::new();
            for entry in std::fs::read_dir(directory)? {
                ids.extend(entry?.file_name().to_str().and_then(|name| Uuid::try_parse(name).ok()));
            }
            Ok(ids)
        })
    }
}

/// Writes a temporary file, which is renamed at the end.
struct DirectoryWriter {
    /// `None` after an error, and while a write is in progress.
    file: Option<NamedTempFile>,
    directory: PathBuf,
    id: Uuid,
    space: DiskSpace,
}

impl ContentWriter for DirectoryWriter {
    fn write(&mut self, part: Bytes) -> BoxFuture<'_, Result<(), ContentError>> {
        async move {
            let mut file = self.file.take().ok_or_else(ContentError::already_failed)?;
            let space = self.space.clone();
            let writing = blocking(move || {
                // Without this check, a large upload could fill the disk and make other writes fail before it fails itself.
                let _claim = space.claim(part.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
                file.write_all(&part)?;
                Ok(file)
            });
            self.file = Some(writing.await?);
            Ok(())
        }
        .boxed()
    }

    fn finish(self: Box<Self>) -> ContentFuture<()> {
        async move {
            let Self { file, directory, id, .. } = *self;
            let file = file.ok_or_else(ContentError::already_failed)?;
            blocking(move || {
                file.as_file().sync_all()?;
                file.persist(directory.join(id.to_string()))?;
                sync_directory(&directory)
            })
            .await
        }
        .boxed()
    }
}

/// Makes a rename durable. Only Unix requires this, and allows opening directories.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::contract;
    use crate::content::sink::PART_BYTES;

    fn open(directory: &Path) -> DirectoryStore {
        let space = DiskSpace::without_reserve_file(directory);
        DirectoryStore::open(directory.join("files"), space).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_keeps_the_contract() {
        contract::check(|| {
            let directory = tempfile::tempdir().unwrap();
            (open(directory.path()), directory)
        })
        .await;
    }

    #[tokio::test]
    async fn unfinished_files_are_removed_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let mut writer = store.create(Uuid::now_v7()).await.unwrap();
        writer.write(Bytes::from_static(b"text")).await.unwrap();
        std::mem::forget(writer);
        let incoming = || std::fs::read_dir(store.incoming()).unwrap().count();
        assert_eq!(incoming(), 1);
        open(directory.path());
        assert_eq!(incoming(), 0);
    }

    #[tokio::test]
    async fn a_write_stops_when_only_the_reserved_space_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let quota = 16 << 20;
        let reserve = directory.path().join("reserve");
        let space = DiskSpace::with_quota(directory.path(), &reserve, quota).unwrap();
        let store = DirectoryStore::open(directory.path().join("files"), space.clone()).unwrap();
        let mut writer = store.create(Uuid::now_v7()).await.unwrap();
        let part = Bytes::from(vec![0; PART_BYTES]);
        let mut written = 0;
        let error = loop {
            match writer.write(part.clone()).await {
                Ok(()) => written += PART_BYTES as u64,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ContentError::Full), "{error}");
        assert!(written > quota / 2 && written < quota - (2 << 20), "{written} bytes");
        // What was written is removed at once, and the content cannot be finished.
        assert!(space.unclaimed() > quota / 2);
        assert!(writer.finish().await.is_err());
        assert!(store.list().await.unwrap().is_empty());
    }
}
