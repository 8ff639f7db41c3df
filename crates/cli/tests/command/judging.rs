//! Judges, campaigns, and running a judge over a dataset, with a chat endpoint of the tests.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::chat_server::{ChatServer, FAILURE};
use crate::otlp::{chat_span, send_spans};
use crate::server::{TestServer, stderr, stdout};

/// Starts a server that judges with a chat endpoint.
fn server_with_judge(chat: &ChatServer) -> TestServer {
    TestServer::start(&["--memory", "--judge-url", &chat.url])
}

/// Creates a judge that answers with the label that the assistant says.
fn create_judge(server: &TestServer) -> String {
    let judge = server.json(&[
        "judges",
        "create",
        "Next step",
        "--model",
        "small",
        "--instructions",
        "The assistant says {{ assistant_message }}",
        "--label",
        "clear=The customer knows what happens next",
        "--label",
        "vague",
    ]);
    judge["id"].as_str().unwrap().to_owned()
}

/// Creates a dataset with these answers, and returns its ID.
fn create_dataset(server: &TestServer, directory: &Path, answers: &[&str]) -> String {
    let created = server.json(&["datasets", "create", "Refund answers"]);
    let file = directory.join("records.jsonl");
    let lines: String = answers
        .iter()
        .enumerate()
        .map(|(number, answer)| {
            let messages = json!([
                {"role": "user", "content": "Where is my refund?"},
                {"role": "assistant", "content": answer},
            ]);
            format!("{{\"messages\": {messages}, \"properties\": {{\"n\": {number}.50}}}}\n")
        })
        .collect();
    fs::write(&file, lines).unwrap();
    let id = created["id"].as_str().unwrap().to_owned();
    server.json(&["import", &id, file.to_str().unwrap()]);
    id
}

/// Returns the properties of all records, as text.
fn properties(server: &TestServer, dataset: &str) -> Vec<String> {
    let exported = stdout(&server.command(&["export", dataset]));
    let text = |line: &str| {
        let (_, properties) = line.split_once("\"properties\":").unwrap();
        properties.trim_start().trim_end_matches('}').to_owned() + "}"
    };
    exported.lines().map(text).collect()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn judges_are_created_listed_changed_and_deleted_by_name() {
    let server = TestServer::start(&["--memory"]);
    let id = create_judge(&server);
    let judge = server.json(&["judges", "get", "Next step"]);
    assert_eq!(judge["id"], *id);
    let vague = json!({"value": "vague", "description": ""});
    assert_eq!(judge["output"]["options"][1], vague);
    let text = stdout(&server.command(&["judge", "get", &id]));
    assert!(text.contains("clear, vague") && text.ends_with("{{ assistant_message }}\n"), "{text}");

    let directory = tempfile::tempdir().unwrap();
    let instructions = directory.path().join("judge.txt");
    fs::write(&instructions, "Rate {{ assistant_message }}").unwrap();
    let instructions = format!("@{}", instructions.display());
    server.json(&[
        "judges",
        "create",
        "Closeness",
        "--model",
        "large",
        "--instructions",
        &instructions,
        "--max",
        "10",
        "--max-description",
        "the same",
    ]);
    let table = stdout(&server.command(&["judges", "list", "--type", "REGRESSION"]));
    assert!(table.contains("0 to 10") && table.contains("1 of 1 judges"), "{table}");
    assert!(!table.contains("Next step"), "{table}");
    assert_eq!(server.json(&["judges", "list", "--model", "small"])["judges"]["count"], 1);

    let changed =
        server.json(&["judges", "update", "Closeness", "--max", "100", "--tool", "web_search"]);
    assert_eq!(
        (&changed["output"]["max"], &changed["output"]["max_description"]),
        (&json!(100.0), &json!("the same"))
    );
    assert_eq!(
        (&changed["tools"], &changed["instructions"]),
        (&json!(["web_search"]), &json!("Rate {{ assistant_message }}"))
    );
    let copy = directory.path().join("judge.json");
    fs::write(&copy, changed.to_string()).unwrap();
    let copy = format!("@{}", copy.display());
    let copied = server.json(&["judges", "create", "A copy", "--definition", &copy]);
    assert_eq!((&copied["name"], &copied["output"]), (&json!("A copy"), &changed["output"]));

    for (arguments, code, message) in [
        (
            &["judges", "create", "Next step", "--definition", &copy][..],
            6,
            "JUDGE_NAME_ALREADY_EXISTS",
        ),
        (&["judges", "create", "Incomplete", "--model", "small"], 6, "lacks `instructions`"),
        (
            &["judges", "create", "Broken", "--model", "m", "--instructions", "{{ x", "--max", "1"],
            6,
            "TEMPLATE_SYNTAX_ERROR",
        ),
        (&["judges", "get", "Missing"], 4, "there is no judge with the name `Missing`"),
        (&["judges", "create", "Both", "--label", "a", "--max", "1"], 2, "cannot be used with"),
    ] {
        let output = server.command(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{message}: {}", stderr(&output));
    }
    assert_eq!(server.json(&["judges", "delete", "Next step"])["deleted"][0], *id);
    assert_eq!(server.command(&["judges", "get", &id]).status.code(), Some(4));
}

#[test]
fn conversations_events_and_records_are_judged() {
    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let directory = tempfile::tempdir().unwrap();
    create_judge(&server);
    let messages =
        r#"[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "vague"}]"#;
    let text = stdout(&server.command(&["judges", "conversation", "Next step", messages]));
    assert_eq!(text, "vague\n\nAs it says.\n");

    let dataset = create_dataset(&server, directory.path(), &["clear"]);
    let records = server.json(&["records", "list", &dataset]);
    let record = records["records"]["results"][0]["id"].as_str().unwrap();
    let judged = server.json(&["records", "judge", record, "--judge", "Next step"]);
    assert_eq!(judged, json!({"analysis": "As it says.", "answer": "clear"}));

    send_spans(&server, &[chat_span(0, 0, "small", "Where is my refund?", "vague")]);
    let event = stdout(&server.command(&["events", "ids"]));
    let definition = json!({
        "name": "Quick", "description": "", "model_name": "small", "tools": [],
        "instructions": "rated 7", "output": {"type": "REGRESSION", "max": 10, "min_description": "", "max_description": ""},
    });
    let judged =
        server.json(&["events", "judge", event.trim(), "--definition", &definition.to_string()]);
    assert_eq!(judged["answer"], 7.0);
    assert_eq!(server.command(&["events", "judge", event.trim()]).status.code(), Some(2));
}

#[test]
fn a_campaign_judges_events_that_are_imported_with_their_answers() {
    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let judge = create_judge(&server);
    send_spans(
        &server,
        &[
            chat_span(0, 0, "small", "Where is my refund?", "vague"),
            chat_span(1, 0, "large", "Can I get a refund?", "clear"),
            chat_span(2, 0, "large", "Thanks", "clear"),
        ],
    );
    let refunds = ["--where", "last_user_message_preview contains refund"];
    let create = ["campaigns", "create", "Refund review", "--judge", "Next step", "--wait"];
    server.json(&[&create[..], &refunds].concat());
    assert_eq!(server.json(&["campaigns", "wait", "Refund review"])["status"], "COMPLETED");
    assert_eq!(stdout(&server.command(&["campaigns", "status", "Refund review"])), "COMPLETED\n");
    let table = stdout(&server.command(&["campaigns", "events", "Refund review"]));
    assert!(table.contains("vague") && table.contains("2 of 2 events"), "{table}");
    let table = stdout(&server.command(&["campaigns", "list"]));
    assert!(table.contains("Refund review") && table.contains("Next step"), "{table}");
    assert_eq!(server.json(&["campaigns", "get", "Refund review"])["max_nb_events"], 100);

    let created = server.json(&["datasets", "create", "Refund answers"]);
    let dataset = created["id"].as_str().unwrap();
    server.json(&["import", dataset, "--campaign", "Refund review"]);
    let mut answers = properties(&server, dataset);
    answers.sort();
    assert_eq!(answers.len(), 2);
    let answer = |label: &str| format!("\"__judge_{judge}\":\"{label}\"");
    assert!(
        answers.iter().any(|text| text.replace(' ', "").contains(&answer("clear"))),
        "{answers:?}"
    );
    assert!(
        answers.iter().any(|text| text.replace(' ', "").contains(&answer("vague"))),
        "{answers:?}"
    );

    let none = server.command(&[
        "campaigns",
        "create",
        "Nothing",
        "--judge",
        &judge,
        "--where",
        "model_name eq x",
    ]);
    assert!(stderr(&none).contains("CAMPAIGN_NO_MATCHING_EVENTS"), "{}", stderr(&none));
    server.json(&["campaigns", "delete", "Refund review"]);
    assert_eq!(server.command(&["campaigns", "get", "Refund review"]).status.code(), Some(4));
}

#[test]
fn a_run_writes_answers_to_a_file_and_continues() {
    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let directory = tempfile::tempdir().unwrap();
    create_judge(&server);
    let dataset =
        create_dataset(&server, directory.path(), &["clear", "vague", FAILURE, "clear", FAILURE]);
    let file = directory.path().join("answers.jsonl");
    let run = ["judge", "run", "Next step", &dataset, "--output", file.to_str().unwrap()];
    let output = server.command(&run);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("judged 3 records\n"), "{text}");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["clear", "2", "66.7", "%"]), "{text}");
    assert!(rows.contains(&vec!["JUDGE_MISTRAL_API_ERROR", "2"]), "{text}");
    let errors = stderr(&output);
    assert!(errors.ends_with("error: 2 records could not be judged\n"), "{errors}");
    assert!(!errors.contains(FAILURE), "{errors}");
    let written = lines(&file);
    assert_eq!(written.len(), 3);
    assert_eq!(written[0]["analysis"], "As it says.");

    // Only the failed records are judged again.
    let before = chat.requests();
    let again = server.command(&[&["--json"], &run[..]].concat());
    let summary: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&summary["judged"], &summary["skipped"]), (&json!(0), &json!(3)));
    assert_eq!(summary["labels"], json!({"clear": 2, "vague": 1}));
    assert_eq!(summary["failures"], json!({"JUDGE_MISTRAL_API_ERROR": 2}));
    assert_eq!(lines(&file), written);
    assert_eq!(chat.requests(), before + 2);

    // Answers of another version of the judge would not be comparable.
    server.json(&["judges", "update", "Next step", "--model", "large"]);
    let updated = server.command(&run);
    assert_eq!(updated.status.code(), Some(6));
    assert!(stderr(&updated).contains("before the judge was updated"), "{}", stderr(&updated));
    assert!(
        stderr(&updated).contains("hint: write the answers to another file"),
        "{}",
        stderr(&updated)
    );
}

#[test]
fn a_run_adds_answers_to_properties_and_keeps_the_others() {
    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let directory = tempfile::tempdir().unwrap();
    create_judge(&server);
    let dataset = create_dataset(&server, directory.path(), &["clear", "vague", "clear"]);
    let run = ["judges", "run", "Next step", &dataset, "--to-properties", "next_step"];
    let first = server.json(&[&run[..], &["--limit", "2"]].concat());
    assert_eq!((&first["judged"], &first["labels"]), (&json!(2), &json!({"clear": 1, "vague": 1})));
    let rest = server.json(&[&run[..], &["--analysis-to-properties", "why"]].concat());
    assert_eq!((&rest["judged"], &rest["skipped"]), (&json!(1), &json!(2)));
    assert_eq!(rest["labels"], json!({"clear": 2, "vague": 1}));
    assert_eq!(chat.requests(), 3);
    assert_eq!(
        properties(&server, &dataset),
        [
            r#"{"n":0.50,"next_step":"clear"}"#,
            r#"{"n":1.50,"next_step":"vague"}"#,
            r#"{"n":2.50,"next_step":"clear","why":"As it says."}"#,
        ]
    );
    for (arguments, code) in [
        (&["judges", "run", "Next step", &dataset][..], 2),
        (&[&run[..], &["--output", "answers.jsonl"]].concat(), 2),
        (&[&run[..], &["--analysis-to-properties", "next_step"]].concat(), 6),
        (&[&run[..], &["--concurrency", "65"]].concat(), 6),
        (&["judges", "run", "Next step", "no-such-dataset", "--to-properties", "a"], 4),
    ] {
        let output = server.command(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
#[cfg(unix)]
fn properties_that_change_while_a_record_is_judged_are_kept() {
    use crate::interrupts::spawn;

    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let directory = tempfile::tempdir().unwrap();
    create_judge(&server);
    let dataset = create_dataset(&server, directory.path(), &["clear"]);
    let records = server.json(&["records", "list", &dataset]);
    let record = records["records"]["results"][0]["id"].as_str().unwrap();
    server.inject_fault(&json!({"operation": "judge_record", "delay_ms": 2_000}));
    let run = spawn(&server, &["judge", "run", "Next step", &dataset, "--to-properties", "a b"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let edited = r#"{"big": 12345678901234567890123, "n": {"x": 1e2}}"#;
    server.json(&["records", "edit", record, "--properties", edited]);
    assert!(run.wait_with_output().unwrap().status.success());
    assert_eq!(
        properties(&server, &dataset),
        [r#"{"big":12345678901234567890123,"n":{"x": 1e2},"a b":"clear"}"#]
    );
}

#[test]
fn scores_are_summarized_and_repeated_failures_end_a_run() {
    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let directory = tempfile::tempdir().unwrap();
    server.json(&[
        "judges",
        "create",
        "Rating",
        "--model",
        "small",
        "--max",
        "10",
        "--instructions",
        "Rate this. {{ assistant_message }}",
    ]);
    let scores = create_dataset(&server, directory.path(), &["rated 2", "rated 4", "rated 9"]);
    let file = directory.path().join("scores.jsonl");
    let summary = server.json(&["judge", "run", "Rating", &scores, "-o", file.to_str().unwrap()]);
    let scores = &summary["scores"];
    assert_eq!(
        (&scores["mean"], &scores["min"], &scores["max"]),
        (&json!(5.0), &json!(2.0), &json!(9.0))
    );
    assert_eq!(scores["standard_deviation"], 13_f64.sqrt());

    let failing = create_dataset(&server, directory.path(), &[FAILURE; 30]);
    let file = directory.path().join("failing.jsonl");
    let run = ["judge", "run", "Rating", &failing, "-o", file.to_str().unwrap()];
    let output =
        server.command(&[&run[..], &["--max-failures", "3", "--concurrency", "1"]].concat());
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stderr(&output).contains("JUDGE_MISTRAL_API_ERROR"), "{}", stderr(&output));
    assert!(stdout(&output).contains("JUDGE_MISTRAL_API_ERROR  3"), "{}", stdout(&output));

    // Without an endpoint, no record can be judged.
    let server = TestServer::start(&["--memory"]);
    create_judge(&server);
    let dataset = create_dataset(&server, directory.path(), &["clear"; 3]);
    let output = server.command(&["judge", "run", "Next step", &dataset, "--to-properties", "a"]);
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stderr(&output).contains("FEATURE_NOT_SUPPORTED"), "{}", stderr(&output));
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_is_resumable() {
    use crate::interrupts::{interrupt, spawn, wait_until};

    let chat = ChatServer::start();
    let server = server_with_judge(&chat);
    let directory = tempfile::tempdir().unwrap();
    create_judge(&server);
    let dataset = create_dataset(&server, directory.path(), &["clear"; 6]);
    let file = directory.path().join("answers.jsonl");
    let run = ["judge", "run", "Next step", &dataset, "-o", file.to_str().unwrap()];
    server.json(&[&run[..], &["--limit", "2"]].concat());
    chat.set_slow(true);
    let interrupted = spawn(&server, &[&run[..], &["--concurrency", "1"]].concat());
    wait_until("the run waits for an answer", || {
        let judging = server.json(&["records", "list", &dataset]);
        judging["records"]["count"] == 6
            && fs::File::open(&file).is_ok_and(|file| file.try_lock().is_err())
    });
    assert_eq!(interrupt(interrupted, "-INT"), Some(130));
    assert_eq!(lines(&file).len(), 2);
    chat.set_slow(false);
    let summary = server.json(&run);
    assert_eq!((&summary["judged"], &summary["skipped"]), (&json!(4), &json!(2)));
    assert_eq!(lines(&file).len(), 6);
}
