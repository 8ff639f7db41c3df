//! Judges and campaigns.

use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use mistral_datasets::filter::field;
use mistral_datasets::types::{
    Judge, JudgeClassificationOutput, JudgeClassificationOutputOption, JudgeOutputType,
    JudgeOutputUnion, JudgeRegressionOutput, TaskStatus,
};
use mistral_datasets::{ErrorKind, JudgeEndpoint, Pager};
use mistral_datasets_tests::{ChatServer, Fixture};
use serde_json::Value;

const NO_TOOLS: [&str; 0] = [];

async fn names(pager: Pager<Judge>) -> Vec<String> {
    pager.items().map_ok(|judge| judge.name).try_collect().await.unwrap()
}

#[tokio::test]
async fn judge_crud() {
    let fixture = Fixture::start().await;
    let judges = fixture.client.judges();
    let create = |name: &str, instructions: &str| {
        let options = [("polite", "It is."), ("rude", "It is not.")]
            .map(|(value, meaning)| JudgeClassificationOutputOption::new(value, meaning));
        let output = JudgeClassificationOutput::new(options);
        judges.create(name, "Whether it is polite", "large", output, instructions, NO_TOOLS)
    };
    let polite = || create("Politeness", "Is it polite? {{ assistant_message }}");
    let classes = polite().await.unwrap();
    let output = JudgeRegressionOutput::new("far", "near").min(0.0).max(10.0);
    let scale = judges.create("Closeness", "", "small", output, "Is it near?", NO_TOOLS);
    let scale = scale.await.unwrap();
    let JudgeOutputUnion::Classification(output) = &classes.output else {
        panic!("{:?}", classes.output)
    };
    let values: Vec<_> = output.options.iter().map(|option| &*option.value).collect();
    assert_eq!(values, ["polite", "rude"]);
    let JudgeOutputUnion::Regression(output) = &scale.output else { panic!("{:?}", scale.output) };
    assert_eq!((output.max, &*output.max_description), (Some(10.0), "near"));
    assert_eq!(judges.fetch(classes.id).await.unwrap(), classes);

    assert_eq!(names(judges.list().page_size(1).pager()).await, ["Closeness", "Politeness"]);
    let regression = || vec![JudgeOutputType::Regression];
    assert_eq!(names(judges.list().type_filter(regression()).pager()).await, ["Closeness"]);
    let models = vec!["large".to_owned(), "medium".to_owned()];
    assert_eq!(names(judges.list().model_filter(models).pager()).await, ["Politeness"]);
    let none = judges.list().q("POLITE").type_filter(regression()).pager();
    assert!(names(none).await.is_empty());

    // What was read can be sent again.
    let update = || {
        let output = scale.output.clone();
        judges.update(scale.id, "Closeness", "", "small", output, "Is it close?", NO_TOOLS)
    };
    update().await.unwrap();
    let updated = judges.fetch(scale.id).await.unwrap();
    assert_eq!((&*updated.instructions, &updated.output), ("Is it close?", &scale.output));
    for (error, kind, code) in [
        (update().await.unwrap_err(), ErrorKind::Conflict, "JUDGE_DID_NOT_CHANGE"),
        (polite().await.unwrap_err(), ErrorKind::Conflict, "JUDGE_NAME_ALREADY_EXISTS"),
        (
            create("Broken", "{% if %}").await.unwrap_err(),
            ErrorKind::Validation,
            "TEMPLATE_SYNTAX_ERROR",
        ),
    ] {
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
    }

    judges.delete(scale.id).await.unwrap();
    let error = judges.fetch(scale.id).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
    assert_eq!(error.code(), Some("JUDGE_NOT_FOUND"));
    assert_eq!(names(judges.list().pager()).await, ["Politeness"]);
}

#[tokio::test]
async fn campaign_judges_events() {
    let chat = ChatServer::start().await;
    let fixture = Fixture::start_with_judge(JudgeEndpoint::new(chat.url())).await;
    let client = &fixture.client;
    let options = ["polite", "rude"].map(|value| JudgeClassificationOutputOption::new(value, ""));
    let output = JudgeClassificationOutput::new(options);
    let instructions = "{{ assistant_message }}";
    let judge = client.judges().create("Politeness", "", "small", output, instructions, NO_TOOLS);
    let judge = judge.await.unwrap();
    let create = || {
        let large = field("model_name").eq("large");
        client.campaigns().create(large, judge.id, "Large models", "", 10)
    };
    let error = create().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.code(), Some("CAMPAIGN_NO_MATCHING_EVENTS"));

    fixture.send_telemetry("traces").await;
    let campaign = create().await.unwrap();
    assert_eq!((campaign.judge.id, campaign.max_nb_events), (judge.id, 10));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let statuses = seen.clone();
    let wait = client.campaigns().wait(campaign.id);
    let wait = wait.on_progress(move |status| statuses.lock().unwrap().push(status.clone()));
    assert_eq!(wait.await.unwrap(), TaskStatus::Completed);
    assert_eq!(seen.lock().unwrap().last(), Some(&TaskStatus::Completed));

    let annotation = format!("__judge_{}", judge.id);
    let events = client.campaigns().list_events(campaign.id).page_size(1).pager().items();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert_eq!(events.len(), 2);
    for event in events {
        let fields: Value = event.extra_fields.parse().unwrap();
        assert_eq!(fields[&annotation], "polite");
    }
    let polite = field(&annotation).eq("polite");
    let found = client.chat_completion_events().search_ids(polite).await.unwrap();
    assert_eq!(found.completion_event_ids.len(), 2);
    let dataset = fixture.create_dataset().await;
    client.datasets().import_from_campaign(dataset.id, campaign.id).wait().await.unwrap();
    let records = fixture.list_records(&dataset).await;
    assert_eq!(records.len(), 2);
    for record in records {
        let properties: Value = record.properties.parse().unwrap();
        assert_eq!(properties[&annotation], "polite");
    }

    client.campaigns().delete(campaign.id).await.unwrap();
    let error = client.campaigns().fetch(campaign.id).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("CAMPAIGN_NOT_FOUND")));
}
