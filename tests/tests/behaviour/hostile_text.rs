//! Text that must not be quoted, or must not end the header it is sent in.

use mistral_datasets::{Client, ErrorKind, Jsonl, RetryPolicy, Upload};
use mistral_datasets_tests::Fixture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn jsonl_given_as_a_path_is_not_quoted() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let long = format!("{{\"messages\": [{{\"content\": \"my secret {}\"}}]}}", "x".repeat(5_000));
    for text in [
        "{\"messages\": [\"my secret\"]}",
        " [{\"content\": \"my secret\"}]",
        "my secret\nmy other secret\n",
        &long,
    ] {
        let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(text));
        let printed = format!("{call:?}");
        let errors = [call.await.unwrap_err(), Upload::path(text).await.unwrap_err()];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Validation);
            let message = "this looks like JSONL, not a path; pass bytes";
            assert!(error.message().starts_with(message), "{error}");
            assert!(!format!("{printed} {error} {error:?}").contains("secret"), "{error:?}");
        }
        let directory = tempfile::tempdir().unwrap();
        // The directory of the file does not exist, or its name is too long.
        let path = format!("{text}{}/my secret", directory.path().display());
        let error = fixture.client.datasets().export(dataset.id).to_path(&path).await.unwrap_err();
        assert!(error.message().starts_with("this looks like JSONL, not a path"), "{error}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(!format!("{error} {error:?} {source}").contains("secret"), "{error:?}");
    }
    assert!(fixture.take_operations().await.iter().all(|operation| operation != "upload_file"));

    // A file may have such a name.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("[draft]\n.jsonl");
    std::fs::write(&path, "{\"messages\": []}\n").unwrap();
    let import = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(&path));
    assert_eq!(import.await.unwrap().records(), 1);
}

/// Returns the form that a server receives with an upload.
async fn received_form(file_name: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"--\r\n") {
            assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "the form ends");
        }
        let response =
            b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(response).await.unwrap();
        String::from_utf8(received).unwrap()
    });
    let client = Client::builder()
        .api_key("k")
        .server_url(url)
        .retries(RetryPolicy::none())
        .build()
        .unwrap();
    client.files().upload(Upload::bytes(file_name, "the content")).await.unwrap_err();
    server.await.unwrap()
}

#[tokio::test]
async fn file_name_cannot_add_headers_to_an_upload() {
    let form = received_form("a\"; name=\"purpose\r\nX-Evil: 1\r\n\r\nb\nc\rd é 100%.jsonl").await;
    let expected = concat!(
        "Content-Disposition: form-data; name=\"file\"; ",
        "filename=\"a%22; name=%22purpose%0D%0AX-Evil: 1%0D%0A%0D%0Ab%0Ac%0Dd é 100%.jsonl\"\r\n",
    );
    assert!(form.contains(expected), "{form}");
    assert!(!form.contains("\nX-Evil"), "{form}");
}
