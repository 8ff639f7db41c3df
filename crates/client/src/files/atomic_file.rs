//! Files that are only visible at their path once they are complete.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};
use tokio::io::BufWriter;

use crate::error::Error;
use crate::path::write_error;

const BUFFER_SIZE: usize = 256 * 1024;

/// What an output path refers to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A regular file to create or replace.
    File(AtomicFile),
    /// Something that can only be written to directly, such as a pipe.
    Stream(BufWriter<tokio::fs::File>),
}

impl Target {
    /// Inspects the path and creates the temporary file if one is needed.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let owned = path.to_owned();
        run_blocking(move || Self::open_blocking(&owned))
            .await
            .map_err(|error| write_error(path, error))
    }

    fn open_blocking(path: &Path) -> io::Result<Self> {
        match regular_file(path)? {
            Some(target) => AtomicFile::create(target).map(Self::File),
            None => {
                let file = OpenOptions::new().write(true).open(path)?;
                Ok(Self::Stream(buffered(file)))
            }
        }
    }
}

/// Returns the regular file to create or replace, or `None` if the path is a device or a pipe. If the path is a symbolic link, that is
/// the file it points to.
fn regular_file(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if metadata.is_file() => fs::canonicalize(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(path.to_owned())),
        Err(error) => Err(error),
    }
}

/// A temporary file that replaces its target when it is committed, and is deleted if it is dropped before that.
#[derive(Debug)]
#[doc(hidden)]
pub struct AtomicFile {
    file: fs::File,
    temporary: TempPath,
    target: PathBuf,
}

impl AtomicFile {
    /// Prepares to create or replace a regular file.
    pub fn prepare(path: &Path) -> io::Result<Self> {
        // A device or pipe must not be replaced by a file.
        let target = regular_file(path)?.ok_or_else(|| io::Error::other("not a regular file"))?;
        Self::create(target)
    }

    /// Replaces the file by `content`, and syncs it to disk.
    pub fn replace(mut self, content: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.file, content)?;
        self.commit_blocking()
    }

    /// Creates a temporary file in the target's directory, with the permissions of the target or of a new file.
    fn create(target: PathBuf) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        let default_permissions =
            <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(default_permissions);
        // tempfile's error repeats the path.
        let temporary: NamedTempFile =
            builder.tempfile_in(directory(&target)).map_err(|error| {
                match error.raw_os_error() {
                    Some(code) => io::Error::from_raw_os_error(code),
                    None => error.kind().into(),
                }
            })?;
        #[cfg(unix)]
        if let Ok(metadata) = fs::metadata(&target) {
            temporary.as_file().set_permissions(metadata.permissions())?;
        }
        let (file, temporary) = temporary.into_parts();
        Ok(Self { file, temporary, target })
    }

    /// Returns a writer that appends to the file. It must be shut down before `clear` or `commit` is called.
    pub(crate) fn writer(&self) -> Result<BufWriter<tokio::fs::File>, Error> {
        self.file.try_clone().map(buffered).map_err(|error| write_error(&self.target, error))
    }

    /// Discards everything written so far.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        let cleared = async {
            let mut file = self.file.try_clone()?;
            run_blocking(move || {
                file.set_len(0)?;
                io::Seek::rewind(&mut file)
            })
            .await
        };
        cleared.await.map_err(|error| write_error(&self.target, error))
    }

    /// Syncs the file to disk and moves it to its target.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let target = self.target.clone();
        run_blocking(move || self.commit_blocking())
            .await
            .map_err(|error| write_error(&target, error))
    }

    fn commit_blocking(self) -> io::Result<()> {
        self.file.sync_all()?;
        self.temporary.persist(&self.target).map_err(|error| error.error)?;
        // Makes the rename durable. Not every file system supports syncing a directory, so errors are ignored.
        #[cfg(unix)]
        if let Ok(directory) = fs::File::open(directory(&self.target)) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

fn buffered(file: fs::File) -> BufWriter<tokio::fs::File> {
    BufWriter::with_capacity(BUFFER_SIZE, tokio::fs::File::from_std(file))
}

/// Returns the directory of a file.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Runs blocking file operations on tokio's blocking pool.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_temporary_file_is_next_to_its_target_and_deleted_on_drop() {
        let directory = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(directory.path().join("a.jsonl")).unwrap();
        let name = file_names(directory.path()).pop().unwrap();
        assert!(name.starts_with(".a.jsonl.") && name.ends_with(".part"), "{name}");
        drop(file);
        assert!(file_names(directory.path()).is_empty());
    }

    #[tokio::test]
    async fn clear_discards_what_was_written() {
        use tokio::io::AsyncWriteExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        let Target::File(file) = Target::open(&path).await.unwrap() else {
            panic!("the path does not exist yet")
        };
        for text in ["the first attempt", "the second"] {
            file.clear().await.unwrap();
            let mut writer = file.writer().unwrap();
            writer.write_all(text.as_bytes()).await.unwrap();
            writer.shutdown().await.unwrap();
        }
        assert!(!path.exists());
        file.commit().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "the second");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_symlinks() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let directory = tempfile::tempdir().unwrap();
        let (target, link) =
            (directory.path().join("a.jsonl"), directory.path().join("link.jsonl"));
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&target, &link).unwrap();
        let Target::File(file) = Target::open_blocking(&link).unwrap() else {
            panic!("the link points to a file")
        };
        file.commit_blocking().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&link).unwrap(), b"");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_default_permissions() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let (target, other) = (directory.path().join("a.jsonl"), directory.path().join("b.jsonl"));
        AtomicFile::create(target.clone()).unwrap().commit_blocking().unwrap();
        fs::write(&other, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&target), mode(&other));
    }

    #[tokio::test]
    async fn pipes_are_written_directly_and_directories_rejected() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("missing/a.jsonl")] {
            let error = Target::open(&path).await.unwrap_err();
            assert!(error.message().starts_with("cannot write "), "{error}");
        }
        #[cfg(unix)]
        assert!(matches!(Target::open(Path::new("/dev/null")).await, Ok(Target::Stream(_))));
    }
}
