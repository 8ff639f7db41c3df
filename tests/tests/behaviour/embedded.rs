//! The embedded local server.

use mistral_datasets::{Client, ErrorKind, LocalData};
use serde_json::json;

#[tokio::test]
async fn local_server_in_memory() {
    let client = Client::local(LocalData::Memory).await.unwrap();
    let dataset = client.datasets().create("Refund requests", "").await.unwrap();
    client.datasets().create_record(dataset.id, json!({"messages": []}), json!({})).await.unwrap();
    assert_eq!(client.datasets().list_records(dataset.id).await.unwrap().records.count, 1);
    let url = client.server_url().to_owned();
    client.close().await;
    client.close().await;
    assert_eq!(client.datasets().list().await.unwrap_err().kind(), ErrorKind::Closed);
    let other = Client::builder().api_key("k").server_url(url).build().unwrap();
    assert_eq!(other.datasets().list().await.unwrap_err().kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn local_server_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let data = || LocalData::Directory(directory.path().join("data"));
    let client = Client::local(data()).await.unwrap();
    let dataset = client.datasets().create("Refund requests", "").await.unwrap();
    let second = Client::local(data()).await.unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Configuration, "a data directory can be opened once only");
    client.close().await;

    let client = Client::local(data()).await.unwrap();
    assert_eq!(client.datasets().fetch(dataset.id).await.unwrap(), dataset);
    client.close().await;
}
