//! Datasets.

use mistral_datasets::{Client, ErrorKind};
use mistral_datasets_tests::Fixture;
use serde_json::json;

/// Returns a client of a closed port.
fn unreachable_client() -> Client {
    Client::builder().api_key("a key").server_url("http://127.0.0.1:9").build().unwrap()
}

#[tokio::test]
async fn create_dataset() {
    let fixture = Fixture::start().await;
    let created =
        fixture.client.datasets().create("Refund requests", "About refunds").await.unwrap();
    assert_eq!(
        (created.name.as_str(), created.description.as_str()),
        ("Refund requests", "About refunds")
    );
    assert_eq!(created.created_at, created.updated_at);
    assert_eq!(created.deleted_at, None);
    assert!(!created.id.is_nil() && !created.owner_id.is_nil() && !created.workspace_id.is_nil());
}

#[tokio::test]
async fn create_dataset_checks_limits_before_sending() {
    for (name, description, expected) in [
        ("abcd".to_owned(), String::new(), "name: expected 5 to 50 characters, found 4"),
        ("x".repeat(51), String::new(), "name: expected 5 to 50 characters, found 51"),
        (
            "A name".to_owned(),
            "d".repeat(201),
            "description: expected at most 200 characters, found 201",
        ),
    ] {
        let error = unreachable_client().datasets().create(name, description).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert_eq!(error.code(), Some("VALIDATION_ERROR"));
        assert_eq!(error.message(), expected);
        assert_eq!(error.status(), None);
    }
}

#[tokio::test]
async fn create_dataset_counts_characters_not_bytes() {
    let fixture = Fixture::start().await;
    let name = "😀".repeat(50);
    let created = fixture.client.datasets().create(&name, "").await.unwrap();
    assert_eq!(created.name, name);
}

#[tokio::test]
async fn fetch_dataset() {
    let fixture = Fixture::start().await;
    let created = fixture.create_dataset().await;
    assert_eq!(fixture.client.datasets().fetch(created.id).await.unwrap(), created);
}

#[tokio::test]
async fn fetch_dataset_by_slug() {
    let fixture = Fixture::start().await;
    let created = fixture.create_dataset().await;
    let slug = created.slug.clone().expect("local server assigns slugs");
    assert_eq!(fixture.client.datasets().fetch(slug).await.unwrap(), created);
}

#[tokio::test]
async fn fetch_unknown_dataset() {
    let fixture = Fixture::start().await;
    let error = fixture.client.datasets().fetch(uuid::Uuid::new_v4()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.status(), Some(404));
    assert_eq!(error.code(), Some("DATASET_NOT_FOUND"));
    assert_eq!(error.operation(), Some("fetch_dataset"));
    assert!(error.request_id().is_some_and(|id| !id.is_empty()));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn update_dataset() {
    let fixture = Fixture::start().await;
    let created = fixture.create_dataset().await;
    let updated = fixture
        .client
        .datasets()
        .update(created.id)
        .name("Returned goods")
        .description("Something else")
        .await
        .unwrap();
    assert_eq!(
        (updated.name.as_str(), updated.description.as_str()),
        ("Returned goods", "Something else")
    );
    assert_eq!((updated.id, updated.created_at), (created.id, created.created_at));
    assert!(updated.updated_at > created.updated_at);
    assert_eq!(fixture.client.datasets().fetch(created.id).await.unwrap(), updated);
}

#[tokio::test]
async fn update_dataset_keeps_omitted_fields() {
    let fixture = Fixture::start().await;
    let created = fixture.create_dataset().await;
    let updated =
        fixture.client.datasets().update(created.id).name("Returned goods").await.unwrap();
    assert_eq!(updated.description, created.description);
    let updated = fixture
        .client
        .datasets()
        .update(created.id)
        .name(None)
        .description("Something else")
        .await
        .unwrap();
    assert_eq!(
        (updated.name.as_str(), updated.description.as_str()),
        ("Returned goods", "Something else")
    );
}

#[tokio::test]
async fn delete_dataset() {
    let fixture = Fixture::start().await;
    let datasets = fixture.client.datasets();
    let dataset = fixture.create_dataset().await;
    let record = fixture.create_record(&dataset, "hello").await;
    datasets.delete(dataset.id).await.unwrap();
    for error in [
        datasets.fetch(dataset.id).await.unwrap_err(),
        datasets.list_records(dataset.id).await.unwrap_err(),
        datasets.delete(dataset.id).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Some("DATASET_NOT_FOUND"));
    }
    let error = datasets.records().fetch(record.id).await.unwrap_err();
    assert_eq!(error.code(), Some("DATASET_RECORD_NOT_FOUND"));
    assert_eq!(datasets.list().await.unwrap().datasets.count, 0);
}

/// Returns the names of the datasets on a page.
async fn names(client: &Client, page_size: i64, page: i64) -> Vec<String> {
    let response = client.datasets().list().page_size(page_size).page(page).await.unwrap();
    response.datasets.results.into_iter().map(|dataset| dataset.name).collect()
}

#[tokio::test]
async fn list_datasets_newest_first() {
    let fixture = Fixture::start().await;
    for name in ["first", "second", "third"] {
        fixture.client.datasets().create(name, "").await.unwrap();
    }
    assert_eq!(names(&fixture.client, 50, 1).await, ["third", "second", "first"]);
}

#[tokio::test]
async fn list_datasets_in_pages() {
    let fixture = Fixture::start().await;
    for name in ["first", "second", "third"] {
        fixture.client.datasets().create(name, "").await.unwrap();
    }
    let datasets = fixture.client.datasets();
    let first = datasets.list().page_size(2).await.unwrap().datasets;
    assert_eq!((first.count, first.results.len()), (3, 2));
    assert!(first.previous.is_none());
    assert!(first.next.is_some_and(|next| next.starts_with(&fixture.url())));
    let second = datasets.list().page_size(2).page(2).await.unwrap().datasets;
    assert_eq!((second.count, second.results.len()), (3, 1));
    assert!(second.previous.is_some() && second.next.is_none());
    assert!(names(&fixture.client, 2, 3).await.is_empty());
}

#[tokio::test]
async fn list_datasets_by_query() {
    let fixture = Fixture::start().await;
    let datasets = fixture.client.datasets();
    datasets.create("Ärger am Schalter", "").await.unwrap();
    datasets.create("Something else", "with ÄRGER in it").await.unwrap();
    datasets.create("100% unrelated", "").await.unwrap();
    let found = async |q: &str| datasets.list().q(q).await.unwrap().datasets.count;
    assert_eq!(found("ärger").await, 2);
    assert_eq!(found("SCHALTER").await, 1);
    assert_eq!(found("%").await, 1);
    assert_eq!(found("nowhere").await, 0);
}

#[tokio::test]
async fn list_datasets_count_only() {
    let fixture = Fixture::start().await;
    fixture.create_dataset().await;
    let page = fixture.client.datasets().list().page_size(0).await.unwrap().datasets;
    assert_eq!((page.count, page.results.len()), (1, 0));
}

#[tokio::test]
async fn list_rejects_page_sizes_out_of_range() {
    let datasets = unreachable_client().datasets();
    for (page_size, page, expected) in [
        (101, 1, "page_size: expected 0 to 100, found 101"),
        (-1, 1, "page_size: expected 0 to 100, found -1"),
        (1, 0, "page: expected at least 1, found 0"),
    ] {
        let error = datasets.list().page_size(page_size).page(page).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Validation, expected));
    }
    let error = datasets.list_records("x").page_size(101).await.unwrap_err();
    assert_eq!(error.message(), "page_size: expected 0 to 100, found 101");
    let error = datasets.create_record("", json!({}), json!({})).await.unwrap_err();
    assert_eq!(error.message(), "dataset_id: must not be empty");
}
