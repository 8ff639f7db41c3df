//! Workspace isolation under load: the clients of two workspaces call every operation in the document with their own and with
//! foreign ids. Foreign ids must be 404, and no response may contain data of the other workspace.

use http::Method;
use mistral_datasets_server::{ApiKey, ServerConfig};
use mistral_datasets_types::{Dataset, DatasetRecord, File, ImportTask};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS, JUDGES, Response, judge_definition, records_path, send};

/// How often each client calls every operation.
const ROUNDS: usize = 4;

/// Clients per workspace.
const CLIENTS: usize = 3;

/// The contents of a workspace. Everything written to it contains its name.
struct Workspace {
    name: &'static str,
    dataset: Dataset,
    record: DatasetRecord,
    task: ImportTask,
    file: File,
    campaign: String,
    event: String,
    conversation: String,
    judge: String,
    trace: String,
    span: String,
}

/// An operation in the OpenAPI document.
#[derive(Clone, Debug)]
struct Operation {
    id: String,
    method: Method,
    path: String,
    success: u16,
    body: Option<String>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let responses = operation["responses"].as_object().unwrap();
            let success = responses.keys().find_map(|status| status.parse().ok()).unwrap();
            let content = operation["requestBody"]["content"].as_object();
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                success,
                body: content.and_then(|kinds| kinds.keys().next().cloned()),
            });
        }
    }
    operations
}

/// Where a request refers to existing resources.
#[derive(Clone, Copy, Debug, PartialEq)]
enum References {
    Nowhere,
    InPath,
    InBody,
    InBoth,
}

impl Operation {
    fn references(&self) -> References {
        // References to spans that do not exist are skipped.
        let in_body = self.id.starts_with("import_from_") && self.id != "import_from_spans"
            || self.id == "bulk_delete_records"
            || self.id == "create_campaign";
        // All workspaces have the same fields.
        let in_path = self.path.replace("{field_name}", "").contains('{');
        match (in_path, in_body) {
            (false, false) => References::Nowhere,
            (true, false) => References::InPath,
            (false, true) => References::InBody,
            (true, true) => References::InBoth,
        }
    }

    /// Returns the path for this dataset, with the other ids from `workspace`.
    fn path(&self, dataset: &str, workspace: &Workspace) -> String {
        let path = self.path.replace("{dataset_id}", dataset);
        let path = path.replace("{dataset_record_id}", &workspace.record.id.to_string());
        let path = path.replace("{task_id}", &workspace.task.id.to_string());
        let path = path.replace("{file_id}", &workspace.file.id);
        let path = path.replace("{event_id}", &workspace.event.replace(' ', "%20"));
        let path = path.replace("{campaign_id}", &workspace.campaign);
        let path = path.replace("{judge_id}", &workspace.judge);
        let path = path.replace("{trace_id}", &workspace.trace);
        let path = path.replace("{span_id}", &workspace.span);
        let path = path.replace("{field_name}", self.field());
        let path = match self.id.as_str() {
            "fetch_event_field_options" => format!("{path}?operator=eq"),
            _ => path,
        };
        assert!(
            !path.contains('{'),
            "{}: this test has no value for a parameter of {path}",
            self.id
        );
        path
    }

    /// Returns a field for operations on the values of a field.
    fn field(&self) -> &'static str {
        match self.id.as_str() {
            id if id.contains("event") => "model_name",
            id if id.contains("evaluation") => "evaluation_name",
            _ => "service_name",
        }
    }

    /// Returns a body that refers to resources of `workspace` and contains the writer's name.
    fn body(&self, writer: &str, workspace: &Workspace) -> Option<Value> {
        let is_json = self.body.as_deref() == Some("application/json");
        is_json.then(|| self.body_of(&self.id, writer, workspace))
    }

    /// Returns such a body for the operation with this id.
    fn body_of(&self, id: &str, writer: &str, workspace: &Workspace) -> Value {
        let payload = json!({"messages": [{"role": "user", "content": writer}]});
        match id {
            "create_dataset" | "update_dataset" => {
                json!({"name": format!("{writer} dataset"), "description": writer})
            }
            "create_record" => json!({"payload": payload, "properties": {"by": writer}}),
            "import_from_campaign" => json!({"campaign_id": workspace.campaign}),
            "import_from_explorer" => json!({"completion_event_ids": [workspace.event]}),
            "import_from_file" => json!({"file_id": workspace.file.id}),
            "import_from_playground" => json!({"conversation_ids": [workspace.conversation]}),
            "import_from_dataset_records" | "bulk_delete_records" => {
                json!({"dataset_record_ids": [workspace.record.id]})
            }
            "update_record_payload" => json!({"payload": payload}),
            "update_record_properties" => json!({"properties": {"by": writer}}),
            "judge_record" | "judge_event" => json!({"judge_definition": judge_definition()}),
            "create_judge" | "update_judge" => {
                let mut judge = judge_definition();
                // Names are unique in a workspace, and an update has to change something.
                judge["name"] =
                    json!(format!("{} {}", &writer[..7], &uuid::Uuid::new_v4().to_string()[..8]));
                judge
            }
            "judge_conversation" => payload,
            "create_campaign" => json!({
                "name": writer, "description": writer, "judge_id": workspace.judge, "max_nb_events": 1,
                "search_params": {"filters": null},
            }),
            "search_events" | "search_event_ids" => json!({"search_params": {"filters": null}}),
            "fetch_event_field_option_counts" => json!({}),
            "aggregate_spans" | "aggregate_traces" => {
                json!({"metric": {"measure": "trace_id", "aggregation": "count"}})
            }
            "aggregate_span_evaluations" => {
                json!({"metric": {"measure": "score_value", "aggregation": "avg"}})
            }
            id if id.starts_with("search_") => json!({}),
            "import_from_spans" => {
                let span = json!({"trace_id": workspace.trace, "span_id": workspace.span});
                let source =
                    json!({"namespace": "span_attributes", "key": "gen_ai.input.messages"});
                let mapping = json!({"target_field": "messages", "source_field": source});
                json!({"span_references": [span], "mapping_contract": {"version": 1, "mappings": [mapping]}})
            }
            other => panic!("add a request body for {other}"),
        }
    }
}

/// A client of one workspace that checks every response.
struct Client<'a> {
    api: Api,
    own: &'a Workspace,
    foreign: &'a Workspace,
}

impl Client<'_> {
    /// Asserts that a response contains nothing of the other workspace.
    #[track_caller]
    fn check(&self, what: &str, response: Response) -> Response {
        let shown = format!("{:?} {}", response.headers, response.text());
        let foreign = [
            self.foreign.name.to_owned(),
            self.foreign.dataset.workspace_id.to_string(),
            self.foreign.dataset.owner_id.to_string(),
        ];
        for foreign in foreign {
            assert!(!shown.contains(&foreign), "{}: {what}: {shown}", self.own.name);
        }
        response
    }

    async fn send(&self, operation: &Operation, path: &str, body: Option<Value>) -> Response {
        let mut request = self.api.request(operation.method.clone(), path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        } else if operation.body.as_deref() == Some("multipart/form-data") {
            let name = format!("{}.jsonl", self.own.name);
            let part = reqwest::multipart::Part::bytes(line(self.own.name).into_bytes());
            request = request
                .multipart(reqwest::multipart::Form::new().part("file", part.file_name(name)));
        }
        self.check(&format!("{} {path}", operation.id), send(request).await)
    }

    /// Calls an operation with foreign ids, in every combination with our own; each must be 404.
    async fn use_foreign(&self, operation: &Operation) {
        let references = operation.references();
        let (own, foreign) = (self.own, self.foreign);
        let own_dataset = own.dataset.id.to_string();
        let foreign_dataset = foreign.dataset.id.to_string();
        let mut requests = Vec::new();
        if references == References::InPath || references == References::InBoth {
            for dataset in [&foreign_dataset, foreign.dataset.slug.as_ref().unwrap()] {
                requests.push((operation.path(dataset, foreign), operation.body(own.name, own)));
                requests.push((operation.path(dataset, own), operation.body(own.name, own)));
            }
            if !operation.path.contains("{dataset_id}") || operation.path.contains("{task_id}") {
                requests
                    .push((operation.path(&own_dataset, foreign), operation.body(own.name, own)));
            }
        }
        if references == References::InBody || references == References::InBoth {
            requests.push((operation.path(&own_dataset, own), operation.body(own.name, foreign)));
        }
        // Without a dataset in the path, some combinations contain no foreign id.
        let in_body = matches!(references, References::InBody | References::InBoth);
        requests.retain(|(path, body)| {
            *path != operation.path(&own_dataset, own)
                || (in_body && *body != operation.body(own.name, own))
        });
        assert!(references == References::Nowhere || !requests.is_empty());
        for (path, body) in requests {
            let response = self.send(operation, &path, body).await;
            assert_eq!(response.status, 404, "{} {path}: {}", operation.id, response.text());
        }
    }

    /// Calls an operation with our own ids; it must succeed.
    async fn use_own(&self, operation: &Operation) {
        let (api, own) = (&self.api, self.own);
        // Deletes remove a resource that is created for this call.
        let (path, body) = match operation.id.as_str() {
            "delete_dataset" => {
                let dataset = api.create_dataset(&format!("{} temporary", own.name)).await;
                (operation.path(&dataset.id.to_string(), own), None)
            }
            "delete_record" => {
                let record = api.create_record(&own.dataset, own.name).await;
                (operation.path.replace("{dataset_record_id}", &record.id.to_string()), None)
            }
            "bulk_delete_records" => {
                let record = api.create_record(&own.dataset, own.name).await;
                (operation.path.clone(), Some(json!({"dataset_record_ids": [record.id]})))
            }
            "delete_judge" => {
                let body = operation.body_of("create_judge", own.name, own);
                let judge = api.post(JUDGES, body.to_string()).await.json::<Value>(201);
                (operation.path.replace("{judge_id}", judge["id"].as_str().unwrap()), None)
            }
            "delete_file" => {
                let file = api.upload(&format!("{}.jsonl", own.name), line(own.name)).await;
                (operation.path.replace("{file_id}", &file.id), None)
            }
            _ => (operation.path(&own.dataset.id.to_string(), own), operation.body(own.name, own)),
        };
        let response = self.send(operation, &path, body).await;
        let expected = match operation.id.as_str() {
            // This server has no model for judges.
            "judge_record" | "judge_event" | "judge_conversation" | "create_campaign" => 400,
            // The campaign is a fixture, which only imports can read.
            id if operation.path.contains("{campaign_id}") => {
                assert!(!id.starts_with("import"));
                404
            }
            _ => operation.success,
        };
        assert_eq!(response.status, expected, "{} {path}: {}", operation.id, response.text());
        if operation.id.starts_with("import_from_") {
            let task = api.wait_for_task(&own.dataset, &response.json(expected)).await;
            assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
        }
        for link in ["url", "file_url"] {
            let link = serde_json::from_slice(&response.body).ok().and_then(|body: Value| {
                body[link].as_str().filter(|link| link.contains("signature=")).map(str::to_owned)
            });
            if let Some(link) = link {
                let content = self.check(&link, api.get(&link).await);
                assert!(content.status == 200 && content.text().contains(own.name));
                let foreign_link = link.replace(&self.own.file.id, &self.foreign.file.id);
                if foreign_link != link {
                    self.check(&foreign_link, api.get(&foreign_link).await)
                        .error(403, "AUTH_FORBIDDEN");
                }
            }
        }
    }

    /// Checks searches, the journal, fault rules and campaign fixtures.
    async fn use_local_routes(&self) {
        let search = format!("{DATASETS}?page_size=100&q={}", &self.foreign.name[..7]);
        self.check("search", self.api.get(&search).await).json::<Value>(200);
        self.check("journal", self.api.get("/local/v1/requests").await).json::<Value>(200);
        self.check("faults", self.api.get("/local/v1/faults").await).json::<Value>(200);
        // A campaign may refer to events that only exist in another workspace.
        let campaign = json!({"name": self.own.name, "event_ids": [self.foreign.event]});
        let campaign = self.api.post("/local/v1/campaigns", campaign.to_string()).await;
        let body = json!({"campaign_id": campaign.json::<Value>(200)["id"]}).to_string();
        let path = format!("{DATASETS}/{}/imports/from-campaign", self.own.dataset.id);
        let response = self.check("campaign", self.api.post(&path, body).await);
        response.error(404, "CAMPAIGN_NO_MATCHING_EVENTS");
    }
}

fn line(name: &str) -> String {
    json!({"messages": [{"role": "user", "content": name}], "properties": {"by": name}}).to_string()
}

/// Fills a workspace.
async fn fill_workspace(api: &Api, name: &'static str) -> Workspace {
    let dataset = api.create_dataset(name).await;
    let record = api.create_record(&dataset, name).await;
    let file = api.upload(&format!("{name}.jsonl"), line(name)).await;
    let task = api.import(&dataset, "from-file", json!({"file_id": file.id})).await;
    let (event, conversation) =
        (format!("event of {}", &name[..4]), format!("conversation of {}", &name[..4]));
    let message = json!([{"role": "user", "content": name}]);
    let events =
        json!([{"event_id": event, "request_messages": message, "response_messages": message}]);
    let events = events.to_string();
    api.post("/local/v1/chat-completion-events", events).await.json::<Value>(200);
    let conversations = json!([{"conversation_id": conversation, "messages": message}]).to_string();
    api.post("/local/v1/conversations", conversations).await.json::<Value>(200);
    let campaign = json!({"name": name, "event_ids": [event]}).to_string();
    let campaign: Value = api.post("/local/v1/campaigns", campaign).await.json(200);
    let campaign = campaign["id"].as_str().unwrap().to_owned();
    let judge = api.post(JUDGES, judge_definition().to_string()).await.json::<Value>(201);
    let judge = judge["id"].as_str().unwrap().to_owned();
    // The digits of the ids are different in both workspaces.
    let (trace, span) = (name[..1].repeat(32), name[..1].repeat(16));
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let spans = json!([{
        "traceId": trace, "spanId": span, "name": name, "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        "attributes": [
            attribute("gen_ai.operation.name", "embeddings"),
            attribute("gen_ai.input.messages", &message.to_string()),
        ],
    }]);
    let traces = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    api.post("/telemetry/v1/traces", traces).await.json::<Value>(200);
    Workspace {
        name,
        dataset,
        record,
        task,
        file,
        campaign,
        event,
        conversation,
        judge,
        trace,
        span,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workspaces_are_isolated_under_load() {
    let key = |workspace: &str, n: usize| format!("key {n} of {workspace}");
    let workspaces = ["crimson", "emerald"];
    let api_keys = workspaces.iter().flat_map(|workspace| {
        (0..CLIENTS).map(move |n| ApiKey::with_workspace(*workspace, key(workspace, n)))
    });
    let config = ServerConfig::default().api_keys(api_keys.collect());
    let mut api = Api::start_with(config).await;
    let operations = operations(&api.get("/openapi.json").await.json(200));
    assert!(operations.len() > 25);
    api.set_key(Some(&key("crimson", 0)));
    let crimson = fill_workspace(&api, "crimson secret").await;
    api.set_key(Some(&key("emerald", 0)));
    let emerald = fill_workspace(&api, "emerald secret").await;

    let clients = (0..CLIENTS).flat_map(|n| [(n, &crimson, &emerald), (n, &emerald, &crimson)]);
    let running = clients.map(|(n, own, foreign)| {
        let client = Client { api: api.with_key(&key(&own.name[..7], n)), own, foreign };
        let operations = &operations;
        async move {
            for round in 0..ROUNDS {
                // Start each client at a different operation.
                let (before, after) = operations.split_at((n * 7 + round * 11) % operations.len());
                for operation in after.iter().chain(before) {
                    client.use_foreign(operation).await;
                    client.use_own(operation).await;
                }
                client.use_local_routes().await;
            }
        }
    });
    futures::future::join_all(running).await;

    for (own, foreign) in [(&crimson, &emerald), (&emerald, &crimson)] {
        let client = Client { api: api.with_key(&key(&own.name[..7], 0)), own, foreign };
        let records = client.api.records(&own.dataset).await;
        // The first record and the first import, then per client and round one created record and six imports of one record.
        assert_eq!(records.len(), 2 + CLIENTS * ROUNDS * 7);
        for record in records {
            let text = serde_json::to_string(&record).unwrap();
            assert!(text.contains(own.name) && !text.contains(foreign.name), "{text}");
        }
        let listed = client.api.get(&records_path(&own.dataset)).await;
        client.check("records", listed).json::<Value>(200);
    }
}
