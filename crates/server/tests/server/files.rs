//! File operations.

use http::Method;
use mistral_datasets_server::{Limits, ServerConfig};
use mistral_datasets_types::{File, ListFilesResponse, SignedUrl};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Api, Response, send};

const FILES: &str = "/v1/files";

async fn upload(api: &Api, form: Form) -> Response {
    send(api.request(Method::POST, FILES).multipart(form)).await
}

fn part(name: &str, content: &str) -> Part {
    Part::text(content.to_owned()).file_name(name.to_owned())
}

#[tokio::test]
async fn uploaded_file_can_be_retrieved_and_downloaded() {
    let api = Api::start().await;
    let content = "{\"a\": 1}\n{\"b\": \"\u{1F600}\"}";
    // Form fields may precede or follow the file.
    let form = Form::new()
        .text("visibility", "user")
        .part("file", part("ä b.jsonl", content).mime_str("application/jsonl").unwrap())
        .text("purpose", "dataset")
        .text("expiry", "24")
        .text("unknown", "x".repeat(100_000));
    let file: File = upload(&api, form).await.json(200);
    assert_eq!((&*file.filename, file.bytes), ("ä b.jsonl", Some(content.len() as i64)));
    assert_eq!((&*file.object, file.num_lines), ("file", Some(2)));
    assert_eq!(file.purpose.as_deref(), Some("dataset"));
    assert_eq!(file.mimetype.as_deref(), Some("application/jsonl"));
    assert_eq!(file.visibility.as_deref(), Some("user"));
    // The two times are taken one after the other and truncated to seconds, so they may differ by a second less.
    let lifetime = file.expires_at.unwrap() - file.created_at;
    assert!([24 * 3600 - 1, 24 * 3600].contains(&lifetime), "{lifetime}");
    assert_eq!(file.signature.as_ref().unwrap().len(), 64);

    let path = format!("{FILES}/{}", file.id);
    let retrieved: Value = api.get(&path).await.json(200);
    assert_eq!((&retrieved["id"], &retrieved["deleted"]), (&file.id.clone().into(), &false.into()));
    let download = api.get(&format!("{path}/content")).await;
    assert_eq!((download.status.as_u16(), download.text()), (200, content.to_owned()));
    assert_eq!(download.headers["content-type"], "application/octet-stream");
    assert_eq!(download.headers["content-length"], content.len().to_string());
}

#[tokio::test]
async fn file_metadata_has_defaults() {
    let api = Api::start().await;
    let file: Value = upload(&api, Form::new().part("file", part("data.bin", "x"))).await.json(200);
    for name in ["purpose", "sample_type", "source"] {
        assert!(file[name].is_string(), "{name}");
    }
    assert_eq!((&file["num_lines"], &file["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(file["visibility"], "workspace");
}

#[tokio::test]
async fn deleted_file_is_not_found() {
    let api = Api::start().await;
    let file = api.upload("gone.jsonl", "{}").await;
    let path = format!("{FILES}/{}", file.id);
    let link: SignedUrl = api.get(&format!("{path}/url")).await.json(200);
    let deleted: Value = api.delete(&path).await.json(200);
    assert_eq!(deleted["id"], file.id.as_str());
    assert_eq!((&deleted["object"], &deleted["deleted"]), (&"file".into(), &true.into()));
    for path in [path.clone(), format!("{path}/content"), format!("{path}/url"), link.url] {
        api.get(&path).await.error(404, "UNKNOWN_ERROR");
    }
    api.delete(&path).await.error(404, "UNKNOWN_ERROR");
    assert!(api.get(FILES).await.json::<ListFilesResponse>(200).data.is_empty());
}

#[tokio::test]
async fn files_are_listed_newest_first_from_page_zero() {
    let api = Api::start().await;
    for n in 0..5 {
        let form = Form::new()
            .text("purpose", if n % 2 == 0 { "even" } else { "odd" })
            .part("file", part(&format!("Bikes {n}.jsonl"), ""));
        upload(&api, form).await.json::<File>(200);
    }
    api.upload("cars.jsonl", "").await;
    let list = async |query: &str| {
        let listed: ListFilesResponse = api.get(&format!("{FILES}?{query}")).await.json(200);
        assert_eq!(listed.object, "list");
        let names: Vec<String> = listed.data.into_iter().map(|file| file.filename).collect();
        (names.join(" "), listed.total)
    };
    let all = "cars.jsonl Bikes 4.jsonl Bikes 3.jsonl Bikes 2.jsonl Bikes 1.jsonl Bikes 0.jsonl";
    assert_eq!(list("").await, (all.into(), Some(6)));
    // Parameters as sent by the official clients; unsupported filters are ignored.
    assert_eq!(
        list("page=0&page_size=100&include_total=true&sample_type=a&sample_type=b").await.0,
        all
    );
    assert_eq!(list("page=1&page_size=2").await, ("Bikes 3.jsonl Bikes 2.jsonl".into(), Some(6)));
    assert_eq!(list("page=3&page_size=2&include_total=false").await, (String::new(), None));
    assert_eq!(list("page_size=0").await, (String::new(), Some(6)));
    assert_eq!(list("search=CARS").await, ("cars.jsonl".into(), Some(1)));
    assert_eq!(list("purpose=odd&search=bikes").await.1, Some(2));
    for query in ["page=-1", "page_size=x", "include_total=maybe", "search=a&search=b"] {
        api.get(&format!("{FILES}?{query}")).await.error(422, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn download_supports_ranges() {
    let api = Api::start().await;
    let file = api.upload("digits.txt", "0123456789").await;
    let path = format!("{FILES}/{}/content", file.id);
    let download =
        async |range: &str| send(api.request(Method::GET, &path).header("range", range)).await;
    let middle = download("bytes=2-4").await;
    assert_eq!((middle.status.as_u16(), middle.text()), (206, "234".to_owned()));
    assert_eq!(middle.headers["content-range"], "bytes 2-4/10");
    assert_eq!(download("bytes=-1").await.text(), "9");
    assert_eq!(download("bytes=7-").await.text(), "789");
    assert_eq!(download("bytes=4-2").await.status, 200);
    let beyond = download("bytes=10-").await;
    assert_eq!(beyond.headers["content-range"], "bytes */10");
    beyond.error(416, "VALIDATION_ERROR");
}

#[tokio::test]
async fn if_range_requires_a_matching_strong_etag() {
    let api = Api::start().await;
    let link = async |content: &str| {
        let file = api.upload("content.txt", content).await;
        let link: Value = api.get(&format!("{FILES}/{}/url", file.id)).await.json(200);
        link["url"].as_str().unwrap().to_owned()
    };
    let (first, same, other) =
        (link("0123456789").await, link("0123456789").await, link("0123456780").await);
    let complete = api.get(&first).await;
    assert_eq!(complete.headers["accept-ranges"], "bytes");
    let tag = complete.headers["etag"].to_str().unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag}");
    let rest = async |link: &str, tag: &str| {
        let request = api.request(Method::GET, link).header("range", "bytes=7-");
        send(request.header("if-range", tag)).await
    };
    for link in [&first, &same] {
        let part = rest(link, tag).await;
        assert_eq!((part.status.as_u16(), part.text()), (206, "789".to_owned()));
        assert_eq!(part.headers["etag"], tag);
        assert_eq!(part.headers["content-range"], "bytes 7-9/10");
    }
    // Different content, weak tags and dates get the complete file.
    assert_eq!(rest(&other, tag).await.text(), "0123456780");
    for validator in [&format!("W/{tag}"), "Wed, 21 Oct 2026 07:28:00 GMT"] {
        let response = rest(&first, validator).await;
        assert_eq!((response.status.as_u16(), response.text()), (200, "0123456789".to_owned()));
    }
}

#[tokio::test]
async fn signed_link_opens_only_its_file_without_a_key() {
    let mut api = Api::start().await;
    let file = api.upload("linked.jsonl", "linked").await;
    let other = api.upload("other.jsonl", "other").await;
    let link = api.get(&format!("{FILES}/{}/url?expiry=1", file.id)).await;
    let link = link.json::<SignedUrl>(200).url;
    assert!(link.starts_with(&api.server.url()));
    api.set_key(None);
    assert_eq!(api.get(&link).await.text(), "linked");
    let (path, query) = link.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let expires: i64 = expires.strip_prefix("expires=").unwrap().parse().unwrap();
    let other_file = link.replace(&file.id, &other.id);
    for forged in [
        path.to_owned(),
        format!("{path}?expires={expires}"),
        format!("{path}?{signature}"),
        format!("{path}?expires={}&{signature}", expires + 1),
        format!("{path}?expires=never&{signature}"),
        format!("{path}?expires={expires}&{signature}x"),
        format!("{path}?expires={expires}&signature="),
        other_file,
    ] {
        api.get(&forged).await.error(403, "AUTH_FORBIDDEN");
    }
    for outside in ["..%2fdatasets.sqlite3", "%2e%2e%2flock", "not-an-id"] {
        let response = api.get(&format!("/files/{outside}?{query}")).await;
        response.error(404, "UNKNOWN_ERROR");
    }
}

#[tokio::test]
async fn link_lifetime_is_validated() {
    let api = Api::start().await;
    let file = api.upload("linked.jsonl", "").await;
    for expiry in ["0", "-1", "x", "", "99999999999999999999", "1&expiry=2"] {
        let response = api.get(&format!("{FILES}/{}/url?expiry={expiry}", file.id)).await;
        assert!(response.error(422, "VALIDATION_ERROR").starts_with("expiry: "));
    }
    // The document sets no maximum; the server caps lifetimes at about a hundred years.
    let max = i64::MAX.to_string();
    let form = Form::new().part("file", part("kept", "")).text("expiry", max.clone());
    let kept: File = upload(&api, form).await.json(200);
    assert!(kept.expires_at > Some(kept.created_at + 99 * 365 * 24 * 3600));
    let link = api.get(&format!("{FILES}/{}/url?expiry={max}", kept.id)).await;
    let link = link.json::<SignedUrl>(200).url;
    assert_eq!(api.get(&link).await.status, 200);
}

#[tokio::test]
async fn invalid_uploads_are_rejected_and_leave_no_files() {
    let directory = tempfile::tempdir().unwrap();
    let api = Api::start_with(
        ServerConfig::default()
            .data(mistral_datasets_server::DataLocation::Directory(directory.path().to_owned()))
            .limits(Limits::default().file_bytes(1_000)),
    )
    .await;
    let file = || part("a.jsonl", "{}");
    let response = upload(&api, Form::new().text("purpose", "x")).await;
    assert_eq!(response.error(422, "VALIDATION_ERROR"), "file: required");
    let response = upload(&api, Form::new().text("file", "not a file")).await;
    assert!(response.error(422, "VALIDATION_ERROR").starts_with("file: expected a file"));
    let response = upload(&api, Form::new().part("file", file()).part("file", file())).await;
    assert_eq!(response.error(422, "VALIDATION_ERROR"), "file: given more than once");
    for (name, value) in [
        ("expiry", "0".to_owned()),
        ("expiry", "soon".to_owned()),
        ("visibility", "everybody".to_owned()),
        ("purpose", String::new()),
        ("purpose", "x".repeat(256)),
    ] {
        // The invalid field follows a complete file.
        let response = upload(&api, Form::new().part("file", file()).text(name, value)).await;
        assert!(response.error(422, "VALIDATION_ERROR").starts_with(&format!("{name}: ")));
    }
    let response = upload(&api, Form::new().part("file", part("large", &"x".repeat(1_001)))).await;
    assert_eq!(response.error(413, "VALIDATION_ERROR"), "the file is larger than 1000 bytes");
    let response = upload(&api, Form::new().text("purpose", "x".repeat(5_000))).await;
    response.error(413, "VALIDATION_ERROR");

    let raw = async |content_type: &str, body: &'static str| {
        let request = api.request(Method::POST, FILES).header("content-type", content_type);
        send(request.body(body)).await
    };
    raw("application/json", "{}").await.error(415, "VALIDATION_ERROR");
    raw("multipart/form-data", "x").await.error(415, "VALIDATION_ERROR");
    raw("multipart/form-data; boundary=b", "no form").await.error(422, "VALIDATION_ERROR");
    let cut = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nhalf";
    raw("multipart/form-data; boundary=b", cut).await.error(422, "VALIDATION_ERROR");

    let left = api.get(FILES).await.json::<ListFilesResponse>(200);
    assert_eq!((left.data.len(), left.total), (0, Some(0)));
    assert_eq!(std::fs::read_dir(directory.path().join("files/incoming")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(directory.path().join("files")).unwrap().count(), 1);
}

#[tokio::test]
async fn unknown_files_are_not_found() {
    let api = Api::start().await;
    for id in [Uuid::now_v7().to_string(), "file-123".to_owned(), "..%2f..".to_owned()] {
        for rest in ["", "/content", "/url"] {
            api.get(&format!("{FILES}/{id}{rest}")).await.error(404, "UNKNOWN_ERROR");
        }
        api.delete(&format!("{FILES}/{id}")).await.error(404, "UNKNOWN_ERROR");
    }
}

#[tokio::test]
async fn a_page_has_at_most_a_thousand_files_and_the_next_one_continues_there() {
    let directory = tempfile::tempdir().unwrap();
    let config = || {
        let data = mistral_datasets_server::DataLocation::Directory(directory.path().to_owned());
        ServerConfig::default().data(data)
    };
    let api = Api::start_with(config()).await;
    api.upload("first.jsonl", "").await;
    api.server.shutdown().await;
    let database = rusqlite::Connection::open(directory.path().join("datasets.sqlite3")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1199)
             INSERT INTO files (workspace, uuid, export, created_at, name, folded_name, bytes, purpose, visibility, signature)
             SELECT workspace, randomblob(16), 0, created_at, n, n, 0, '', '', '' FROM n, files WHERE name = 'first.jsonl'",
        )
        .unwrap();
    drop(database);
    let api = Api::start_with(config()).await;
    let list = async |query: &str| {
        api.get(&format!("{FILES}?{query}")).await.json::<ListFilesResponse>(200)
    };
    let first = list("page_size=5000").await;
    assert_eq!((first.data.len(), first.total), (1_000, Some(1_200)));
    let second = list("page_size=5000&page=1").await;
    assert_eq!((second.data.len(), second.total), (200, Some(1_200)));
    assert_eq!((&*first.data[0].filename, &*first.data[999].filename), ("1199", "200"));
    assert_eq!((&*second.data[0].filename, &*second.data[199].filename), ("199", "first.jsonl"));
}
