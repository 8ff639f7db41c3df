//! The operations and rules of the API's generations.

use http::Method;
use mistral_datasets_server::{Generation, ServerConfig};
use mistral_datasets_types::DatasetRecord;
use serde_json::{Value, json};

use crate::support::{Api, Response, records_path, send};

/// An operation of the document.
struct Operation {
    method: Method,
    path: String,
    /// The generations that have it. Empty if all have it.
    generations: Vec<String>,
}

impl Operation {
    /// Sends a request that no operation carries out, but whose response shows whether the operation exists.
    async fn probe(&self, api: &Api) -> Response {
        let path = self.path.replace(['{', '}'], "");
        send(api.request(self.method.clone(), &path).body("?")).await
    }
}

/// Returns the operations of the served document.
async fn operations(api: &Api) -> Vec<Operation> {
    let document: Value = api.get("/openapi.json").await.json(200);
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse() else { continue };
            if operation["operationId"].is_null() {
                continue;
            }
            let generations = operation["x-generations"].as_array().into_iter().flatten();
            operations.push(Operation {
                method,
                path: path.clone(),
                generations: generations.map(|name| name.as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    operations
}

/// Returns whether a response says that there is no such route.
fn is_unknown_route(response: &Response) -> bool {
    response.status == 404 && response.text().contains("route not found")
}

#[tokio::test]
async fn operations_of_other_generations_are_not_found_under_a_strict_setting() {
    for (generation, name) in [
        (Generation::Any, None),
        (Generation::G1, Some("g1")),
        (Generation::G2, Some("g2")),
        (Generation::G3, Some("g3")),
    ] {
        let api = Api::start_with(ServerConfig::default().generation(generation)).await;
        let (mut served, mut hidden) = (0, 0);
        for operation in operations(&api).await {
            let is_expected = operation.generations.is_empty()
                || name.is_none_or(|name| operation.generations.iter().any(|g| g == name));
            let response = operation.probe(&api).await;
            assert_eq!(
                is_unknown_route(&response),
                !is_expected,
                "{} {} of {generation:?}: {response:?}",
                operation.method,
                operation.path
            );
            *(if is_expected { &mut served } else { &mut hidden }) += 1;
        }
        assert!(served > 27, "{generation:?}: {served}");
        assert_eq!(hidden == 0, name.is_none(), "{generation:?}: {hidden}");
    }
}

#[tokio::test]
async fn only_the_first_generation_requires_messages_and_properties() {
    for generation in [Generation::Any, Generation::G2, Generation::G3] {
        let api = Api::start_with(ServerConfig::default().generation(generation)).await;
        let dataset = api.create_dataset("Relaxed").await;
        for payload in
            [r#"{"sentence": "I like it", "groundtruth": [1]}"#, r#"{"messages": [[null]]}"#]
        {
            let body = format!(r#"{{"payload": {payload}}}"#);
            let record: DatasetRecord = api.post(&records_path(&dataset), body).await.json(201);
            assert_eq!((record.payload.get(), record.properties.get()), (payload, "{}"));
        }
        let response = api.post(&records_path(&dataset), r#"{"payload": []}"#).await;
        response.error(422, "VALIDATION_ERROR");
        let task = api.import_lines(&dataset, r#"{"payload": {"sentence": "I like it"}}"#).await;
        assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
    }

    let api = Api::start_with(ServerConfig::default().generation(Generation::G1)).await;
    let dataset = api.create_dataset("Strict").await;
    for (body, problem) in [
        (json!({"payload": {}, "properties": {}}), "payload.messages: required"),
        (
            json!({"payload": {"messages": [[null]]}, "properties": {}}),
            "payload.messages[0]: expected an object, found an array",
        ),
        (json!({"payload": {"messages": []}}), "properties: required"),
    ] {
        let response = api.post(&records_path(&dataset), body.to_string()).await;
        assert_eq!(response.error(422, "VALIDATION_ERROR"), problem);
    }
    let task = api.import_lines(&dataset, r#"{"payload": {"sentence": "I like it"}}"#).await;
    assert_eq!(task.message.unwrap(), "line 1: payload.messages: required");
}
