//! Runs documented curl commands against the local server: those of the service's API reference, with the host, key, IDs and
//! placeholder bodies replaced, and those of the server's README, with the host replaced. The API reference is not part of the
//! repository; without it, its test is skipped.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use mistral_datasets_server::{Server, ServerConfig};
use mistral_datasets_tests::print_skipped;
use serde_json::{Deserializer, Value, json};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/seed/datasets-endpoints.txt");

const README: &str = include_str!("../../crates/server/README.md");

/// A curl command and its documented response.
struct Example {
    command: String,
    status: Option<u16>,
    body: Option<Value>,
}

/// Extracts the examples. The page's text contains each command twice in a row, followed by the response.
fn examples(page: &str) -> Vec<Example> {
    const PREFIX: &str = "curl https://";
    let parts: Vec<&str> = page.split(PREFIX).skip(1).collect();
    let (pairs, []) = parts.as_chunks::<2>() else { panic!("a curl command is not duplicated") };
    pairs
        .iter()
        .map(|[command, copy]| {
            let rest = copy.strip_prefix(command).expect("both copies are equal").trim_start();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let mut values = Deserializer::from_str(rest[digits.len()..].trim_start()).into_iter();
            Example {
                command: format!("{PREFIX}{command}"),
                status: digits.parse().ok(),
                body: values.next().and_then(Result::ok),
            }
        })
        .collect()
}

/// Checks that a response has every field of the documented response, at every level.
fn assert_has_fields(actual: &Value, documented: &Value, path: &str) {
    if let Value::Object(fields) = documented {
        for (name, value) in fields {
            let field =
                actual.get(name).unwrap_or_else(|| panic!("{path}.{name} is missing: {actual}"));
            // The fields of free-form objects are up to the caller.
            if name != "payload" && name != "properties" {
                assert_has_fields(field, value, &format!("{path}.{name}"));
            }
        }
    }
}

fn curl(command: &str) -> (u16, String) {
    let output = Command::new("sh")
        .args(["-c", &format!("{command} --silent --show-error --write-out '\\n%{{http_code}}'")])
        .output()
        .expect("sh runs");
    let text = String::from_utf8(output.stdout).expect("responses are UTF-8");
    let (body, status) = text
        .rsplit_once('\n')
        .unwrap_or_else(|| panic!("{command}: {}", String::from_utf8_lossy(&output.stderr)));
    (status.parse().expect("curl prints the status"), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_commands_of_the_api_reference_return_the_documented_responses() {
    if !Path::new(PAGE).exists() {
        print_skipped("the API reference is not available");
        return;
    }
    if Command::new("curl").arg("--version").output().is_err() {
        print_skipped("curl is not installed");
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
    // Run deletions last, since the other commands need the dataset.
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
        // An empty response is documented as no response.
        assert_eq!(status, example.status.unwrap_or(204), "{command}: {text}");
        if let Some(documented) = &example.body {
            assert_has_fields(&serde_json::from_str(&text).unwrap(), documented, &line);
        } else {
            assert_eq!(text, "");
        }
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fault_example_of_the_readme_shows_a_retried_request() {
    if Command::new("curl").arg("--version").output().is_err() {
        print_skipped("curl is not installed");
        return;
    }
    let (_, block) = README.split_once("```sh\n").expect("README has an example");
    let (script, _) = block.split_once("```").expect("example is closed");
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let host = "http://127.0.0.1:7700";
    assert!(script.contains(host));
    let script = script.replace(host, &server.url());
    let output = Command::new("sh").args(["-ec", &script]).output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let responses: Result<Vec<Value>, _> =
        Deserializer::from_slice(&output.stdout).into_iter().collect();
    let responses = responses.expect("responses are JSON");
    let [rules, dataset, recorded] = &*responses else { panic!("{responses:?}") };
    assert_eq!(dataset["name"], "Refund requests");
    let requests = recorded["requests"].as_array().unwrap();
    let seen: Vec<_> = requests.iter().map(|r| (&r["operation"], &r["status"])).collect();
    let create = json!("create_dataset");
    assert_eq!(seen, [(&create, &json!(503)), (&create, &json!(201))]);
    assert_eq!(requests[0]["fault"], rules["faults"][0]["id"]);
    assert_eq!(requests[1]["fault"], Value::Null);
    server.shutdown().await;
}
