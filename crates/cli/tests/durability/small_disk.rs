//! A file system of a few megabytes, which the test fills up and frees again by deleting.

use std::path::Path;
use std::process::{Command, Stdio};
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

/// A shell script that mounts a small file system at its first argument and executes the rest.
const MOUNT_AND_EXEC: &str = r#"mount -t tmpfs -o size=9m small "$0" && exec "$@""#;

/// A small file system in a private mount namespace: the options of `unshare` to create it and of `nsenter` to join it.
struct SmallDisk {
    unshare_options: &'static [&'static str],
    nsenter_options: &'static [&'static str],
}

impl SmallDisk {
    /// Returns the first variant that this system permits, if any.
    fn find(directory: &Path) -> Option<Self> {
        let variants = [
            Self { unshare_options: &["--mount"], nsenter_options: &["--mount"] },
            Self {
                unshare_options: &["--mount", "--map-root-user"],
                nsenter_options: &["--mount", "--user", "--preserve-credentials"],
            },
        ];
        variants.into_iter().find(|variant| {
            let status = variant.command(directory).arg("true").stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        })
    }

    /// Returns a command that runs a program, given as further arguments, with a new file system at `directory`.
    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(self.unshare_options).args(["sh", "-c", MOUNT_AND_EXEC]).arg(directory);
        command
    }

    /// Returns a command that runs a program with the file system of another process.
    fn command_in(&self, process: u32) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={process}")).args(self.nsenter_options);
        command
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
    let Some(small_disk) = SmallDisk::find(&disk) else {
        eprintln!("skipped: mounting a file system requires root on this system");
        return;
    };
    let data = disk.join("data");
    let mut command = small_disk.command(&disk);
    command.arg(PROGRAM);
    let server = TestServer::start_command(command, &data);
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
    let mut command = small_disk.command_in(server.process_id());
    command.arg(PROGRAM).arg("backup").args([&data, &backup]);
    assert!(command.status().expect("nsenter runs").success());
    server.shutdown();
    let server = TestServer::start(&backup);
    let client = crate::kills::client(&server);
    for worker in &mut workers {
        worker.verify(&client).await;
    }
    server.shutdown();
    check_integrity(&backup);
}
