//! `restore`, and the remains of interrupted backups and restores.

use std::fs;
use std::path::Path;

use crate::server::{TestServer, run, stderr};
use crate::verify::create_data;

fn restore(from: &Path, to: &Path) -> (Option<i32>, String) {
    let output = run("", "", &["restore", from.to_str().unwrap(), to.to_str().unwrap()]);
    (output.status.code(), stderr(&output))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Creates a data directory and a backup of it, and returns the id of its file.
fn create_backup(data: &Path, backup: &Path) -> String {
    let file = create_data(data);
    let output = run("", "", &["backup", data.to_str().unwrap(), backup.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    file
}

#[test]
fn a_restored_backup_is_private_and_can_be_served() {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    let file = create_backup(&path("data"), &path("backup"));
    let before = names(&path("backup"));
    // Unpacking an archive may have given other users access.
    #[cfg(unix)]
    for name in ["", "datasets.sqlite3", "files", &format!("files/{file}")] {
        use std::os::unix::fs::PermissionsExt;
        let path = path("backup").join(name);
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir(path("empty")).unwrap();
    for target in [path("new"), path("empty")] {
        let (code, message) = restore(&path("backup"), &target);
        assert_eq!(code, Some(0), "{message}");
        assert!(message.starts_with("restored to `"), "{message}");
        #[cfg(unix)]
        for name in ["", "datasets.sqlite3", "files", &format!("files/{file}")] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(target.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
        let server = TestServer::start(&["--data", target.to_str().unwrap()]);
        let datasets = server.json(&["datasets", "list"]);
        assert_eq!(datasets["datasets"]["count"], 1);
        assert!(server.command(&["files", "download", &file]).status.success());
        server.stop();
    }
    assert_eq!(names(&path("backup")), before);
    assert_eq!(names(outer.path()), ["backup", "data", "empty", "new"]);
}

#[test]
fn nothing_is_replaced_and_damaged_backups_are_not_restored() {
    let outer = tempfile::tempdir().unwrap();
    let path = |name: &str| outer.path().join(name);
    let file = create_backup(&path("data"), &path("backup"));
    fs::write(path("file"), "mine").unwrap();
    for (from, to, expected) in [
        (path("backup"), path("data"), "exists and is not an empty directory"),
        (path("backup"), path("file"), "exists and is not an empty directory"),
        (path("file"), path("new"), "is not a data directory"),
        (path("missing"), path("new"), "is not a data directory"),
    ] {
        let (code, message) = restore(&from, &to);
        assert!(code == Some(1) && message.contains(expected), "{message}");
    }
    let content = path("backup").join("files").join(&file);
    let text = fs::read_to_string(&content).unwrap();
    fs::write(&content, "x".repeat(text.len())).unwrap();
    let (code, message) = restore(&path("backup"), &path("new"));
    let problem = format!("files: file {file}: its content does not match its SHA-256");
    assert!(code == Some(1) && message.contains(&problem), "{message}");
    assert!(message.contains("backup` has 1 problem"), "{message}");
    fs::remove_file(&content).unwrap();
    let (code, message) = restore(&path("backup"), &path("new"));
    let problem = format!("files: file {file}: has no content");
    assert!(code == Some(1) && message.contains(&problem), "{message}");
    assert_eq!(names(outer.path()), ["backup", "data", "file"]);
}

#[cfg(unix)]
#[test]
fn a_directory_in_use_is_not_restored() {
    let outer = tempfile::tempdir().unwrap();
    let (data, new) = (outer.path().join("data"), outer.path().join("new"));
    let server = TestServer::start(&["--data", data.to_str().unwrap()]);
    let (code, message) = restore(&data, &new);
    assert!(code == Some(1) && message.contains("a server is using"), "{message}");
    server.stop();
    assert_eq!(restore(&data, &new).0, Some(0));
}

#[cfg(unix)]
mod interrupted {
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::{create_backup, names};
    use crate::interrupts::{interrupt, wait_until};
    use crate::server::{PROGRAM, TestServer, run, stderr};

    /// Adds files, so that copying takes a while.
    fn add_files(data: &Path) {
        let server = TestServer::start(&["--data", data.to_str().unwrap()]);
        let file = data.join("large");
        std::fs::write(&file, vec![b'x'; 64 << 20]).unwrap();
        for _ in 0..4 {
            server.json(&["files", "upload", file.to_str().unwrap()]);
        }
        std::fs::remove_file(file).unwrap();
        server.stop();
    }

    /// Starts a command and waits until it has created its temporary directory.
    fn start(outer: &Path, arguments: &[&Path], command: &str, prefix: &str) -> Child {
        let child = Command::new(PROGRAM)
            .arg(command)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the temporary directory exists", || {
            names(outer).iter().any(|name| name.starts_with(prefix))
        });
        child
    }

    #[test]
    fn signals_leave_nothing_behind_and_the_remains_of_a_kill_are_removed_by_the_next_run() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        create_backup(&path("data"), &path("backup"));
        std::fs::remove_dir_all(path("backup")).unwrap();
        add_files(&path("data"));
        let backup = [&*path("data"), &*path("backup")];
        for signal in ["-HUP", "-TERM", "-INT"] {
            let child = start(outer.path(), &backup, "backup", ".backup.partial-");
            assert_eq!(interrupt(child, signal), Some(130), "{signal}");
            assert_eq!(names(outer.path()), ["data"], "{signal}");
        }
        let mut child = start(outer.path(), &backup, "backup", ".backup.partial-");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert_eq!(names(outer.path()).len(), 2);
        // A backup with another name is not its business.
        let other = run(
            "",
            "",
            &["backup", path("data").to_str().unwrap(), path("other").to_str().unwrap()],
        );
        assert!(other.status.success(), "{}", stderr(&other));
        assert_eq!(names(outer.path()).len(), 3);
        let next = run(
            "",
            "",
            &["backup", path("data").to_str().unwrap(), path("backup").to_str().unwrap()],
        );
        assert!(next.status.success(), "{}", stderr(&next));
        assert_eq!(names(outer.path()), ["backup", "data", "other"]);

        let restore = [&*path("backup"), &*path("new")];
        for signal in ["-HUP", "-INT"] {
            let child = start(outer.path(), &restore, "restore", ".new.partial-");
            assert_eq!(interrupt(child, signal), Some(130), "{signal}");
            assert_eq!(names(outer.path()), ["backup", "data", "other"], "{signal}");
        }
        let mut child = start(outer.path(), &restore, "restore", ".new.partial-");
        child.kill().unwrap();
        child.wait().unwrap();
        let next = run(
            "",
            "",
            &["restore", path("backup").to_str().unwrap(), path("new").to_str().unwrap()],
        );
        assert!(next.status.success(), "{}", stderr(&next));
        assert_eq!(names(outer.path()), ["backup", "data", "new", "other"]);
    }

    #[test]
    fn a_command_under_nohup_ignores_sighup() {
        let outer = tempfile::tempdir().unwrap();
        let data = outer.path().join("data");
        create_backup(&data, &outer.path().join("backup"));
        add_files(&data);
        let mut child = Command::new("nohup")
            .arg(PROGRAM)
            .arg("backup")
            .args([&data, &outer.path().join("second")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the temporary directory exists", || {
            names(outer.path()).iter().any(|name| name.starts_with(".second.partial-"))
        });
        let sent = Command::new("kill").args(["-HUP", &child.id().to_string()]).status();
        assert!(sent.unwrap().success() && child.wait().unwrap().success());
        assert!(outer.path().join("second").is_dir());
    }
}
