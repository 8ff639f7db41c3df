//! Keeps stored data private to the user who runs the server: directories have mode 0700 and files 0600, independent of the umask.
//!
//! Payloads are conversations, and the database contains the secret that signs links. On systems other than Unix, the access
//! control lists of the parent directory apply.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Creates a directory and its missing parents. The permissions of an existing directory are restricted.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    restrict(path)
}

/// Creates a temporary directory in `parent`, which is removed when the value is dropped.
pub(crate) fn temporary_directory(prefix: &str, parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(parent)
}

/// Creates an empty file. The permissions of an existing file are restricted.
pub(crate) fn create_file(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    restrict(path)
}

/// Removes all permissions of other users, and logs if there were any. A missing file is ignored.
#[cfg(unix)]
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o077 == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
        Ok(()) => {
            tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "removed the access of other users");
        }
        // Only the owner may change the mode. File systems without modes report errors as well.
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "other users can access the data");
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn restrict(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn new_and_existing_entries_are_private() {
        let directory = tempfile::tempdir().unwrap();
        let (outer, file) = (directory.path().join("a/b"), directory.path().join("a/b/file"));
        create_directory(&outer).unwrap();
        create_file(&file).unwrap();
        assert_eq!((mode(&outer), mode(&file)), (0o700, 0o600));
        fs::write(&file, "content").unwrap();
        for (path, open, private) in [(&outer, 0o755, 0o700), (&file, 0o644, 0o600)] {
            fs::set_permissions(path, Permissions::from_mode(open)).unwrap();
            restrict(path).unwrap();
            assert_eq!(mode(path), private);
        }
        create_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "content");
        restrict(&directory.path().join("missing")).unwrap();
    }
}
