//! A file system of a few megabytes, which the test fills up and frees again by deleting.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use mistral_datasets::{Client, Upload};
use serde_json::json;
use uuid::Uuid;

use crate::check_integrity;
use crate::failing_disk::is_disk_error;
use crate::kills::client;
use crate::server::TestServer;
use crate::worker::Worker;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mistral-datasets");

/// Mounts a file system of `$1` megabytes at `$0`.
const MOUNT_TMPFS: &str = r#"mount -t tmpfs -o size="$1"m small "$0""#;

/// Like [`MOUNT_TMPFS`], with an image file.
const MOUNT_EXT4: &str =
    r#"truncate -s "$1"M "$0.img" && mkfs.ext4 -q "$0.img" && mount -o loop "$0.img" "$0""#;

/// The type of a file system.
#[derive(Clone, Copy, Debug)]
pub enum FileSystem {
    /// Fast, and available to all users on most systems.
    Tmpfs,
    /// Available to root only.
    Ext4,
}

/// A small file system in a private mount namespace. It exists until it is dropped and the processes that use it have ended.
pub struct SmallDisk {
    /// Keeps the namespace.
    holder: Child,
    nsenter_options: &'static [&'static str],
    directory: PathBuf,
}

impl SmallDisk {
    /// Mounts a file system at a directory. Returns `None` if this system does not permit it.
    pub fn mount(directory: &Path, file_system: FileSystem, megabytes: u64) -> Option<Self> {
        let mount = match file_system {
            FileSystem::Tmpfs => MOUNT_TMPFS,
            FileSystem::Ext4 => MOUNT_EXT4,
        };
        // The namespace exists until the input of `cat` is closed.
        let script = format!("{mount} && echo mounted && cat");
        // As root, or in a user namespace.
        let variants: [(&[&str], &'static [&'static str]); 2] = [
            (&["--mount"], &["--mount"]),
            (&["--mount", "--map-root-user"], &["--mount", "--user", "--preserve-credentials"]),
        ];
        for (unshare_options, nsenter_options) in variants {
            let mut command = Command::new("unshare");
            command.args(unshare_options).args(["sh", "-c", &script]).arg(directory);
            command.arg(megabytes.to_string());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let Ok(mut holder) = command.spawn() else { continue };
            let mut line = String::new();
            let stdout = holder.stdout.as_mut().expect("stdout is piped");
            BufReader::new(stdout).read_line(&mut line).expect("stdout is readable");
            let disk = Self { holder, nsenter_options, directory: directory.to_owned() };
            if line == "mounted\n" {
                return Some(disk);
            }
        }
        None
    }

    /// Returns a command that runs a program, given as further arguments, with the file system.
    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id())).args(self.nsenter_options);
        command
    }

    /// Starts a server with the directory `data` of the file system.
    pub fn start_server(&self) -> TestServer {
        let mut command = self.command();
        command.arg(PROGRAM);
        TestServer::start_command(command, &self.directory.join("data"))
    }
}

impl SmallDisk {
    fn run(&self, arguments: &[&str]) -> bool {
        let status = self.command().args(arguments).stderr(Stdio::null()).status();
        status.expect("nsenter runs").success()
    }

    fn filler(&self) -> String {
        self.directory.join("filler").display().to_string()
    }

    /// Fills the file system to the last byte, as another program.
    pub fn fill(&self) {
        let target = format!("of={}", self.filler());
        assert!(!self.run(&["dd", "if=/dev/zero", &target, "bs=4096"]), "the disk is not full");
    }

    /// Removes what [`fill`](Self::fill) wrote.
    pub fn remove_filler(&self) {
        assert!(self.run(&["rm", &self.filler()]));
    }

    /// Backs up the data directory to another file system.
    pub fn backup(&self, target: &Path) {
        let data = self.directory.join("data");
        let mut command = self.command();
        command.arg(PROGRAM).arg("backup").args([&*data, target]).stdout(Stdio::null());
        assert!(command.status().expect("nsenter runs").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Fails if it has exited already, which is fine.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Lets all workers write until the disk is full, and checks that the rejected writes left nothing behind.
async fn fill_disk(workers: &mut [Worker], client: &Client) {
    let timeout = Duration::from_secs(60);
    let errors =
        join_all(workers.iter_mut().map(|worker| worker.work_until_failure(client, timeout))).await;
    for (worker, error) in workers.iter_mut().zip(errors) {
        let error = error.expect("a write fails on a full disk");
        assert!(is_disk_error(&error, "the disk is full"), "{error}");
        worker.check_rejected(client).await;
    }
}

fn acknowledged(workers: &[Worker]) -> u64 {
    workers.iter().map(Worker::acknowledged).sum()
}

/// Creates a dataset with 2 MB of records.
async fn create_large_dataset(client: &Client) -> Uuid {
    let dataset =
        client.datasets().create("Large dataset", "").await.expect("dataset is created").id;
    for _ in 0..20 {
        let payload = json!({"messages": [], "x": "x".repeat(100_000)});
        client.datasets().create_record(dataset, payload, json!({})).await.expect("disk has space");
    }
    dataset
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_on_a_full_disk_frees_space_without_a_restart() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).expect("temporary directory");
    let Some(small_disk) = SmallDisk::mount(&disk, FileSystem::Tmpfs, 16) else {
        eprintln!("skipped: mounting a file system requires root on this system");
        return;
    };
    let server = small_disk.start_server();
    let client = client(&server);
    let large_file = Upload::bytes("large.jsonl", vec![b'\n'; 1 << 20]);
    let large_file = client.files().upload(large_file).await.expect("disk has space").id;
    let large_dataset = create_large_dataset(&client).await;
    let mut workers: Vec<Worker> =
        (0..4).map(|number| Worker::new(number, rand::random())).collect();
    for worker in &mut workers {
        worker.verify(&client).await;
    }
    fill_disk(&mut workers, &client).await;
    let larger = Upload::bytes("larger.jsonl", vec![b'\n'; 16 << 20]);
    let error = client.files().upload(larger).await.expect_err("disk is full");
    assert!(is_disk_error(&error, "the disk is full"), "{error}");

    // The space of a deleted file can be used for records, imports and other files.
    let before = acknowledged(&workers);
    client.files().delete(&*large_file).await.expect("deletes succeed on a full disk");
    let line = "{\"messages\": []}\n";
    let file =
        client.files().upload(Upload::bytes("a.jsonl", line)).await.expect("disk has space").id;
    let imports =
        client.datasets().create("For an import", "").await.expect("dataset is created").id;
    client.datasets().import_from_file(imports, &*file).wait().await.expect("disk has space");
    fill_disk(&mut workers, &client).await;
    assert!(acknowledged(&workers) > before);

    // The space of deleted records can be used for records, once the background cleanup has freed it.
    client.datasets().delete(large_dataset).await.expect("deletes succeed on a full disk");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let payload = json!({"messages": [], "x": "x".repeat(500_000)});
        match client.datasets().create_record(imports, payload, json!({})).await {
            Ok(_) => break,
            Err(error) => assert!(is_disk_error(&error, "the disk is full"), "{error}"),
        }
        assert!(Instant::now() < deadline, "no space was freed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // A full disk can be backed up to another one without losing anything.
    let backup = directory.path().join("backup");
    small_disk.backup(&backup);
    server.shutdown();
    let server = TestServer::start(&backup);
    let client = crate::kills::client(&server);
    for worker in &mut workers {
        worker.verify(&client).await;
    }
    server.shutdown();
    check_integrity(&backup);
}
