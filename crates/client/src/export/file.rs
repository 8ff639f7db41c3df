//! An export to a file that appears when it is whole.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::encoder::{Written, compression_of, encoder};
use super::transfer::LineCounter;
use super::{Export, ExportReport, writer};
use crate::error::{Error, ErrorKind};
use crate::resume::Piece;

/// How much is gathered before it is handed to the operating system.
const BUFFER: usize = 256 * 1024;

/// Writes an export to a path.
pub(super) async fn write(mut export: Export, path: PathBuf) -> Result<ExportReport, Error> {
    export.compression = compression_of(export.compression, &path);
    let refuse = |error: io::Error| unwritable(&path, error);
    let report = match on_disk({
        let path = path.clone();
        move || Target::find(&path)
    })
    .await
    .map_err(refuse)?
    {
        Target::Stream(file) => {
            // A pipe may wait for its reader for as long as it likes.
            let file = BufWriter::with_capacity(BUFFER, tokio::fs::File::from_std(file));
            writer::write(export, file).await?
        }
        Target::File(target) => to_file(export, target, &refuse).await?,
    };
    Ok(ExportReport { path: Some(path), ..report })
}

async fn to_file(
    export: Export,
    target: PathBuf,
    refuse: &impl Fn(io::Error) -> Error,
) -> Result<ExportReport, Error> {
    // The file goes with this future: whoever drops it finds nothing left behind.
    let (mut file, temporary) = on_disk({
        let target = target.clone();
        move || begin(&target)
    })
    .await
    .map_err(refuse)?;
    let mut transfer = export.begin().await?;
    let mut lines = LineCounter::default();
    let mut written = Written::default();
    let open = |file: &fs::File, written: &Written| {
        let file = tokio::fs::File::from_std(file.try_clone()?);
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(encoder(export.compression, file, written))
    };
    let mut writer = open(&file, &written).map_err(refuse)?;
    while let Some(piece) = transfer.next().await? {
        match piece {
            Piece::Bytes(bytes) => {
                writer.write_all(&bytes).await.map_err(refuse)?;
                lines.add(&bytes);
                transfer.tell(lines.lines());
            }
            Piece::Restart => {
                // No write of the old content may come after the new one has begun.
                writer.shutdown().await.map_err(refuse)?;
                file = on_disk(move || {
                    io::Seek::rewind(&mut file)?;
                    file.set_len(0)?;
                    Ok(file)
                })
                .await
                .map_err(refuse)?;
                (lines, written) = (LineCounter::default(), Written::default());
                writer = open(&file, &written).map_err(refuse)?;
            }
        }
    }
    writer.shutdown().await.map_err(refuse)?;
    drop(writer);
    transfer.check(lines.lines()).await?;
    on_disk(move || finish(&file, temporary, &target)).await.map_err(refuse)?;
    Ok(ExportReport { records: lines.lines(), bytes: written.bytes(), path: None })
}

/// What is, or is not yet, at a path.
enum Target {
    /// A file to make, or to replace.
    File(PathBuf),
    /// Something that is written to as it is, such as a pipe.
    Stream(fs::File),
}

impl Target {
    fn find(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            // Where the path is a symbolic link, the file that it leads to is replaced.
            Ok(there) if there.is_file() => fs::canonicalize(path).map(Self::File),
            Ok(_) => OpenOptions::new().write(true).open(path).map(Self::Stream),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::File(path.to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the temporary file beside the target, with the permissions that the target has or would have got.
fn begin(target: &Path) -> io::Result<(fs::File, TempPath)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    let new = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(new);
    let temporary: NamedTempFile = builder.tempfile_in(folder(target))?;
    #[cfg(unix)]
    if let Ok(there) = fs::metadata(target) {
        temporary.as_file().set_permissions(there.permissions())?;
    }
    Ok(temporary.into_parts())
}

/// Puts the whole file in the target's place, once its bytes are on the disk.
fn finish(file: &fs::File, temporary: TempPath, target: &Path) -> io::Result<()> {
    file.sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    // The name, too, is to outlive a loss of power. Not every file system can promise it, and the file is there.
    #[cfg(unix)]
    if let Ok(folder) = fs::File::open(folder(target)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Does what may wait for the disk where that holds up nobody.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn unwritable(path: &Path, error: io::Error) -> Error {
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
    fn the_temporary_file_lies_beside_its_target_and_goes_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.jsonl");
        let (file, temporary) = begin(&target).unwrap();
        let name = names(folder.path()).pop().unwrap();
        assert!(name.starts_with(".a.jsonl.") && name.ends_with(".part"), "{name}");
        drop(temporary);
        assert!(names(folder.path()).is_empty());
        drop(file);
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
        let Target::File(found) = Target::find(&link).unwrap() else { panic!("it is a file") };
        let (file, temporary) = begin(&found).unwrap();
        finish(&file, temporary, &found).unwrap();
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
        let (file, temporary) = begin(&target).unwrap();
        finish(&file, temporary, &target).unwrap();
        fs::write(&other, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&target), mode(&other));
    }

    #[test]
    fn what_is_no_file_is_written_to_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Target::find(folder.path()).is_err());
        assert!(Target::find(&folder.path().join("missing/a.jsonl")).is_ok());
        assert!(begin(&folder.path().join("missing/a.jsonl")).is_err());
        #[cfg(unix)]
        assert!(matches!(Target::find(Path::new("/dev/null")), Ok(Target::Stream(_))));
    }
}
