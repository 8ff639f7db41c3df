//! Pagination of all listings.

use mistral_datasets_server::ServerConfig;
use mistral_datasets_types::{
    Dataset, ListDatasetsResponse, ListRecordsResponse, ListTasksResponse,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Api, DATASETS, RECORDS, records_path};

#[tokio::test]
async fn datasets_are_listed_newest_first_with_page_links() {
    let api = Api::start().await;
    let mut names = Vec::new();
    for n in 0..7 {
        names.push(api.create_dataset(&format!("Bike & co {n}")).await.name);
        api.create_dataset(&format!("Other {n}")).await;
    }
    names.reverse();
    let first = format!("{DATASETS}?page_size=3&q=Bike+%26");
    let mut pages: Vec<ListDatasetsResponse> = vec![api.get(&first).await.json(200)];
    while let Some(next) = &pages[pages.len() - 1].datasets.next {
        assert!(next.starts_with(&api.server.url()), "{next}");
        pages.push(api.get(next).await.json(200));
    }
    assert_eq!(pages.len(), 3);
    assert!(pages.iter().all(|page| page.datasets.count == 7));
    let found: Vec<_> = pages.iter().flat_map(|page| &page.datasets.results).collect();
    assert_eq!(found.iter().map(|dataset| dataset.name.clone()).collect::<Vec<_>>(), names);
    assert_eq!(pages[0].datasets.previous, None);
    for (before, page) in pages.iter().zip(&pages[1..]) {
        let previous = page.datasets.previous.as_deref().unwrap();
        assert_eq!(api.get(previous).await.json::<ListDatasetsResponse>(200), *before);
    }
}

#[tokio::test]
async fn default_page_size_is_fifty() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Fifty-one").await;
    let lines = "{\"messages\": []}\n".repeat(51);
    api.import_lines(&dataset, lines).await;
    let page: ListRecordsResponse = api.get(&records_path(&dataset)).await.json(200);
    assert_eq!((page.records.count, page.records.results.len()), (51, 50));
    assert!(page.records.next.is_some() && page.records.previous.is_none());
}

#[tokio::test]
async fn page_past_the_end_is_empty_and_page_size_zero_returns_the_count() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Small").await;
    for n in 0..3 {
        api.create_record(&dataset, n).await;
    }
    let page = async |query: &str| {
        let path = format!("{}?{query}", records_path(&dataset));
        let page: ListRecordsResponse = api.get(&path).await.json(200);
        assert_eq!(page.records.count, 3);
        page.records
    };
    for query in ["page=3&page_size=2", "page=9223372036854775807&page_size=100"] {
        let beyond = page(query).await;
        assert!(beyond.results.is_empty() && beyond.next.is_none());
        let back: ListRecordsResponse = api.get(&beyond.previous.unwrap()).await.json(200);
        assert!(!back.records.results.is_empty());
    }
    // Larger than the document's integer type.
    let beyond = format!("{}?page=9223372036854775808", records_path(&dataset));
    assert!(api.get(&beyond).await.error(422, "VALIDATION_ERROR").starts_with("page: "));
    for query in ["page_size=0", "page_size=0&page=7"] {
        let count_only = page(query).await;
        assert!(count_only.results.is_empty());
        assert_eq!((count_only.next, count_only.previous), (None, None));
    }
}

#[tokio::test]
async fn tasks_are_listed_newest_first() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Tasks").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let body = json!({"conversation_ids": []});
        ids.push(api.import(&dataset, "from-playground", body).await.id);
    }
    ids.reverse();
    let path = format!("{DATASETS}/{}/tasks", dataset.id);
    let mut found: Vec<Uuid> = Vec::new();
    let mut next = Some(format!("{path}?page_size=2"));
    while let Some(link) = next {
        let page: ListTasksResponse = api.get(&link).await.json(200);
        assert_eq!(page.tasks.count, 5);
        found.extend(page.tasks.results.iter().map(|task| task.id));
        next = page.tasks.next;
    }
    assert_eq!(found, ids);
    let beyond: ListTasksResponse = api.get(&format!("{path}?page=9")).await.json(200);
    assert!(beyond.tasks.results.is_empty());
}

#[tokio::test]
async fn record_order_survives_imports_and_deletes() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Order").await;
    let content = |n: usize| json!({"role": "user", "content": n});
    let mut expected: Vec<usize> = Vec::new();
    // Alternate single records with imports that are large enough to be staged in several chunks.
    for round in 0..2 {
        api.create_record(&dataset, round * 10_000).await;
        expected.push(round * 10_000);
        let numbers: Vec<usize> = (1..=2_500).map(|n| round * 10_000 + n).collect();
        let lines: String =
            numbers.iter().map(|n| json!({"messages": [content(*n)]}).to_string() + "\n").collect();
        api.import_lines(&dataset, lines).await;
        expected.extend(numbers);
    }
    let records = api.records(&dataset).await;
    let numbers = |records: &[mistral_datasets_types::DatasetRecord]| {
        let number = |payload: &str| {
            let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
            payload["messages"][0]["content"].as_u64().unwrap() as usize
        };
        records.iter().map(|record| number(record.payload.get())).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&records), expected);

    // Delete every third record and one contiguous range.
    let is_deleted = |index: usize| index.is_multiple_of(3) || (1_000..2_000).contains(&index);
    let ids: Vec<Uuid> =
        (0..records.len()).filter(|n| is_deleted(*n)).map(|n| records[n].id).collect();
    for chunk in ids.chunks(500) {
        let body = json!({"dataset_record_ids": chunk}).to_string();
        api.post(&format!("{RECORDS}/bulk-delete"), body).await.no_content();
    }
    let remaining: Vec<usize> =
        (0..expected.len()).filter(|n| !is_deleted(*n)).map(|n| expected[n]).collect();
    assert_eq!(api.record_count(&dataset).await, remaining.len() as i64);
    assert_eq!(numbers(&api.records(&dataset).await), remaining);
    for page in [1, 7, 123, remaining.len() / 7] {
        let path = format!("{}?page_size=7&page={page}", records_path(&dataset));
        let found: ListRecordsResponse = api.get(&path).await.json(200);
        let from = (page - 1) * 7;
        assert_eq!(numbers(&found.records.results), remaining[from..from + 7]);
    }
}

#[tokio::test]
async fn invalid_parameters_are_rejected_by_name() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Limits").await;
    for path in
        [DATASETS.to_owned(), records_path(&dataset), format!("{DATASETS}/{}/tasks", dataset.id)]
    {
        for (query, message) in [
            ("page_size=101", "page_size: expected a whole number from 0 to 100"),
            ("page_size=-1", "page_size: expected a whole number from 0 to 100"),
            ("page_size=ten", "page_size: expected a whole number from 0 to 100"),
            ("page_size=", "page_size: expected a whole number from 0 to 100"),
            ("page_size=1e1", "page_size: expected a whole number from 0 to 100"),
            ("page=0", "page: expected a whole number of at least 1"),
            ("page=1.5", "page: expected a whole number of at least 1"),
            ("page=99999999999999999999999999", "page: expected a whole number of at least 1"),
            ("page=1&page=2", "page: given more than once"),
            ("page=%ff", "page: not UTF-8"),
        ] {
            let response = api.get(&format!("{path}?{query}")).await;
            assert_eq!(response.error(422, "VALIDATION_ERROR"), message, "{path}?{query}");
        }
    }
    let response = api.get(&format!("{DATASETS}?q=%ff")).await;
    assert_eq!(response.error(422, "VALIDATION_ERROR"), "q: not UTF-8");
    api.get(&format!("{DATASETS}?unknown=%ff&unknown=2")).await.json::<ListDatasetsResponse>(200);
}

#[tokio::test]
async fn page_links_use_the_host_header_or_the_public_url() {
    let api_keys = vec!["a key".into()];
    let api = Api::start_with(ServerConfig::default().api_keys(api_keys)).await;
    for n in 0..2 {
        api.create_dataset(&format!("Dataset {n}")).await;
    }
    let next = async |host: &str| {
        let request = api.request(http::Method::GET, &format!("{DATASETS}?page_size=1"));
        let response = crate::support::send(request.header("host", host)).await;
        response.json::<ListDatasetsResponse>(200).datasets.next.unwrap()
    };
    let path = "/v1/observability/datasets?page_size=1&page=2";
    assert_eq!(next("datasets.test:8080").await, format!("http://datasets.test:8080{path}"));
    // An invalid host is replaced by the server's own address.
    assert_eq!(next("user@evil.test").await, format!("{}{path}", api.server.url()));

    let public_url = Some("https://datasets.example/api/".to_owned());
    let api = Api::start_with(ServerConfig::default().public_url(public_url)).await;
    for n in 0..2 {
        api.create_dataset(&format!("Dataset {n}")).await;
    }
    let page: ListDatasetsResponse = api.get(&format!("{DATASETS}?page_size=1")).await.json(200);
    assert_eq!(page.datasets.next.unwrap(), format!("https://datasets.example/api{path}"));
}

#[tokio::test]
async fn page_links_keep_the_slug() {
    let api = Api::start().await;
    let dataset: Dataset = api.create_dataset("By its slug").await;
    for n in 0..2 {
        api.create_record(&dataset, n).await;
    }
    let path = format!("{DATASETS}/by-its-slug/records?page_size=1");
    let page: ListRecordsResponse = api.get(&path).await.json(200);
    assert!(page.records.next.unwrap().ends_with("/by-its-slug/records?page_size=1&page=2"));
}
