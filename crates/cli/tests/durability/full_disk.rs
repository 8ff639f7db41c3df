//! Fills file systems of many sizes with records of many sizes, and frees them again.
//!
//! The outcome depends on how the last page, chunk and checkpoint fit, so many sizes are tried. `MISTRAL_DATASETS_DISKS` sets their
//! number, and `MISTRAL_DATASETS_FILE_SYSTEM` can be `ext4`, which requires root; `cargo xtask soak` tries more of both.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mistral_datasets::{Client, Error, Upload};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use uuid::Uuid;

use crate::check_integrity;
use crate::failing_disk::is_disk_error;
use crate::kills::{client, env_number};
use crate::server::TestServer;
use crate::small_disk::{FileSystem, SmallDisk};

/// The default number of disks.
const DEFAULT_DISKS: usize = 10;

/// The range of the sizes of disks, in megabytes.
const MEGABYTES: std::ops::Range<u64> = 40..80;

/// The sizes of records, in bytes.
const RECORD_SIZES: [usize; 3] = [100, 100_000, 3_000_000];

/// How long the background cleanup may take to free space. It takes seconds on an idle machine, even for hundreds of thousands of
/// records, but the tests share theirs.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(150);

/// The number of concurrent clients.
const CLIENTS: usize = 16;

fn payload(size: usize) -> serde_json::Value {
    json!({"messages": [], "x": "x".repeat(size)})
}

/// Returns whether a call succeeded. Fails if it failed for another reason than a full disk.
fn fits<T>(result: Result<T, Error>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            assert!(is_disk_error(&error, "the disk is full"), "{error}");
            false
        }
    }
}

/// Returns the response of the readiness check.
fn readiness(server: &TestServer) -> String {
    let address = server.url().strip_prefix("http://").expect("the URL of a local server");
    let mut connection = TcpStream::connect(address).expect("the server accepts connections");
    let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).expect("the server reads the request");
    let mut response = String::new();
    connection.read_to_string(&mut response).expect("the response is text");
    response
}

async fn count(client: &Client, dataset: Uuid) -> u64 {
    client.datasets().list_records(dataset).pager().count().await.expect("records are counted")
}

async fn new_dataset(client: &Client, name: &str) -> Uuid {
    client.datasets().create(name, "").await.expect("dataset is created").id
}

/// Runs imports until one fails. Returns how many records they imported.
async fn import_until_full(client: &Client, dataset: Uuid, size: usize) -> u64 {
    let lines = (4_000_000 / (size + 30)).clamp(1, 5_000);
    let content = format!("{}\n", payload(size)).repeat(lines);
    let upload = client.files().upload(Upload::bytes("lines.jsonl", content));
    let Ok(file) = upload.await else { return 0 };
    let mut imported = 0;
    while fits(client.datasets().import_from_file(dataset, &*file.id).wait().await) {
        imported += lines as u64;
    }
    client.files().delete(file.id).await.expect("deletes succeed on a full disk");
    imported
}

/// Imports at least `wanted` records, while the background cleanup frees space. Returns how many were imported.
async fn import_as_many(client: &Client, dataset: Uuid, size: usize, wanted: u64) -> u64 {
    let deadline = Instant::now() + CLEANUP_TIMEOUT;
    let mut imported = 0;
    loop {
        imported += import_until_full(client, dataset, size).await;
        if imported >= wanted {
            return imported;
        }
        assert!(Instant::now() < deadline, "{imported} of {wanted} records fit again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Creates records until none fits. Returns their IDs.
async fn create_until_full(client: &Client, dataset: Uuid, size: usize) -> Vec<Uuid> {
    let workers = (0..CLIENTS).map(|_| async {
        let mut ids = Vec::new();
        loop {
            match client.datasets().create_record(dataset, payload(size), json!({})).await {
                Ok(record) => ids.push(record.id),
                Err(error) => {
                    assert!(is_disk_error(&error, "the disk is full"), "{error}");
                    return ids;
                }
            }
        }
    });
    join_all(workers).await.into_iter().flatten().collect()
}

/// Uploads files until none fits. Returns their IDs.
async fn upload_until_full(client: &Client) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        match client.files().upload(Upload::bytes("a.bin", vec![b'\n'; 300_000])).await {
            Ok(file) => ids.push(file.id),
            Err(error) => {
                assert!(is_disk_error(&error, "the disk is full"), "{error}");
                return ids;
            }
        }
    }
}

/// Waits until a write succeeds, which needs space that the background cleanup frees.
async fn wait_until_writable(client: &Client, dataset: Uuid, size: usize) {
    let deadline = Instant::now() + CLEANUP_TIMEOUT;
    while !fits(client.datasets().create_record(dataset, payload(size), json!({})).await) {
        assert!(Instant::now() < deadline, "no space was freed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Fills a disk and frees it again. Returns `false` if it cannot be mounted.
async fn fill_and_free(
    file_system: FileSystem,
    megabytes: u64,
    size: usize,
    random: &mut StdRng,
) -> bool {
    println!("{megabytes} MB of {file_system:?}, records of {size} bytes");
    let directory = tempfile::tempdir().expect("temporary directory");
    let mount_point = directory.path().join("disk");
    std::fs::create_dir(&mount_point).expect("temporary directory");
    let Some(disk) = SmallDisk::mount(&mount_point, file_system, megabytes) else {
        return false;
    };
    let mut server = disk.start_server();
    let mut api = client(&server);
    let created = new_dataset(&api, "Created").await;
    let imported = new_dataset(&api, "Imported").await;
    let import_count = import_until_full(&api, imported, size).await;
    let mut ids = create_until_full(&api, created, size).await;
    let files = upload_until_full(&api).await;
    fits(api.datasets().export_to_jsonl(imported).await);
    ids.extend(create_until_full(&api, created, 100).await);

    // A restart loses nothing, even if another program has filled the rest of the disk.
    if random.random_bool(0.5) {
        server.shutdown();
    } else {
        server.kill();
    }
    disk.fill();
    server = disk.start_server();
    api = client(&server);
    assert_eq!(count(&api, created).await, ids.len() as u64);
    assert_eq!(count(&api, imported).await, import_count);
    assert!(!fits(api.datasets().create_record(created, payload(size), json!({})).await));
    let response = readiness(&server);
    assert!(response.starts_with("HTTP/1.1 503 ") && response.contains("disk_full"), "{response}");

    // Deletes succeed.
    let (deleted, kept) = ids.split_at(ids.len() / 2);
    for ids in deleted.chunks(500) {
        let bulk = api.datasets().records().bulk_delete(ids.to_vec());
        bulk.await.expect("deletes succeed on a full disk");
    }
    for file in files {
        api.files().delete(file).await.expect("deletes succeed on a full disk");
    }
    api.datasets().delete(imported).await.expect("deletes succeed on a full disk");
    disk.remove_filler();
    wait_until_writable(&api, created, size).await;
    let again = new_dataset(&api, "Imported again").await;
    let again_count = import_as_many(&api, again, size, import_count / 2).await;
    server.shutdown();

    let server = disk.start_server();
    let api = client(&server);
    assert_eq!(count(&api, created).await, kept.len() as u64 + 1);
    assert_eq!(count(&api, again).await, again_count);
    // The file system can be read in its namespace only.
    let copy = tempfile::tempdir().expect("temporary directory");
    let backup = copy.path().join("backup");
    disk.backup(&backup);
    server.shutdown();
    check_integrity(&backup);
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_any_size_can_be_freed_and_loses_nothing() {
    let disks = env_number("MISTRAL_DATASETS_DISKS").unwrap_or(DEFAULT_DISKS);
    let seed = env_number("MISTRAL_DATASETS_SEED").unwrap_or_else(rand::random);
    let file_system = match std::env::var("MISTRAL_DATASETS_FILE_SYSTEM").as_deref() {
        Ok("ext4") => FileSystem::Ext4,
        _ => FileSystem::Tmpfs,
    };
    println!("{disks} disks with MISTRAL_DATASETS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for index in 0..disks {
        let megabytes = random.random_range(MEGABYTES);
        let size = RECORD_SIZES[index % RECORD_SIZES.len()];
        if !fill_and_free(file_system, megabytes, size, &mut random).await {
            println!("summary: skipped, mounting {file_system:?} requires root on this system");
            return;
        }
    }
    println!("summary: {disks} disks of {file_system:?} freed, nothing lost");
}
