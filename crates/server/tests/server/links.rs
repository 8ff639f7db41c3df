//! Signed links: each opens exactly one file until it expires.

use std::time::Duration;

use mistral_datasets_server::ServerConfig;
use mistral_datasets_types::{File, SignedUrl};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, DATASETS};

const FILES: &str = "/v1/files";

/// Returns the path and query of a signed link to a file.
async fn link(api: &Api, file: &File) -> String {
    let link = api.get(&format!("{FILES}/{}/url", file.id)).await.json::<SignedUrl>(200).url;
    link.strip_prefix(&api.server.url()).unwrap().to_owned()
}

/// Requests a path without normalizing it and returns the status.
async fn status(api: &Api, path: &str) -> u16 {
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response["HTTP/1.1 ".len()..][..3].parse().unwrap()
}

#[tokio::test]
async fn tampered_links_are_rejected() {
    let api = Api::start().await;
    let file = api.upload("linked.jsonl", "linked").await;
    let link = link(&api, &file).await;
    assert_eq!(status(&api, &link).await, 200);
    let signed = link.find("/files/").unwrap() + "/files/".len();
    for index in (signed..link.len()).filter(|index| !link[*index..].starts_with(['?', '&', '='])) {
        let old = link.as_bytes()[index];
        for new in [old ^ 1, old ^ 2, b'A', b'-', b'0'] {
            let legal = new.is_ascii_alphanumeric() || new == b'-' || new == b'_';
            // UUIDs are case-insensitive.
            let same = new.eq_ignore_ascii_case(&old) && index < signed + 36;
            if !legal || same || new == old {
                continue;
            }
            let mut altered = link.clone().into_bytes();
            altered[index] = new;
            let altered = String::from_utf8(altered).unwrap();
            let status = status(&api, &altered).await;
            assert!(matches!(status, 403 | 404), "{status} {altered}");
        }
    }
    for length in signed..link.len() {
        let status = status(&api, &link[..length]).await;
        assert!(matches!(status, 403 | 404), "{status} {}", &link[..length]);
    }
    for added in ["A", "=", "%00", "%20", "&signature=A", "&expires=99999999999", "&expires=-1"] {
        let status = status(&api, &format!("{link}{added}")).await;
        assert!(matches!(status, 403 | 422), "{status} {added}");
    }
    // Unsigned parameters are ignored.
    assert_eq!(status(&api, &format!("{link}&other=1")).await, 200);
}

#[tokio::test]
async fn link_does_not_open_other_files_or_paths() {
    let mut api = Api::start().await;
    let file = api.upload("linked.jsonl", "linked").await;
    let link = link(&api, &file).await;
    let (_, query) = link.split_once('?').unwrap();
    api.set_key(Some("another key"));
    let theirs = api.upload("theirs.jsonl", "theirs").await;
    let same_name = api.upload("linked.jsonl", "linked").await;
    for id in [&theirs.id, &same_name.id] {
        assert_eq!(status(&api, &format!("/files/{id}?{query}")).await, 403);
    }
    for path in [
        "..",
        "../datasets.sqlite3",
        "..%2fdatasets.sqlite3",
        "%2e%2e%2fdatasets.sqlite3",
        "..%5c..%5cdatasets.sqlite3",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "%00",
        "..;/lock",
    ] {
        let in_place = status(&api, &format!("/files/{path}?{query}")).await;
        let appended = status(&api, &format!("/files/{}/{path}?{query}", file.id)).await;
        assert!(
            matches!((in_place, appended), (403 | 404, 403 | 404)),
            "{path}: {in_place} {appended}"
        );
    }
    // The signature does not replace a key on other routes.
    api.set_key(None);
    for path in [format!("{FILES}/{}/content", file.id), format!("{FILES}/{}", file.id)] {
        api.get(&format!("{path}?{query}")).await.error(401, "AUTH_UNAUTHORIZED");
    }
}

#[tokio::test]
async fn link_is_invalid_after_its_file_or_workspace_is_deleted() {
    let mut api = Api::start().await;
    let (deleted, kept) = (api.upload("a.jsonl", "a").await, api.upload("b.jsonl", "b").await);
    let (deleted_link, kept_link) = (link(&api, &deleted).await, link(&api, &kept).await);
    // Another workspace cannot invalidate it.
    api.set_key(Some("another key"));
    api.delete(&format!("{FILES}/{}", deleted.id)).await.error(404, "UNKNOWN_ERROR");
    api.post("/local/v1/reset", "").await;
    assert_eq!((status(&api, &deleted_link).await, status(&api, &kept_link).await), (200, 200));
    api.set_key(Some("a key"));
    api.delete(&format!("{FILES}/{}", deleted.id)).await.json::<Value>(200);
    assert_eq!((status(&api, &deleted_link).await, status(&api, &kept_link).await), (404, 200));
    api.post("/local/v1/reset", "").await;
    assert_eq!(status(&api, &kept_link).await, 404);
}

#[tokio::test]
async fn expired_link_cannot_be_extended() {
    let link_lifetime = Duration::from_secs(1);
    let api = Api::start_with(ServerConfig::default().link_lifetime(link_lifetime)).await;
    let dataset = api.create_dataset("Exported").await;
    let export = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
    let export: Value = api.get(&export).await.json(200);
    let link = export["file_url"].as_str().unwrap().strip_prefix(&api.server.url()).unwrap();
    crate::support::eventually(async || (status(&api, link).await == 403).then_some(())).await;
    let message = api.get(link).await.error(403, "AUTH_FORBIDDEN");
    assert!(message.contains("expired"), "{message}");
    let (path, query) = link.split_once("?expires=").unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let later = expires.parse::<i64>().unwrap() + 1_000;
    for expires in [later.to_string(), i64::MAX.to_string(), "-1".into(), "1e99".into(), "".into()]
    {
        let replayed = format!("{path}?expires={expires}&{signature}");
        assert_eq!(status(&api, &replayed).await, 403, "{expires}");
    }
    // A leading zero does not change the expiry time.
    assert_eq!(status(&api, &format!("{path}?expires=0{expires}&{signature}")).await, 403);
    // Other links still work.
    let file = api.upload("linked.jsonl", "linked").await;
    assert_eq!(status(&api, &self::link(&api, &file).await).await, 200);
}
