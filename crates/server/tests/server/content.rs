//! Damaged file contents, and exports that are reused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use http::header::RANGE;
use mistral_datasets_server::{DataLocation, ServerConfig};
use mistral_datasets_types::{Dataset, ExportResponse};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Api, DATASETS, eventually, records_path, send};

/// A server with a data directory.
async fn start(config: ServerConfig) -> (Api, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let data = DataLocation::Directory(directory.path().to_owned());
    (Api::start_with(config.data(data)).await, directory)
}

/// Returns the stored contents.
fn stored(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("files")).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

fn change_byte(path: &Path, position: usize, byte: u8) {
    let mut content = std::fs::read(path).unwrap();
    assert_ne!(content[position], byte);
    content[position] = byte;
    std::fs::write(path, content).unwrap();
}

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("{{\"messages\":[{{\"content\":\"number {n:09}\"}}]}}\n")).collect()
}

#[tokio::test]
async fn a_damaged_file_is_not_served_as_a_complete_one() {
    let (api, directory) = start(ServerConfig::default()).await;
    let content = lines(30_000);
    let file = api.upload("large.jsonl", content.clone()).await;
    let url = format!("/v1/files/{}/content", file.id);
    let path = directory.path().join("files").join(&file.id);
    assert_eq!(api.get(&url).await.text(), content);
    for position in [0, content.len() / 2, content.len() - 1] {
        std::fs::write(&path, &content).unwrap();
        change_byte(&path, position, b'#');
        let response = api.request(Method::GET, &url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.bytes().await.is_err(), "byte {position}");
    }
    // A range cannot be verified.
    let range = api.request(Method::GET, &url).header(RANGE, "bytes=0-9");
    assert_eq!(send(range).await.text(), content[..10]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_if_that_is_known_before_the_response() {
    let (api, directory) = start(ServerConfig::default()).await;
    let content = lines(100);
    let file = api.upload("small.jsonl", content.clone()).await;
    let url = format!("/v1/files/{}/content", file.id);
    let path = directory.path().join("files").join(&file.id);
    let longer = format!("{content}x");
    for damaged in [&content[1..], &longer, ""] {
        std::fs::write(&path, damaged).unwrap();
        for range in ["bytes=0-", "bytes=0-0", "lines=1"] {
            let response = send(api.request(Method::GET, &url).header(RANGE, range)).await;
            assert!(response.error(500, "DATABASE_ERROR").contains("damaged"), "{range}");
        }
    }
    // The checksum of a small file is known before the response starts.
    std::fs::write(&path, content.replace("000000042", "000000043")).unwrap();
    assert!(api.get(&url).await.error(500, "DATABASE_ERROR").contains("damaged"));
    std::fs::write(&path, &content).unwrap();
    assert_eq!(api.get(&url).await.text(), content);
}

#[tokio::test]
async fn an_import_of_a_damaged_file_fails_and_imports_nothing() {
    let (api, directory) = start(ServerConfig::default()).await;
    let dataset = api.create_dataset("Damaged").await;
    let content = lines(5_000);
    let file = api.upload("lines.jsonl", content.clone()).await;
    let path = directory.path().join("files").join(&file.id);
    let body = || json!({"file_id": file.id});
    // Other text in the last line, other text in the first one, and a line that is not JSON.
    for (position, byte) in [(content.len() - 6, b'#'), (35, b'#'), (content.len() / 2, b'\n')] {
        std::fs::write(&path, &content).unwrap();
        change_byte(&path, position, byte);
        let task = api.import(&dataset, "from-file", body()).await;
        assert_eq!(task.status.as_str(), "FAILED");
        let message = task.message.unwrap();
        assert!(message.contains("damaged") && message.contains("checksum"), "{message}");
        assert_eq!(api.record_count(&dataset).await, 0);
    }
    std::fs::write(&path, &content).unwrap();
    let task = api.import(&dataset, "from-file", body()).await;
    assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
    assert_eq!(api.record_count(&dataset).await, 5_000);
}

async fn export(api: &Api, dataset: &Dataset) -> String {
    let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    api.get(&path).await.json::<ExportResponse>(200).file_url
}

/// Returns the file and the expiry time of a link.
fn parts(link: &str) -> (String, i64) {
    let (file, query) = link.split_once("?expires=").unwrap();
    (file.to_owned(), query.split_once('&').unwrap().0.parse().unwrap())
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}

#[tokio::test]
async fn an_unchanged_dataset_is_exported_once() {
    let lifetime = 1_000;
    let config = ServerConfig::default().link_lifetime(Duration::from_secs(lifetime));
    let (api, directory) = start(config).await;
    let dataset = api.create_dataset("Exported").await;
    let record = api.create_record(&dataset, "first").await;
    let first = export(&api, &dataset).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for _ in 0..4 {
        let requested = now();
        let (file, expires) = parts(&export(&api, &dataset).await);
        assert_eq!(file, parts(&first).0);
        // Each link has the whole lifetime.
        assert!(expires >= requested + lifetime as i64, "{expires}");
        assert!(expires > parts(&first).1);
    }
    assert_eq!(stored(directory.path()).len(), 1);
    // A change of the dataset's name does not affect the records.
    let path = format!("{DATASETS}/{}", dataset.id);
    assert_eq!(api.patch(&path, r#"{"name": "Renamed"}"#).await.status, 200);
    assert_eq!(parts(&export(&api, &dataset).await).0, parts(&first).0);

    // Every change of the records leads to another export. The links of earlier ones work until they expire.
    let mut known = vec![parts(&first).0];
    let record_path = format!("/v1/observability/dataset-records/{}", record.id);
    for change in 0..4 {
        match change {
            0 => drop(api.create_record(&dataset, "second").await),
            1 => {
                let body = r#"{"payload": {"messages": [{"content": "third"}]}}"#;
                api.put(&format!("{record_path}/payload"), body).await.no_content();
            }
            2 => {
                let body = r#"{"properties": {"fourth": 4}}"#;
                api.put(&format!("{record_path}/properties"), body).await.no_content();
            }
            _ => api.delete(&record_path).await.no_content(),
        }
        let link = export(&api, &dataset).await;
        assert!(!known.contains(&parts(&link).0), "change {change}");
        known.push(parts(&link).0);
        let text = api.get(&link).await.text();
        let expected = [(2, "second"), (2, "third"), (2, "fourth"), (1, "second")][change];
        assert_eq!((text.lines().count(), text.contains(expected.1)), (expected.0, true), "{text}");
    }
    assert_eq!(api.get(&first).await.text().lines().count(), 1);
    assert_eq!(stored(directory.path()).len(), 5);
}

#[tokio::test]
async fn concurrent_requests_share_an_export() {
    let (api, directory) = start(ServerConfig::default()).await;
    let (one, other) = (api.create_dataset("First one").await, api.create_dataset("Other").await);
    for dataset in [&one, &other] {
        api.import_lines(dataset, lines(3_000)).await;
    }
    let uploads = stored(directory.path()).len();
    let exports = (0..12).map(|n| export(&api, if n % 3 == 0 { &other } else { &one }));
    let mut files: Vec<String> = join_all(exports).await.iter().map(|link| parts(link).0).collect();
    files.sort();
    files.dedup();
    assert_eq!((files.len(), stored(directory.path()).len()), (2, uploads + 2));
}

/// Exports occupy threads that wait for others to write.
#[test]
fn many_exports_do_not_occupy_all_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(12)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (api, directory) = start(ServerConfig::default()).await;
        let mut datasets = Vec::new();
        for n in 0..14 {
            let dataset = api.create_dataset(&format!("Dataset {n}")).await;
            // More than what may wait to be written.
            let line = format!("{{\"messages\":[{{\"content\":\"{}\"}}]}}\n", "x".repeat(200_000));
            api.import_lines(&dataset, line.repeat(30)).await;
            datasets.push(dataset);
        }
        let exports = join_all(datasets.iter().map(|dataset| export(&api, dataset)));
        let exports = tokio::time::timeout(Duration::from_secs(60), exports).await;
        // An upload and an export of each dataset.
        assert_eq!(2 * exports.expect("all exports end").len(), stored(directory.path()).len());
    });
}

#[tokio::test]
async fn a_damaged_export_is_not_reused() {
    let (api, directory) = start(ServerConfig::default()).await;
    let dataset = api.create_dataset("Exported").await;
    api.create_record(&dataset, "number one").await;
    let first = export(&api, &dataset).await;
    let content = api.get(&first).await.text();
    // A missing content, one with a wrong size, and one with a wrong checksum, which is found when it is read.
    for damaged in [None, Some(""), Some(&*content.replace("one", "two"))] {
        let [path] = &stored(directory.path())[..] else { panic!("one file") };
        let link = export(&api, &dataset).await;
        match damaged {
            None => std::fs::remove_file(path).unwrap(),
            Some(damaged) => std::fs::write(path, damaged).unwrap(),
        }
        assert_ne!(api.get(&link).await.status, 200);
        let renewed = eventually(async || {
            let renewed = export(&api, &dataset).await;
            (api.get(&renewed).await.status == 200).then_some(renewed)
        });
        let renewed = renewed.await;
        assert_ne!(parts(&renewed).0, parts(&link).0);
        assert_eq!(api.get(&renewed).await.text(), content);
        eventually(async || (stored(directory.path()).len() == 1).then_some(())).await;
    }
}

#[tokio::test]
async fn an_export_is_deleted_with_its_dataset() {
    let (api, directory) = start(ServerConfig::default()).await;
    let (deleted, kept) =
        (api.create_dataset("Deleted").await, api.create_dataset("Kept one").await);
    let links = [export(&api, &deleted).await, export(&api, &kept).await];
    api.create_record(&deleted, "second").await;
    let second = export(&api, &deleted).await;
    api.delete(&format!("{DATASETS}/{}", deleted.id)).await.no_content();
    for link in [&links[0], &second] {
        api.get(link).await.error(404, "UNKNOWN_ERROR");
    }
    assert_eq!(api.get(&links[1]).await.status, 200);
    eventually(async || (stored(directory.path()).len() == 1).then_some(())).await;
    api.post("/local/v1/reset", "").await.no_content();
    api.get(&links[1]).await.error(404, "UNKNOWN_ERROR");
    eventually(async || stored(directory.path()).is_empty().then_some(())).await;
    // The list of records is gone too.
    api.get(&records_path(&kept)).await.error(404, "DATASET_NOT_FOUND");
}
