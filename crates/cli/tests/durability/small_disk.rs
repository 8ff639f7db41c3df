//! A file system of a few megabytes, which the server fills by itself, and in which it makes room by what it is told to delete.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use mistral_datasets::{Client, Upload};
use serde_json::json;
use uuid::Uuid;

use crate::check_integrity;
use crate::disks::is_refused;
use crate::kills::client;
use crate::served::Served;
use crate::worker::Worker;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mistral-datasets");

/// Mounts a small file system and becomes the program that comes after it.
const MOUNTED: &str = r#"mount -t tmpfs -o size=9m small "$0" && exec "$@""#;

/// How to have a small file system in a directory, which nobody else sees: what to start with, and what to join it with.
struct SmallDisk {
    start: &'static [&'static str],
    join: &'static [&'static str],
}

impl SmallDisk {
    /// The way that this system allows, if any.
    fn find(directory: &Path) -> Option<Self> {
        let ways = [
            Self { start: &["--mount"], join: &["--mount"] },
            Self {
                start: &["--mount", "--map-root-user"],
                join: &["--mount", "--user", "--preserve-credentials"],
            },
        ];
        ways.into_iter().find(|way| {
            let tried = way.start(directory).arg("true").stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        })
    }

    /// What runs a program with the file system.
    fn start(&self, directory: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(self.start).args(["sh", "-c", MOUNTED]).arg(directory);
        command
    }

    /// What runs a program with the file system of another one.
    fn join(&self, process: u32) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={process}")).args(self.join);
        command
    }
}

/// Lets all write until each is refused for want of space, and looks that nothing is there of what was refused.
async fn fill(workers: &mut [Worker], client: &Client) {
    let time = Duration::from_secs(60);
    let refusals = join_all(workers.iter_mut().map(|worker| worker.fail(client, time))).await;
    for (worker, refusal) in workers.iter_mut().zip(refusals) {
        let refusal = refusal.expect("an import that finds no space fails");
        assert!(is_refused(&refusal, "no space left"), "{refusal}");
        worker.check_refused(client).await;
    }
}

fn acknowledged(workers: &[Worker]) -> u64 {
    workers.iter().map(Worker::acknowledged).sum()
}

/// A dataset with 2 MB of records.
async fn large_dataset(client: &Client) -> Uuid {
    let dataset = client.datasets().create("In the way", "").await.expect("a dataset").id;
    for _ in 0..20 {
        let payload = json!({"messages": [], "x": "x".repeat(100_000)});
        client.datasets().create_record(dataset, payload, json!({})).await.expect("it fits");
    }
    dataset
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_on_a_full_disk_makes_room_for_writes_without_a_restart() {
    let folder = tempfile::tempdir().expect("a directory");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("a directory");
    let Some(way) = SmallDisk::find(&disk) else {
        eprintln!("not tried: this system lets nobody but root mount a file system");
        return;
    };
    let data = disk.join("data");
    let mut command = way.start(&disk);
    command.arg(PROGRAM);
    let served = Served::start_through(command, &data);
    let client = client(&served);
    let large_file = Upload::bytes("large.jsonl", vec![b'\n'; 1 << 20]);
    let large_file = client.files().upload(large_file).await.expect("it fits").id;
    let large_dataset = large_dataset(&client).await;
    let mut workers: Vec<Worker> =
        (0..4).map(|number| Worker::new(number, rand::random())).collect();
    for worker in &mut workers {
        worker.settle(&client).await;
    }
    fill(&mut workers, &client).await;
    let larger = Upload::bytes("larger.jsonl", vec![b'\n'; 16 << 20]);
    let refused = client.files().upload(larger).await.expect_err("it does not fit");
    assert!(is_refused(&refused, "no space left"), "{refused}");

    // What a file had is there for everything: records, imports and other files.
    let before = acknowledged(&workers);
    client.files().delete(&*large_file).await.expect("a full disk lets delete");
    let line = "{\"messages\": []}\n";
    let file = client.files().upload(Upload::bytes("a.jsonl", line)).await.expect("it fits").id;
    let imports = client.datasets().create("For an import", "").await.expect("a dataset").id;
    client.datasets().import_from_file(imports, &*file).wait().await.expect("it fits");
    fill(&mut workers, &client).await;
    assert!(acknowledged(&workers) > before);

    // What records had is there for records, as soon as it is given back behind the requests.
    client.datasets().delete(large_dataset).await.expect("a full disk lets delete");
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        let payload = json!({"messages": [], "x": "x".repeat(500_000)});
        match client.datasets().create_record(imports, payload, json!({})).await {
            Ok(_) => break,
            Err(error) => assert!(is_refused(&error, "no space left"), "{error}"),
        }
        assert!(Instant::now() < give_up, "no room was given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // A full disk can be backed up to another one, on which everything is found again.
    let backup = folder.path().join("backup");
    let mut command = way.join(served.process());
    command.arg(PROGRAM).arg("backup").args([&data, &backup]);
    assert!(command.status().expect("nsenter runs").success());
    served.terminate();
    let served = Served::start(&backup);
    let client = crate::kills::client(&served);
    for worker in &mut workers {
        worker.settle(&client).await;
    }
    served.terminate();
    check_integrity(&backup);
}
