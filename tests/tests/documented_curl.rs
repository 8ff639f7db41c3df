//! Documented curl lines. Those of the service's own page run with only host, key and ids changed, and legal bodies where the
//! page's renderer printed `[null]`; the page is not part of the project, and without it the test says so and passes. Those of
//! the server's README run as they stand there, but for the host.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use mistral_datasets_server::{Server, ServerConfig};
use mistral_datasets_tests::say_skipped;
use serde_json::{Deserializer, Value, json};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/seed/datasets-endpoints.txt");

const README: &str = include_str!("../../crates/server/README.md");

/// One example: the command, and what the page says comes back.
struct Example {
    command: String,
    status: Option<u16>,
    body: Option<Value>,
}

/// Every example stands twice on the page, the second copy glued to the end of the first, the response to the second.
fn examples(page: &str) -> Vec<Example> {
    const MARK: &str = "curl https://";
    let parts: Vec<&str> = page.split(MARK).skip(1).collect();
    let (pairs, []) = parts.as_chunks::<2>() else { panic!("a curl line stands alone") };
    pairs
        .iter()
        .map(|[command, copy]| {
            let rest = copy.strip_prefix(command).expect("both copies are equal").trim_start();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let mut values = Deserializer::from_str(rest[digits.len()..].trim_start()).into_iter();
            Example {
                command: format!("{MARK}{command}"),
                status: digits.parse().ok(),
                body: values.next().and_then(Result::ok),
            }
        })
        .collect()
}

/// Every member of the page's response is in ours, at every level.
fn assert_holds(ours: &Value, page: &Value, place: &str) {
    if let Value::Object(members) = page {
        for (name, value) in members {
            let ours =
                ours.get(name).unwrap_or_else(|| panic!("{place}.{name} is missing: {ours}"));
            // What a free object holds is the caller's.
            if name != "payload" && name != "properties" {
                assert_holds(ours, value, &format!("{place}.{name}"));
            }
        }
    }
}

fn curl(command: &str) -> (u16, String) {
    let output = Command::new("sh")
        .args(["-c", &format!("{command} --silent --show-error --write-out '\\n%{{http_code}}'")])
        .output()
        .expect("there is a shell");
    let text = String::from_utf8(output.stdout).expect("responses are UTF-8");
    let (body, status) = text
        .rsplit_once('\n')
        .unwrap_or_else(|| panic!("{command}: {}", String::from_utf8_lossy(&output.stderr)));
    (status.parse().expect("curl prints the status"), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_curl_line_of_the_page_does_what_the_page_says() {
    if !Path::new(PAGE).exists() {
        say_skipped("the service's page is not here");
        return;
    }
    if Command::new("curl").arg("--version").output().is_err() {
        say_skipped("curl is not installed");
        return;
    }
    let examples = examples(&std::fs::read_to_string(PAGE).unwrap());
    assert_eq!(examples.len(), 15);

    let server = Server::start(ServerConfig::default()).await.unwrap();
    let url = server.url();
    let call = |method: &str, path: &str, body: &Value| -> Value {
        let (status, text) = curl(&format!(
            "curl {url}{path} -X {method} -H 'Authorization: Bearer a-key' -H 'Content-Type: application/json' -d '{body}'"
        ));
        assert!((200..300).contains(&status), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    };
    let messages = json!([{"role": "user", "content": "hello"}]);
    let event = call(
        "POST",
        "/local/v1/chat-completion-events",
        &json!([{"request_messages": messages, "response_messages": messages}]),
    );
    let conversation = call("POST", "/local/v1/conversations", &json!([{"messages": messages}]));
    let campaign = call(
        "POST",
        "/local/v1/campaigns",
        &json!({"name": "Week 1", "event_ids": [event[0]["event_id"]]}),
    );
    let (status, file) = curl(&format!(
        "printf '{{\"messages\": []}}\\n' | curl {url}/v1/files -H 'Authorization: Bearer a-key' -F 'file=@-;filename=a.jsonl'"
    ));
    assert_eq!(status, 200, "{file}");
    let file: Value = serde_json::from_str(&file).unwrap();
    let dataset = call(
        "POST",
        "/v1/observability/datasets",
        &json!({"name": "Refund requests", "description": ""}),
    );
    let dataset = dataset["id"].as_str().unwrap();
    let records = format!("/v1/observability/datasets/{dataset}/records");
    let record =
        call("POST", &records, &json!({"payload": {"messages": messages}, "properties": {}}));
    let import = format!("/v1/observability/datasets/{dataset}/imports/from-file");
    let task = call("POST", &import, &json!({"file_id": file["id"]}));

    let bodies: BTreeMap<&str, Value> = BTreeMap::from([
        ("/records", json!({"payload": {"messages": messages}, "properties": {}})),
        ("from-campaign", json!({"campaign_id": campaign["id"]})),
        ("from-explorer", json!({"completion_event_ids": [event[0]["event_id"]]})),
        ("from-file", json!({"file_id": file["id"]})),
        ("from-playground", json!({"conversation_ids": [conversation[0]["conversation_id"]]})),
        ("from-dataset", json!({"dataset_record_ids": [record["id"]]})),
    ]);
    // Deleting comes last, so that the others find their dataset.
    let (deletions, others): (Vec<_>, Vec<_>) =
        examples.iter().partition(|example| example.command.contains("-X DELETE"));
    for example in others.into_iter().chain(deletions) {
        let mut command = example
            .command
            .replace("https://api.mistral.ai", &url)
            .replace("YOUR_APIKEY_HERE", "a-key")
            .replace("{dataset_id}", dataset)
            .replace("{task_id}", task["id"].as_str().unwrap());
        let line = command.lines().next().unwrap().trim_end_matches([' ', '\\']).to_owned();
        if let (Some(start), Some((_, body))) = (
            command.find("-d '").filter(|_| command.contains("-X POST")),
            bodies.iter().find(|(end, _)| line.ends_with(*end)),
        ) {
            command.replace_range(start.., &format!("-d '{body}'"));
        }
        let (status, text) = curl(&command);
        // The page prints no response where there is none.
        assert_eq!(status, example.status.unwrap_or(204), "{command}: {text}");
        if let Some(page) = &example.body {
            assert_holds(&serde_json::from_str(&text).unwrap(), page, &line);
        } else {
            assert_eq!(text, "");
        }
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_faults_shows_a_request_that_is_tried_again() {
    if Command::new("curl").arg("--version").output().is_err() {
        say_skipped("curl is not installed");
        return;
    }
    let (_, block) = README.split_once("```sh\n").expect("the README has an example");
    let (script, _) = block.split_once("```").expect("the example ends");
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let host = "http://127.0.0.1:7700";
    assert!(script.contains(host));
    let script = script.replace(host, &server.url());
    let output = Command::new("sh").args(["-ec", &script]).output().expect("there is a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let responses: Result<Vec<Value>, _> =
        Deserializer::from_slice(&output.stdout).into_iter().collect();
    let responses = responses.expect("every response is JSON");
    let [planted, dataset, journal] = &*responses else { panic!("{responses:?}") };
    assert_eq!(dataset["name"], "Refund requests");
    let requests = journal["requests"].as_array().unwrap();
    let seen: Vec<_> = requests.iter().map(|r| (&r["operation"], &r["status"])).collect();
    let create = json!("create_dataset");
    assert_eq!(seen, [(&create, &json!(503)), (&create, &json!(201))]);
    assert_eq!(requests[0]["fault"], planted["faults"][0]["id"]);
    assert_eq!(requests[1]["fault"], Value::Null);
    server.shutdown().await;
}
