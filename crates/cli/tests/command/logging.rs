//! The log of `serve`.

use serde_json::Value;

use crate::server::TestServer;

/// Returns the log of a server that has processed a few requests.
fn log(arguments: &[&str]) -> String {
    let server = TestServer::start(&[&["--memory"], arguments].concat());
    let id = server.dataset(2);
    server.command(&["datasets", "list", "--q", "a secret query"]);
    server.command(&["export", &id, "--output", "/dev/null"]);
    server.command(&["datasets", "fetch", "no-such-dataset"]);
    server.log()
}

#[test]
fn the_json_log_has_one_line_per_request_and_no_secrets() {
    let log = log(&["--log", "info", "--log-format", "json"]);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines_of = |operation: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["operation"] == operation).collect()
    };
    let created = lines_of("create_dataset");
    assert_eq!(created.len(), 1, "{log}");
    let line = created[0];
    assert_eq!((&line["method"], &line["status"]), (&"POST".into(), &201.into()));
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"request handled".into()));
    assert!(line["elapsed_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    assert_eq!(lines_of("fetch_dataset")[0]["status"], 404);
    assert_eq!((lines_of("list_datasets").len(), lines_of("open_link").len()), (1, 1), "{log}");
    for secret in ["a key", "secret", "signature", "messages"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[test]
fn the_text_log_has_one_line_per_request_and_the_default_level_is_warn() {
    let text = log(&["--log", "info"]);
    let line = text.lines().find(|line| line.contains("create_dataset")).unwrap();
    assert!(line.contains("status=201") && line.contains("request_id="), "{line}");
    assert!(!text.contains('\u{1b}') && !text.contains("secret"), "{text}");
    assert_eq!(log(&[]), "");
}
