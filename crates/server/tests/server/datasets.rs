//! Dataset operations.

use mistral_datasets_types::{Dataset, ListDatasetsResponse};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Api, DATASETS, RECORDS, records_path};

#[tokio::test]
async fn created_dataset_is_found_by_id_and_by_slug() {
    let api = Api::start().await;
    let body = json!({"name": "Refund requests", "description": "Tickets", "unknown": [1]});
    let created: Dataset = api.post(DATASETS, body.to_string()).await.json(201);
    assert_eq!((&*created.name, &*created.description), ("Refund requests", "Tickets"));
    assert_eq!(created.slug.as_deref(), Some("refund-requests"));
    assert_eq!(created.id.get_version_num(), 7);
    assert_eq!((created.created_at, created.deleted_at), (created.updated_at, None));
    for key in [created.id.to_string(), created.id.simple().to_string(), "refund-requests".into()] {
        let found: Dataset = api.get(&format!("{DATASETS}/{key}")).await.json(200);
        assert_eq!(found, created);
    }
}

#[tokio::test]
async fn slugs_are_unique_and_not_reused() {
    let api = Api::start().await;
    let mut slugs = Vec::new();
    for _ in 0..5 {
        slugs.push(api.create_dataset("Same name").await.slug.unwrap());
    }
    assert_eq!(slugs, ["same-name", "same-name-2", "same-name-3", "same-name-4", "same-name-5"]);
    api.delete(&format!("{DATASETS}/same-name-2")).await.no_content();
    assert_eq!(api.create_dataset("Same name").await.slug.unwrap(), "same-name-6");
    // A plain name can have the form of a numbered slug.
    assert_eq!(api.create_dataset("Same name 7").await.slug.unwrap(), "same-name-7");
    assert_eq!(api.create_dataset("Same name").await.slug.unwrap(), "same-name-8");
}

#[tokio::test]
async fn name_and_description_limits_count_characters() {
    let api = Api::start().await;
    let create = async |name: String, description: String| {
        let body = json!({"name": name, "description": description});
        api.post(DATASETS, body.to_string()).await
    };
    for (name, description) in [
        ("😀".repeat(5), String::new()),
        ("😀".repeat(50), "ä".repeat(200)),
        ("<value>".into(), "\u{1}\n\t\"\\ \u{10ffff}".into()),
    ] {
        let dataset: Dataset = create(name.clone(), description.clone()).await.json(201);
        assert_eq!((dataset.name, dataset.description), (name, description));
    }
    for (name, description, message) in [
        ("abcd".to_owned(), String::new(), "name: expected 5 to 50 characters, found 4"),
        ("😀".repeat(51), String::new(), "name: expected 5 to 50 characters, found 51"),
        (
            "abcde".to_owned(),
            "x".repeat(201),
            "description: expected at most 200 characters, found 201",
        ),
    ] {
        let response = create(name, description).await;
        assert_eq!(response.error(422, "VALIDATION_ERROR"), message);
    }
}

#[tokio::test]
async fn update_changes_only_the_given_fields_and_updated_at() {
    let api = Api::start().await;
    let created = api.create_dataset("First name").await;
    let path = format!("{DATASETS}/{}", created.id);
    let renamed: Dataset =
        api.patch(&path, r#"{"name": "Second name", "description": null}"#).await.json(200);
    assert_eq!((&*renamed.name, &*renamed.description), ("Second name", ""));
    assert_eq!((renamed.slug.clone(), renamed.created_at), (created.slug, created.created_at));
    assert!(renamed.updated_at > created.updated_at);
    let described: Dataset = api.patch(&path, r#"{"description": "New"}"#).await.json(200);
    assert_eq!((&*described.name, &*described.description), ("Second name", "New"));
    let same: Dataset = api.patch(&path, "{}").await.json(200);
    assert_eq!(same, described);
    assert_eq!(api.get(&path).await.json::<Dataset>(200), described);

    let response = api.patch(&path, r#"{"name": "abc"}"#).await;
    assert!(response.error(422, "VALIDATION_ERROR").starts_with("name: "));
    let response = api.patch(&path, r#"{"description": 3}"#).await;
    assert!(response.error(422, "VALIDATION_ERROR").contains("expected a string, found a number"));
    assert_eq!(api.get(&path).await.json::<Dataset>(200), described);
}

#[tokio::test]
async fn deleted_dataset_is_not_found_and_neither_are_its_contents() {
    let api = Api::start().await;
    let dataset = api.create_dataset("To be deleted").await;
    let other = api.create_dataset("To be kept").await;
    let record = api.create_record(&dataset, "hello").await;
    let task = api.import_lines(&dataset, "{\"messages\": []}\n").await;
    let path = format!("{DATASETS}/{}", dataset.id);
    api.delete(&path).await.no_content();

    for path in [
        path.clone(),
        format!("{DATASETS}/to-be-deleted"),
        records_path(&dataset),
        format!("{path}/tasks"),
        format!("{path}/tasks/{}", task.id),
        format!("{path}/exports/to-jsonl"),
    ] {
        api.get(&path).await.error(404, "DATASET_NOT_FOUND");
    }
    api.delete(&path).await.error(404, "DATASET_NOT_FOUND");
    api.patch(&path, "{}").await.error(404, "DATASET_NOT_FOUND");
    api.get(&format!("{RECORDS}/{}", record.id)).await.error(404, "DATASET_RECORD_NOT_FOUND");
    let listed: ListDatasetsResponse = api.get(DATASETS).await.json(200);
    assert_eq!((listed.datasets.count, listed.datasets.results), (1, vec![other]));
}

#[tokio::test]
async fn search_matches_names_and_descriptions_ignoring_case() {
    let api = Api::start().await;
    for (name, description) in [
        ("Mountain BIKES", "for hills"),
        ("City cars", "no bikes, Ärger 100%"),
        ("ΟΔΟΣ ΕΛΛΑΔΑ", "under_score"),
    ] {
        let body = json!({"name": name, "description": description});
        api.post(DATASETS, body.to_string()).await.json::<Dataset>(201);
    }
    for (q, expected) in [
        ("bike", 2),
        ("BIKES", 2),
        ("hills", 1),
        ("%C3%A4rger", 1),
        ("%CE%BF%CE%B4%CE%BF%CF%83", 1),
        // SQL wildcards are matched literally.
        ("100%25", 1),
        ("%25", 1),
        ("_", 1),
        ("no+bikes", 1),
        ("no%20bikes", 1),
        ("nothing", 0),
        ("%00", 0),
        ("", 3),
    ] {
        let listed: ListDatasetsResponse = api.get(&format!("{DATASETS}?q={q}")).await.json(200);
        let found = (listed.datasets.count, listed.datasets.results.len());
        assert_eq!(found, (expected, expected as usize), "{q}");
    }
}

#[tokio::test]
async fn unknown_datasets_are_not_found() {
    let api = Api::start().await;
    for key in [Uuid::now_v7().to_string(), "no-such-slug".into(), "%F0%9F%98%80".into()] {
        api.get(&format!("{DATASETS}/{key}")).await.error(404, "DATASET_NOT_FOUND");
    }
    let response = api.get(&format!("{DATASETS}/%ff")).await;
    assert_eq!(response.error(422, "VALIDATION_ERROR"), "dataset_id: not UTF-8");
}
