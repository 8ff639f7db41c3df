//! Runs the contract of content stores on object stores.

use std::collections::BTreeSet;
use std::time::Duration;

use ::object_store::memory::InMemory;

use super::fake_s3::FakeS3;
use super::*;
use crate::content::contract::{self, read_all, sample, store_content};

fn in_memory(prefix: &str) -> ObjectContentStore {
    ObjectContentStore {
        objects: Arc::new(InMemory::new()),
        prefix: Path::parse(prefix).unwrap(),
        name: "memory".into(),
        resume_timeout: Duration::from_secs(1),
    }
}

fn directory() -> (ObjectContentStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let url = reqwest::Url::from_file_path(directory.path().join("shared files")).unwrap();
    let location = ObjectLocation::parse(url.as_str()).unwrap();
    (ObjectContentStore::open(&location).unwrap(), directory)
}

/// Returns the URL of a bucket for tests, or says that the test is skipped.
fn bucket(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        eprintln!("SKIPPED: {variable} is not set to the URL of a bucket or container for tests");
    }
    url
}

/// Opens an empty store in a bucket.
fn open_new(bucket: &str) -> ObjectContentStore {
    let url = format!("{}/test-{}", bucket.trim_end_matches('/'), Uuid::now_v7());
    ObjectContentStore::open(&ObjectLocation::parse(&url).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    contract::check(|| (in_memory(""), ())).await;
    contract::check(|| (in_memory("some/prefix"), ())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_directory_keeps_the_contract() {
    contract::check(directory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_the_contract() {
    contract::check(|| {
        let server = FakeS3::start();
        (server.store(&RequestLimits::default()), server)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_the_contract_while_requests_fail() {
    contract::check(|| {
        let server = FakeS3::start();
        server.unavailable_each(3);
        (server.store(&RequestLimits::default()), server)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_on_s3_keeps_the_contract() {
    let Some(bucket) = bucket("MISTRAL_DATASETS_TEST_S3") else { return };
    contract::check(|| (open_new(&bucket), ())).await;
    many_contents(&open_new(&bucket)).await;
    a_missing_bucket(&bucket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_on_azure_keeps_the_contract() {
    let Some(container) = bucket("MISTRAL_DATASETS_TEST_AZURE") else { return };
    contract::check(|| (open_new(&container), ())).await;
    many_contents(&open_new(&container)).await;
    a_missing_bucket(&container).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_contents_than_fit_a_request_are_listed_and_deleted() {
    let server = FakeS3::start();
    many_contents(&server.store(&RequestLimits::default())).await;
    many_contents(&in_memory("")).await;
}

/// S3 lists 1,000 objects per request and deletes as many, Azure 5,000 and 256.
async fn many_contents(store: &ObjectContentStore) {
    let ids: Vec<Uuid> = (0..1_100).map(|_| Uuid::now_v7()).collect();
    let writing = stream::iter(&ids).map(|id| async {
        let mut writer = store.create(*id).await.unwrap();
        writer.write("content".into()).await.unwrap();
        writer.finish().await.unwrap();
    });
    writing.buffer_unordered(16).collect::<Vec<()>>().await;
    let listed = BTreeSet::from_iter(store.list().await.unwrap());
    assert_eq!(listed, BTreeSet::from_iter(ids.iter().copied()));
    let (kept, deleted) = ids.split_first().unwrap();
    let unknown = std::iter::repeat_with(Uuid::now_v7).take(10);
    store.delete(deleted.iter().copied().chain(unknown).collect()).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [*kept]);
}

/// A wrong configuration must not look like a missing content.
async fn a_missing_bucket(bucket: &str) {
    let (scheme, _) = bucket.split_once("://").unwrap();
    let location = ObjectLocation::parse(&format!("{scheme}://missing-{}/", Uuid::now_v7()));
    let store = ObjectContentStore::open(&location.unwrap()).unwrap();
    assert!(matches!(store.list().await, Err(ContentError::Failed(_))));
    for range in [0..u64::MAX, 0..1] {
        let read = store.read(Uuid::now_v7(), range).await;
        assert!(matches!(read.err(), Some(ContentError::Failed(_))));
    }
    let writer = store.create(Uuid::now_v7()).await.unwrap();
    assert!(matches!(writer.finish().await, Err(ContentError::Failed(_))));
}

#[tokio::test]
async fn other_objects_are_ignored() {
    let server = FakeS3::start();
    let store = server.store(&RequestLimits::default());
    let id = store_content(&store, &sample(10)).await.id;
    let upper = Uuid::now_v7().to_string().to_uppercase();
    let others = [
        format!("some/prefix/{upper}"),
        format!("some/prefix/{}", Uuid::now_v7().simple()),
        format!("some/prefix/below/{}", Uuid::now_v7()),
        format!("some/prefixes/{}", Uuid::now_v7()),
        format!("some/{}", Uuid::now_v7()),
        "some/prefix/readme.txt".to_owned(),
    ];
    for other in &others {
        server.put(other, "other");
    }
    assert_eq!(store.list().await.unwrap(), [id]);
    assert!(server.keys().contains(&format!("some/prefix/{id}")));
    store.delete(vec![id]).await.unwrap();
    assert_eq!(BTreeSet::from_iter(server.keys()), BTreeSet::from(others));
}

#[tokio::test]
async fn a_directory_contains_only_finished_contents() {
    let (store, directory) = directory();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(directory.path().join("shared files")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut writer = store.create(Uuid::now_v7()).await.unwrap();
    writer.write(sample(2 * upload::PART_BYTES)).await.unwrap();
    wait_until(|| names().len() == 1).await;
    drop(writer);
    wait_until(|| names().is_empty()).await;
    let content = sample(upload::PART_BYTES + 1);
    let id = store_content(&store, &content).await.id;
    assert_eq!(names(), [id.to_string()]);
    assert_eq!(read_all(&store, id).await, content);
}

#[tokio::test]
async fn a_file_that_is_truncated_while_it_is_read_is_an_error() {
    let (store, directory) = directory();
    let content = sample(3 << 20);
    let id = store_content(&store, &content).await.id;
    let mut chunks = store.read(id, 0..u64::MAX).await.unwrap().chunks;
    chunks.next().await.unwrap().unwrap();
    let path = directory.path().join("shared files").join(id.to_string());
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(2 << 20).unwrap();
    let mut read = 0;
    let failed = chunks.try_for_each(|chunk| {
        read += chunk.len();
        future::ready(Ok(()))
    });
    assert!(matches!(failed.await, Err(ContentError::Failed(_))));
    assert!(read < 2 << 20);
}

#[cfg(unix)]
#[tokio::test]
async fn other_users_cannot_read_a_new_directory() {
    use std::os::unix::fs::PermissionsExt;

    let (_store, directory) = directory();
    let metadata = std::fs::metadata(directory.path().join("shared files")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
}

#[test]
fn errors_of_the_configuration_contain_no_secrets() {
    let open = |url: &str, variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let environment = configuration::Environment::new(variables);
        let location = ObjectLocation::parse(url).unwrap();
        ObjectContentStore::open_with(&location, &environment, &RequestLimits::default())
            .err()
            .unwrap()
            .to_string()
    };
    for (url, variables, expected) in [
        ("s3://bucket", &[("AWS_SECRET_ACCESS_KEY", "SECRET")][..], "Missing AccessKeyId"),
        ("az://container", &[("AZURE_STORAGE_ACCOUNT_KEY", "SECRET")], "Account must be specified"),
        (
            "az://container",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "name"), ("AZURE_STORAGE_SAS_TOKEN", "SECRET")],
            "Missing component in SAS query pair",
        ),
        ("s3://bucket", &[("AWS_ENDPOINT_URL", "SECRET host")], "must begin with `https://`"),
        ("s3://bucket", &[("AWS_ENDPOINT_URL_S3", "https://host?SECRET")], "have no query"),
        ("gs://bucket", &[("GOOGLE_BASE_URL", "SECRET")], "must begin with `https://`"),
        (
            "s3://bucket",
            &[("AWS_ENDPOINT_URL", "http://SECRET@host")],
            "to allow this, set `AWS_ALLOW_HTTP=true`",
        ),
        (
            "az://container",
            &[("AZURE_STORAGE_ENDPOINT", "http://SECRET@host")],
            "to allow this, set `AWS_ALLOW_HTTP=true` or `AZURE_ALLOW_HTTP=true`",
        ),
        (
            "gs://bucket",
            &[("GOOGLE_SERVICE_ACCOUNT_KEY", r#"["SECRET"]"#)],
            "the credentials or the response are not the expected JSON",
        ),
        (
            "s3://bucket",
            &[
                ("AWS_ACCESS_KEY_ID", "a"),
                ("AWS_SECRET_ACCESS_KEY", "SECRET"),
                ("AWS_ALLOW_INVALID_CERTIFICATES", "1"),
            ],
            "invalid certificates cannot be allowed",
        ),
        (
            "s3://bucket",
            &[
                ("AWS_ACCESS_KEY_ID", "a"),
                ("AWS_SECRET_ACCESS_KEY", "SECRET"),
                ("AWS_PROXY_URL", "http://user:SECRET@"),
            ],
            "the URL of the proxy is invalid",
        ),
    ] {
        let error = open(url, variables);
        assert!(error.starts_with(&format!("cannot open {url}/: ")), "{error}");
        assert!(error.contains(expected) && !error.contains("SECRET"), "{error}");
    }
}

/// Waits for something that happens in the background.
pub(super) async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}
