//! The log of `serve`.

use serde_json::Value;

use crate::served::Served;

/// What a server logs while it is used.
fn log(arguments: &[&str]) -> String {
    let served = Served::start(&[&["--memory"], arguments].concat());
    let id = served.dataset(2);
    served.command(&["datasets", "list", "--q", "a secret query"]);
    served.command(&["export", &id, "--output", "/dev/null"]);
    served.command(&["datasets", "fetch", "no-such-dataset"]);
    served.log()
}

#[test]
fn a_json_log_has_a_line_for_every_request_and_no_secrets() {
    let log = log(&["--log", "info", "--log-format", "json"]);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |operation: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["operation"] == operation).collect()
    };
    let created = of("create_dataset");
    assert_eq!(created.len(), 1, "{log}");
    let line = created[0];
    assert_eq!((&line["method"], &line["status"]), (&"POST".into(), &201.into()));
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"answered".into()));
    assert!(line["elapsed_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    assert_eq!(of("fetch_dataset")[0]["status"], 404);
    assert_eq!((of("list_datasets").len(), of("open_link").len()), (1, 1), "{log}");
    for secret in ["a key", "secret", "signature", "messages"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[test]
fn a_log_for_people_has_the_same_and_without_a_word_only_warnings_are_logged() {
    let told = log(&["--log", "info"]);
    let line = told.lines().find(|line| line.contains("create_dataset")).unwrap();
    assert!(line.contains("status=201") && line.contains("request_id="), "{line}");
    assert!(!told.contains('\u{1b}') && !told.contains("secret"), "{told}");
    assert_eq!(log(&[]), "");
}
