//! Stored data is private to the user who runs the server.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mistral_datasets_server::{DataLocation, ServerConfig, backup};

use crate::support::Api;

/// Returns the mode of every file and directory below a directory, and of the directory itself.
fn modes(directory: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(directory.to_owned(), mode(directory))];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            found.push((path.clone(), mode(&path)));
        }
    }
    found
}

#[track_caller]
fn assert_private(directory: &Path) {
    for (path, mode) in modes(directory) {
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[tokio::test]
async fn data_directories_and_backups_are_private() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let config = || ServerConfig::default().data(DataLocation::Directory(data.clone()));
    let api = Api::start_with(config()).await;
    let dataset = api.create_dataset("Private").await;
    api.create_record(&dataset, "private").await;
    api.upload("private.jsonl", "{\"messages\": []}").await;
    assert_private(&data);
    let copy = parent.path().join("copy");
    let (from, to) = (data.clone(), copy.clone());
    tokio::task::spawn_blocking(move || backup(&from, &to, || true)).await.unwrap().unwrap();
    assert_private(&copy);
    api.server.shutdown().await;

    // A directory of an earlier version, or one that was copied by hand.
    for (path, _) in modes(&data) {
        let open = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
    }
    let api = Api::start_with(config()).await;
    let mode = fs::metadata(&data).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "no other user can reach anything in the directory");
    for name in ["datasets.sqlite3", "datasets.sqlite3-wal", "datasets.sqlite3-shm", "lock"] {
        let mode = fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert_eq!(api.record_count(&dataset).await, 1);
}
