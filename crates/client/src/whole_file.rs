//! Files that appear when they are whole.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};
use tokio::io::BufWriter;

use crate::error::{Error, ErrorKind};

/// How much is gathered before it is handed to the operating system.
const BUFFER: usize = 256 * 1024;

/// What is, or is not yet, at a path that is to be written.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file to make, or to replace.
    File(Unfinished),
    /// Something that is written to as it is, such as a pipe.
    Stream(BufWriter<tokio::fs::File>),
}

impl Target {
    /// Looks what there is, and makes the temporary file.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let place = path.to_owned();
        on_disk(move || Self::find(&place)).await.map_err(|error| unwritable(path, error))
    }

    fn find(path: &Path) -> io::Result<Self> {
        let target = match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // Where the path is a symbolic link, the file that it leads to is replaced.
            Ok(there) if there.is_file() => fs::canonicalize(path)?,
            Ok(_) => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok(Self::Stream(buffered(file)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        Unfinished::begin(target).map(Self::File)
    }
}

/// A file that is not whole yet. Whoever drops it finds nothing left behind.
#[derive(Debug)]
pub(crate) struct Unfinished {
    file: fs::File,
    temporary: TempPath,
    target: PathBuf,
}

impl Unfinished {
    /// Makes a temporary file beside the target, with the permissions that the target has or would have got.
    fn begin(target: PathBuf) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        let new = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(new);
        let temporary: NamedTempFile = builder.tempfile_in(folder(&target))?;
        #[cfg(unix)]
        if let Ok(there) = fs::metadata(&target) {
            temporary.as_file().set_permissions(there.permissions())?;
        }
        let (file, temporary) = temporary.into_parts();
        Ok(Self { file, temporary, target })
    }

    /// What writes to it, to its end. It is to be shut down before anything else happens with the file.
    pub(crate) fn writer(&self) -> Result<BufWriter<tokio::fs::File>, Error> {
        self.file.try_clone().map(buffered).map_err(|error| unwritable(&self.target, error))
    }

    /// Takes back all that was written.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        let cleared = async {
            let mut file = self.file.try_clone()?;
            on_disk(move || {
                file.set_len(0)?;
                io::Seek::rewind(&mut file)
            })
            .await
        };
        cleared.await.map_err(|error| unwritable(&self.target, error))
    }

    /// Puts the whole file in the target's place, once its bytes are on the disk.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        let target = self.target.clone();
        on_disk(move || self.finish_now()).await.map_err(|error| unwritable(&target, error))
    }

    fn finish_now(self) -> io::Result<()> {
        self.file.sync_all()?;
        self.temporary.persist(&self.target).map_err(|error| error.error)?;
        // The name, too, is to outlive a loss of power. Not every file system can promise it, and the file is there.
        #[cfg(unix)]
        if let Ok(folder) = fs::File::open(folder(&self.target)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

fn buffered(file: fs::File) -> BufWriter<tokio::fs::File> {
    BufWriter::with_capacity(BUFFER, tokio::fs::File::from_std(file))
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Does what may wait for the disk where that holds up nobody.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The error of a file that cannot be written.
pub(crate) fn unwritable(path: &Path, error: io::Error) -> Error {
    let message = format!("cannot write {}: {error}", path.display());
    Error::new(ErrorKind::Validation, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_temporary_file_lies_beside_its_target_and_goes_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::begin(folder.path().join("a.jsonl")).unwrap();
        let name = names(folder.path()).pop().unwrap();
        assert!(name.starts_with(".a.jsonl.") && name.ends_with(".part"), "{name}");
        drop(unfinished);
        assert!(names(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn what_was_written_can_be_taken_back() {
        use tokio::io::AsyncWriteExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let Target::File(unfinished) = Target::open(&path).await.unwrap() else {
            panic!("there is nothing yet")
        };
        for text in ["the first attempt", "the second"] {
            unfinished.clear().await.unwrap();
            let mut writer = unfinished.writer().unwrap();
            writer.write_all(text.as_bytes()).await.unwrap();
            writer.shutdown().await.unwrap();
        }
        assert!(!path.exists());
        unfinished.finish().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "the second");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_its_links() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("a.jsonl"), folder.path().join("link.jsonl"));
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&target, &link).unwrap();
        let Target::File(unfinished) = Target::find(&link).unwrap() else { panic!("it is a file") };
        unfinished.finish_now().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&link).unwrap(), b"");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (target, other) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
        Unfinished::begin(target.clone()).unwrap().finish_now().unwrap();
        fs::write(&other, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&target), mode(&other));
    }

    #[tokio::test]
    async fn what_is_no_file_is_written_to_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing/a.jsonl")] {
            let error = Target::open(&path).await.unwrap_err();
            assert!(error.message().starts_with("cannot write "), "{error}");
        }
        #[cfg(unix)]
        assert!(matches!(Target::open(Path::new("/dev/null")).await, Ok(Target::Stream(_))));
    }
}
