//! The embedded local server.

use std::time::Duration;

use mistral_datasets::types::{
    CreateJudgeRequest, JudgeAnswer, JudgeClassificationOutput, JudgeClassificationOutputOption,
};
use mistral_datasets::{Client, ErrorKind, JudgeEndpoint, LocalData, LocalOptions};
use mistral_datasets_tests::ChatServer;
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

#[tokio::test]
async fn local_server_with_a_judge() {
    let chat = ChatServer::start().await;
    let endpoint = JudgeEndpoint::new(chat.url())
        .key(Some("the judge key".to_owned()))
        .timeout(Duration::from_secs(20))
        .models([("judge-model".to_owned(), "fenced".to_owned())].into());
    let options = LocalOptions::new(LocalData::Memory).judge(Some(endpoint));
    assert!(!format!("{options:?}").contains("the judge key"));
    let client = Client::local_with(options).await.unwrap();
    let dataset = client.datasets().create("Refund requests", "").await.unwrap();
    let payload = json!({"messages": [{"role": "user", "content": "This is rude!"}]});
    let record = client.datasets().create_record(dataset.id, payload, json!({})).await.unwrap();
    let options = ["polite", "rude"].map(|value| JudgeClassificationOutputOption::new(value, ""));
    let output = JudgeClassificationOutput::new(options);
    let instructions = "{{ user_message }}";
    let tools = Vec::<String>::new();
    let judge =
        CreateJudgeRequest::new("tone of it", "", "judge-model", output, instructions, tools);
    let judged = client.datasets().records().judge(record.id, judge).await.unwrap();
    assert_eq!(judged.answer, JudgeAnswer::String("rude".to_owned()));
    assert_eq!(chat.keys(), ["Bearer the judge key"]);
    assert_eq!(chat.requests("fenced"), 1);
    client.close().await;

    for endpoint in [
        JudgeEndpoint::new("my secret"),
        JudgeEndpoint::new("https://host/v1?key=secret"),
        JudgeEndpoint::new("http://host").key(Some("my\nsecret".to_owned())),
        JudgeEndpoint::new("http://host").key(Some("my secret".to_owned())).timeout(Duration::ZERO),
    ] {
        let options = LocalOptions::new(LocalData::Memory).judge(Some(endpoint));
        let error = Client::local_with(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.message().contains("the judge"), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
