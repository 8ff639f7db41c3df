//! Two workspaces under load, each of whose clients tries every operation of the document with ids of its own and of the
//! other one: a foreign id is never there, and no response ever holds anything of the other workspace.

use http::Method;
use mistral_datasets_server::{ApiKey, ServerConfig};
use mistral_datasets_types::{Dataset, DatasetRecord, File, ImportTask};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS, Response, records_of, send};

/// How often each client tries everything, and how many clients each workspace has.
const ROUNDS: usize = 4;
const CLIENTS: usize = 3;

/// A workspace: its name is in everything that is written to it.
struct Team {
    name: &'static str,
    dataset: Dataset,
    record: DatasetRecord,
    task: ImportTask,
    file: File,
    campaign: String,
    event: String,
    conversation: String,
}

/// An operation of the document.
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

/// What of a request names something that must be there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Named {
    Nothing,
    InPath,
    InBody,
    InBoth,
}

impl Operation {
    fn named(&self) -> Named {
        let in_body = self.id.starts_with("import_from_") || self.id == "bulk_delete_records";
        match (self.path.contains('{'), in_body) {
            (false, false) => Named::Nothing,
            (true, false) => Named::InPath,
            (false, true) => Named::InBody,
            (true, true) => Named::InBoth,
        }
    }

    /// The path, to things of a team. Where it names two, the second may be another team's.
    fn path(&self, dataset: &str, team: &Team) -> String {
        let path = self.path.replace("{dataset_id}", dataset);
        let path = path.replace("{dataset_record_id}", &team.record.id.to_string());
        let path = path.replace("{task_id}", &team.task.id.to_string());
        let path = path.replace("{file_id}", &team.file.id);
        assert!(
            !path.contains('{'),
            "{}: what a parameter of {path} stands for is to be told",
            self.id
        );
        path
    }

    /// A body that names things of a team and says who writes it.
    fn body(&self, writer: &str, team: &Team) -> Option<Value> {
        if self.body.as_deref() != Some("application/json") {
            return None;
        }
        let payload = json!({"messages": [{"role": "user", "content": writer}]});
        Some(match self.id.as_str() {
            "create_dataset" | "update_dataset" => {
                json!({"name": format!("{writer} again"), "description": writer})
            }
            "create_record" => json!({"payload": payload, "properties": {"by": writer}}),
            "import_from_campaign" => json!({"campaign_id": team.campaign}),
            "import_from_explorer" => json!({"completion_event_ids": [team.event]}),
            "import_from_file" => json!({"file_id": team.file.id}),
            "import_from_playground" => json!({"conversation_ids": [team.conversation]}),
            "import_from_dataset_records" | "bulk_delete_records" => {
                json!({"dataset_record_ids": [team.record.id]})
            }
            "update_record_payload" => json!({"payload": payload}),
            "update_record_properties" => json!({"properties": {"by": writer}}),
            "judge_record" => json!({"judge_definition": {"name": writer}}),
            other => panic!("{other} is new: say here what its body names"),
        })
    }
}

/// A client of a team, which looks at every response.
struct Client<'a> {
    api: Api,
    own: &'a Team,
    foreign: &'a Team,
}

impl Client<'_> {
    /// Checks a response for what is not ours.
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

    /// Tries an operation on what is the other team's, in every mixture with what is ours.
    async fn trespass(&self, operation: &Operation) {
        let named = operation.named();
        let (own, foreign) = (self.own, self.foreign);
        let (ours, theirs) = (own.dataset.id.to_string(), foreign.dataset.id.to_string());
        let mut tries = Vec::new();
        if named == Named::InPath || named == Named::InBoth {
            for dataset in [&theirs, foreign.dataset.slug.as_ref().unwrap()] {
                tries.push((operation.path(dataset, foreign), operation.body(own.name, own)));
                tries.push((operation.path(dataset, own), operation.body(own.name, own)));
            }
            if !operation.path.contains("{dataset_id}") || operation.path.contains("{task_id}") {
                tries.push((operation.path(&ours, foreign), operation.body(own.name, own)));
            }
        }
        if named == Named::InBody || named == Named::InBoth {
            tries.push((operation.path(&ours, own), operation.body(own.name, foreign)));
        }
        // Of a path that names no dataset, some of these are all ours.
        tries.retain(|(path, body)| {
            *path != operation.path(&ours, own) || *body != operation.body(own.name, own)
        });
        assert!(named == Named::Nothing || !tries.is_empty());
        for (path, body) in tries {
            let response = self.send(operation, &path, body).await;
            assert_eq!(response.status, 404, "{} {path}: {}", operation.id, response.text());
        }
    }

    /// Does an operation on what is ours.
    async fn use_own(&self, operation: &Operation) {
        let (api, own) = (&self.api, self.own);
        // What goes is made before.
        let (path, body) = match operation.id.as_str() {
            "delete_dataset" => {
                let dataset = api.dataset(&format!("{} passing", own.name)).await;
                (operation.path(&dataset.id.to_string(), own), None)
            }
            "delete_record" => {
                let record = api.record(&own.dataset, own.name).await;
                (operation.path.replace("{dataset_record_id}", &record.id.to_string()), None)
            }
            "bulk_delete_records" => {
                let record = api.record(&own.dataset, own.name).await;
                (operation.path.clone(), Some(json!({"dataset_record_ids": [record.id]})))
            }
            "delete_file" => {
                let file = api.upload(&format!("{}.jsonl", own.name), line(own.name)).await;
                (operation.path.replace("{file_id}", &file.id), None)
            }
            _ => (operation.path(&own.dataset.id.to_string(), own), operation.body(own.name, own)),
        };
        let response = self.send(operation, &path, body).await;
        // A local server has no model to judge with.
        let expected = if operation.id == "judge_record" { 400 } else { operation.success };
        assert_eq!(response.status, expected, "{} {path}: {}", operation.id, response.text());
        if operation.id.starts_with("import_from_") {
            let task = api.ended(&own.dataset, &response.json(expected)).await;
            assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
        }
        for link in ["url", "file_url"] {
            let link = serde_json::from_slice(&response.body).ok().and_then(|body: Value| {
                body[link].as_str().filter(|link| link.contains("signature=")).map(str::to_owned)
            });
            if let Some(link) = link {
                let content = self.check(&link, api.get(&link).await);
                assert!(content.status == 200 && content.text().contains(own.name));
                let elsewhere = link.replace(&self.own.file.id, &self.foreign.file.id);
                if elsewhere != link {
                    self.check(&elsewhere, api.get(&elsewhere).await).error(403, "AUTH_FORBIDDEN");
                }
            }
        }
    }

    /// What is not in the document: searches, the journal and what is planted.
    async fn look_around(&self) {
        let search = format!("{DATASETS}?page_size=100&q={}", &self.foreign.name[..7]);
        self.check("search", self.api.get(&search).await).json::<Value>(200);
        self.check("journal", self.api.get("/local/v1/requests").await).json::<Value>(200);
        self.check("faults", self.api.get("/local/v1/faults").await).json::<Value>(200);
        // A campaign may name events that only another workspace has.
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
async fn team(api: &Api, name: &'static str) -> Team {
    let dataset = api.dataset(name).await;
    let record = api.record(&dataset, name).await;
    let file = api.upload(&format!("{name}.jsonl"), line(name)).await;
    let task = api.import(&dataset, "from-file", json!({"file_id": file.id})).await;
    let (event, conversation) =
        (format!("event of {}", &name[..4]), format!("talk {}", &name[..4]));
    let message = json!([{"role": "user", "content": name}]);
    let events =
        json!([{"event_id": event, "request_messages": message, "response_messages": message}]);
    let events = events.to_string();
    api.post("/local/v1/chat-completion-events", events).await.json::<Value>(200);
    let talks = json!([{"conversation_id": conversation, "messages": message}]).to_string();
    api.post("/local/v1/conversations", talks).await.json::<Value>(200);
    let campaign = json!({"name": name, "event_ids": [event]}).to_string();
    let campaign: Value = api.post("/local/v1/campaigns", campaign).await.json(200);
    let campaign = campaign["id"].as_str().unwrap().to_owned();
    Team { name, dataset, record, task, file, campaign, event, conversation }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_workspaces_under_load_never_see_each_other() {
    let key = |workspace: &str, n: usize| format!("key {n} of {workspace}");
    let teams = ["crimson", "emerald"];
    let api_keys = teams
        .iter()
        .flat_map(|team| (0..CLIENTS).map(move |n| ApiKey::with_workspace(*team, key(team, n))));
    let config = ServerConfig { api_keys: api_keys.collect(), ..Default::default() };
    let mut api = Api::start_with(config).await;
    let operations = operations(&api.get("/openapi.json").await.json(200));
    assert!(operations.len() > 25);
    api.set_key(Some(&key("crimson", 0)));
    let crimson = team(&api, "crimson secret").await;
    api.set_key(Some(&key("emerald", 0)));
    let emerald = team(&api, "emerald secret").await;

    let clients = (0..CLIENTS).flat_map(|n| [(n, &crimson, &emerald), (n, &emerald, &crimson)]);
    let running = clients.map(|(n, own, foreign)| {
        let client = Client { api: api.with_key(&key(&own.name[..7], n)), own, foreign };
        let operations = &operations;
        async move {
            for round in 0..ROUNDS {
                // Each client is somewhere else at every time.
                let (before, behind) = operations.split_at((n * 7 + round * 11) % operations.len());
                for operation in behind.iter().chain(before) {
                    client.trespass(operation).await;
                    client.use_own(operation).await;
                }
                client.look_around().await;
            }
        }
    });
    futures::future::join_all(running).await;

    for (own, foreign) in [(&crimson, &emerald), (&emerald, &crimson)] {
        let client = Client { api: api.with_key(&key(&own.name[..7], 0)), own, foreign };
        let records = client.api.records(&own.dataset).await;
        // Beside the first and the import: of each client and round one that was created, and five imports of one record.
        assert_eq!(records.len(), 2 + CLIENTS * ROUNDS * 6);
        for record in records {
            let text = serde_json::to_string(&record).unwrap();
            assert!(text.contains(own.name) && !text.contains(foreign.name), "{text}");
        }
        let listed = client.api.get(&records_of(&own.dataset)).await;
        client.check("records", listed).json::<Value>(200);
    }
}
