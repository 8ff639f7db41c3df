//! Tests of how telemetry is stored.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::check_property;
use crate::search::{self, Entity};
use crate::storage::*;
use crate::time::Timestamp;

pub(crate) trait Tested: TelemetryStore + TelemetrySearch + SpanSourceStore {}

impl<S: TelemetryStore + TelemetrySearch + SpanSourceStore> Tested for S {}

/// Runs all tests. They need a runtime with several threads.
pub(crate) async fn check<S: Tested, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    super::run!(
        create,
        a_summary_does_not_depend_on_the_order_of_arrival,
        the_root_is_the_first_span_without_a_parent,
        a_span_is_stored_once,
        spans_of_one_trace_can_be_inserted_at_the_same_time,
        evaluations_are_counted_and_get_the_conversation_of_their_span,
        spans_and_their_evaluations_can_arrive_at_the_same_time,
        expired_telemetry_is_deleted,
        telemetry_is_expired_while_more_arrives,
        text_of_any_length_and_with_any_character_is_stored,
        spans_are_sources_of_imports,
        workspaces_are_separate,
    );
}

pub(crate) const SENDER: Sender =
    Sender { workspace: Uuid::from_u128(1), user: Uuid::from_u128(2) };

pub(crate) fn span(trace: u8, id: u8) -> NewSpan {
    NewSpan {
        trace_id: format!("{trace:032x}"),
        span_id: format!("{id:016x}"),
        start_time: i64::from(id) * 1_000,
        end_time: i64::from(id) * 2_000,
        span_kind: "Internal",
        status_code: "Unset",
        request_stop_sequences: "[]".to_owned(),
        request_encoding_formats: "[]".to_owned(),
        response_finish_reasons: "[]".to_owned(),
        span_attributes: "{}".to_owned(),
        resource_attributes: "{}".to_owned(),
        ..NewSpan::default()
    }
}

pub(crate) fn chat(trace: u8, id: u8) -> NewSpan {
    NewSpan {
        operation_name: "chat".to_owned(),
        turn: Some(Turn::default()),
        event: Some(NewEvent {
            id: Uuid::from_u128(u128::from(trace) << 8 | u128::from(id)),
            invoked_tools: "[]".to_owned(),
            enabled_tools: "[]".to_owned(),
            ..NewEvent::default()
        }),
        ..span(trace, id)
    }
}

pub(crate) fn evaluation(trace: u8, span: u8) -> NewLog {
    NewLog {
        trace_id: format!("{trace:032x}"),
        span_id: format!("{span:016x}"),
        resource_attributes: "{}".to_owned(),
        scope_attributes: "{}".to_owned(),
        log_attributes: "{}".to_owned(),
        evaluation: Some(NewEvaluation { metadata: "{}".to_owned(), ..NewEvaluation::default() }),
        ..NewLog::default()
    }
}

/// Returns the rows that match an expression, newest first.
pub(crate) async fn rows<S: TelemetrySearch>(
    storage: &S,
    workspace: Uuid,
    entity: Entity,
    expression: &str,
) -> Vec<Value> {
    let mut filter = TelemetryFilter::new(workspace, entity);
    filter.expression = search::parse(entity, expression).unwrap();
    let page = storage.search_telemetry(filter, TimeOrder::NewestFirst, None, 1_000).await;
    let page = page.unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    assert_eq!(page.next, None);
    serde_json::from_slice(&page.rows).unwrap()
}

async fn count<S: TelemetrySearch>(storage: &S, entity: Entity) -> usize {
    rows(storage, SENDER.workspace, entity, "").await.len()
}

/// Returns the summary of a trace.
async fn summary<S: TelemetrySearch>(storage: &S, workspace: Uuid, trace: u8) -> Value {
    let trace = storage.trace(workspace, format!("{trace:032x}")).await.unwrap();
    serde_json::from_slice(&trace).unwrap()
}

fn arbitrary_spans() -> impl Strategy<Value = Vec<NewSpan>> {
    let name = || prop::sample::select(vec!["", "a", "b", "c"]).prop_map(str::to_owned);
    let operation = prop::sample::select(vec!["", "chat", "execute_tool", "retrieval"]);
    let fields = (0_i64..4, 0_i64..4, operation, any::<bool>(), any::<bool>(), -2_i64..5);
    let names = (name(), name(), name(), name());
    prop::collection::vec((fields, names), 1..8).prop_map(|spans| {
        let spans = spans.into_iter().enumerate();
        let spans = spans.map(|(id, (fields, names))| {
            let (start_time, duration, operation, has_parent, failed, tokens) = fields;
            let (first, second, third, fourth) = names;
            let base = span(1, id as u8 + 1);
            NewSpan {
                start_time,
                end_time: start_time + duration,
                parent_span_id: if has_parent {
                    "00000000000000ff".to_owned()
                } else {
                    String::new()
                },
                status_code: if failed { "Error" } else { "Ok" },
                status_message: format!("failure {id}"),
                span_name: format!("span {id}"),
                turn: (operation == "chat").then(|| Turn {
                    last_input: format!("input {id}"),
                    last_output: format!("output {id}"),
                }),
                operation_name: operation.to_owned(),
                usage_input_tokens: tokens,
                service_name: first.clone(),
                environment: second.clone(),
                conversation_id: third.clone(),
                agent_id: fourth.clone(),
                agent_name: first,
                workflow_name: second,
                response_model: third,
                tool_name: fourth,
                ..base
            }
        });
        spans.collect()
    })
}

async fn a_summary_does_not_depend_on_the_order_of_arrival<S: Tested>(storage: &S) {
    let spans = arbitrary_spans()
        .prop_flat_map(|spans| (Just(spans.clone()), Just(spans).prop_shuffle(), 1_usize..9));
    check_property(24, spans, async |(spans, shuffled, batch)| {
        let mut summaries = Vec::new();
        for (spans, batch) in [(&spans, spans.len()), (&shuffled, batch)] {
            let sender = Sender { workspace: Uuid::now_v7(), ..SENDER };
            for spans in spans.chunks(batch) {
                storage.insert_spans(sender, spans.to_vec()).await.unwrap();
            }
            let mut summary = summary(storage, sender.workspace, 1).await;
            summary["workspace_id"] = Value::Null;
            summaries.push(summary);
        }
        prop_assert_eq!(&summaries[0], &summaries[1]);
        Ok(())
    });
}

async fn the_root_is_the_first_span_without_a_parent<S: Tested>(storage: &S) {
    let child = |id, parent: u8, start| NewSpan {
        parent_span_id: format!("{parent:016x}"),
        span_name: format!("child {id}"),
        start_time: start,
        end_time: 100,
        conversation_id: format!("conversation {id}"),
        ..span(1, id)
    };
    let root = async || {
        let summary = summary(storage, SENDER.workspace, 1).await;
        ["root_span_name", "conversation_id", "duration_ns", "span_count"]
            .map(|field| summary[field].clone())
    };
    storage.insert_spans(SENDER, vec![child(3, 2, 50), child(2, 1, 20)]).await.unwrap();
    assert_eq!(
        root().await,
        ["child 2".into(), "conversation 2".into(), 80.into(), Value::from(2)]
    );
    // The clock of the root's machine may be late.
    let parent =
        NewSpan { span_name: "root".to_owned(), start_time: 30, end_time: 120, ..span(1, 1) };
    storage.insert_spans(SENDER, vec![parent]).await.unwrap();
    assert_eq!(root().await, ["root".into(), "conversation 2".into(), 100.into(), Value::from(3)]);
}

async fn a_span_is_stored_once<S: Tested>(storage: &S) {
    let other = Sender { workspace: Uuid::from_u128(9), ..SENDER };
    let changed = NewSpan { span_name: "changed".to_owned(), ..chat(1, 1) };
    let spans = || vec![chat(1, 1), chat(1, 2), changed.clone()];
    storage.insert_spans(SENDER, spans()).await.unwrap();
    storage.insert_spans(SENDER, spans()).await.unwrap();
    storage.insert_spans(SENDER, Vec::new()).await.unwrap();
    storage.insert_spans(other, vec![chat(1, 1)]).await.unwrap();
    storage.sync_telemetry().await.unwrap();
    for (workspace, expected) in [(SENDER.workspace, 2), (other.workspace, 1)] {
        let spans = rows(storage, workspace, Entity::Spans, "").await;
        assert_eq!(spans.len(), expected);
        assert!(spans.iter().all(|span| span["span_name"] == ""), "{spans:?}");
        let summary = summary(storage, workspace, 1).await;
        assert_eq!(summary["span_count"], expected);
        assert_eq!(summary["llm_call_count"], expected);
    }
}

async fn spans_of_one_trace_can_be_inserted_at_the_same_time<S: Tested>(storage: &S) {
    // Each span is in several requests, and the traces are in another order in each.
    let request = |number: u8| {
        let mut spans: Vec<NewSpan> = (0..60_u8)
            .filter(|id| (id / 2 + number) % 4 < 2)
            .flat_map(|id| {
                [1, 2, 3]
                    .map(|trace| NewSpan { usage_input_tokens: i64::from(id), ..chat(trace, id) })
            })
            .collect();
        spans.rotate_left(usize::from(number) * 7 % 30);
        if number % 2 == 1 {
            spans.reverse();
        }
        spans
    };
    let requests = (0..12).map(|number| storage.insert_spans(SENDER, request(number)));
    for result in join_all(requests).await {
        result.unwrap();
    }
    assert_eq!(count(storage, Entity::Spans).await, 180);
    for trace in [1, 2, 3] {
        let summary = summary(storage, SENDER.workspace, trace).await;
        assert_eq!((&summary["span_count"], &summary["llm_call_count"]), (&60.into(), &60.into()));
        assert_eq!(summary["input_tokens"], (0..60).sum::<i64>());
        assert_eq!(summary["root_span_id"], format!("{:016x}", 0));
    }
}

async fn evaluations_are_counted_and_get_the_conversation_of_their_span<S: Tested>(storage: &S) {
    let named = |id| NewSpan { conversation_id: "c".to_owned(), ..span(1, id) };
    let evaluations = vec![evaluation(1, 1), evaluation(1, 2)];
    storage.insert_logs(SENDER, evaluations).await.unwrap();
    storage.insert_spans(SENDER, vec![named(1), named(3)]).await.unwrap();
    storage.insert_logs(SENDER, vec![evaluation(1, 3)]).await.unwrap();
    for (span, conversation) in [(1, "c"), (2, ""), (3, "c")] {
        let expression = format!("span_id = '{span:016x}'");
        let found = rows(storage, SENDER.workspace, Entity::Evaluations, &expression).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["conversation_id"], conversation, "{span}");
    }
    assert_eq!(summary(storage, SENDER.workspace, 1).await["evaluation_count"], 3);
}

async fn spans_and_their_evaluations_can_arrive_at_the_same_time<S: Tested>(storage: &S) {
    for trace in 1..=12 {
        let spans = (0..4).map(|id| {
            let named = NewSpan { conversation_id: "c".to_owned(), ..span(trace, id) };
            storage.insert_spans(SENDER, vec![named])
        });
        let evaluations = (0..4).map(|id| storage.insert_logs(SENDER, vec![evaluation(trace, id)]));
        for result in join_all(spans.zip(evaluations).flat_map(|(a, b)| [b, a])).await {
            result.unwrap();
        }
        let expression = format!("trace_id = '{trace:032x}'");
        let found = rows(storage, SENDER.workspace, Entity::Evaluations, &expression).await;
        assert_eq!(summary(storage, SENDER.workspace, trace).await["evaluation_count"], 4);
        assert!(found.iter().all(|found| found["conversation_id"] == "c"), "{found:?}");
    }
}

async fn expired_telemetry_is_deleted<S: Tested>(storage: &S) {
    for id in 1..=250_u8 {
        storage.insert_spans(SENDER, vec![chat(1, id), chat(2, id), span(id, 251)]).await.unwrap();
    }
    storage.insert_logs(SENDER, vec![evaluation(1, 1); 3]).await.unwrap();
    let kept = Timestamp::now().minus(Duration::from_secs(3600));
    assert!(!storage.expire_telemetry(kept).await.unwrap());
    assert_eq!(count(storage, Entity::Spans).await, 750);

    tokio::time::sleep(Duration::from_millis(2)).await;
    let expired = Timestamp::now();
    tokio::time::sleep(Duration::from_millis(2)).await;
    storage.insert_spans(SENDER, vec![chat(2, 252)]).await.unwrap();
    let mut steps = 0;
    while storage.expire_telemetry(expired).await.unwrap() {
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    let mut left = Vec::new();
    for entity in [Entity::Spans, Entity::Traces, Entity::Logs, Entity::Evaluations] {
        left.push(count(storage, entity).await);
    }
    assert_eq!(left, [1, 1, 0, 0]);
}

async fn telemetry_is_expired_while_more_arrives<S: Tested>(storage: &S) {
    let batch = |number: u8| {
        let spans =
            (0..100).map(|id| NewSpan { span_name: number.to_string(), ..chat(id % 5, id) });
        storage.insert_spans(SENDER, spans.collect())
    };
    try_join_all((0..4).map(batch)).await.unwrap();
    let expire = || async { while storage.expire_telemetry(Timestamp::now()).await.unwrap() {} };
    // Nobody waits for another, and every span is either deleted or counted.
    let arrive = async {
        for number in 4..12 {
            batch(number).await.unwrap();
        }
    };
    tokio::join!(expire(), expire(), arrive, expire());
    let spans = rows(storage, SENDER.workspace, Entity::Spans, "").await;
    let traces = rows(storage, SENDER.workspace, Entity::Traces, "").await;
    for trace in &traces {
        assert!(spans.iter().any(|span| span["trace_id"] == trace["trace_id"]), "{trace}");
    }
    for span in &spans {
        assert!(traces.iter().any(|trace| trace["trace_id"] == span["trace_id"]), "{span}");
    }
    tokio::time::sleep(Duration::from_millis(2)).await;
    expire().await;
    assert_eq!((count(storage, Entity::Spans).await, count(storage, Entity::Traces).await), (0, 0));
}

/// Returns text that cannot be compressed.
fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from_digit((state >> 40) as u32 % 36, 36).unwrap()
    };
    std::iter::repeat_with(digit).take(bytes).collect()
}

async fn text_of_any_length_and_with_any_character_is_stored<S: Tested>(storage: &S) {
    let long = noise(20_000);
    let with_zero = "before\0after \\u0000 \\\0".to_owned();
    let object = |text: &str| serde_json::json!({ "key": text }).to_string();
    let spans = [long.clone(), with_zero.clone()].into_iter().enumerate().map(|(id, text)| {
        let mut span = chat(1, id as u8);
        span.event.as_mut().unwrap().last_user_message_preview = Some(text.clone());
        span.turn = Some(Turn { last_input: text.clone(), last_output: text.clone() });
        NewSpan {
            span_name: text.clone(),
            request_model: text.clone(),
            operation_name: text.clone(),
            conversation_id: text.clone(),
            tool_name: text.clone(),
            agent_name: text.clone(),
            input_messages: text.clone(),
            response_finish_reasons: serde_json::json!([text]).to_string(),
            span_attributes: object(&text),
            resource_attributes: object(&text),
            ..span
        }
    });
    storage.insert_spans(SENDER, spans.collect()).await.unwrap();
    let logs = [&long, &with_zero].map(|text| {
        let mut log =
            NewLog { body: text.clone(), log_attributes: object(text), ..evaluation(1, 0) };
        let evaluation = log.evaluation.as_mut().unwrap();
        evaluation.evaluation_name.clone_from(text);
        evaluation.conversation_id.clone_from(text);
        evaluation.metadata = object(text);
        log
    });
    storage.insert_logs(SENDER, logs.to_vec()).await.unwrap();

    let found = async |entity, expression: &str| {
        rows(storage, SENDER.workspace, entity, expression).await.len()
    };
    for field in ["request_model", "operation_name", "conversation_id", "span_attributes['key']"] {
        for (text, expected) in [(&long[..], 1), (&long[..19_999], 0), (&long[..200], 0)] {
            assert_eq!(
                found(Entity::Spans, &format!("{field} = '{text}'")).await,
                expected,
                "{field}"
            );
        }
        assert_eq!(found(Entity::Spans, &format!("{field} CONTAINS 'after'")).await, 1, "{field}");
        // The backslash is part of the text, and is written as an escape.
        let escaped = format!(r"{field} CONTAINS '\\u0000'");
        assert_eq!(found(Entity::Spans, &escaped).await, 1, "{field}");
    }
    let list = "response_finish_reasons";
    assert_eq!(found(Entity::Spans, &format!("has({list}, '{long}')")).await, 1);
    assert_eq!(found(Entity::Traces, "span_attributes['key'] REGEXP 'before.after'").await, 1);
    assert_eq!(found(Entity::Logs, "log_attributes['key'] CONTAINS 'after'").await, 1);
    assert_eq!(found(Entity::Logs, "body REGEXP 'before.after'").await, 1);
    assert_eq!(found(Entity::Evaluations, &format!("evaluation_name = '{long}'")).await, 1);
    assert_eq!(found(Entity::Evaluations, "metadata['key'] ILIKE 'BEFORE%'").await, 1);
    let spans = rows(storage, SENDER.workspace, Entity::Spans, "").await;
    assert_eq!(spans[0]["span_attributes"]["key"], with_zero);
    assert_eq!(spans[1]["input_messages"], long);
}

async fn spans_are_sources_of_imports<S: Tested>(storage: &S) {
    let stored = |id: u8| NewSpan {
        span_attributes: format!("{{\"id\":\"{id}\"}}"),
        input_messages: "x".repeat(1_000),
        ..span(1, id)
    };
    storage.insert_spans(SENDER, (1..=5).map(stored).collect()).await.unwrap();
    let reference =
        |id: u8| SpanReference { trace_id: format!("{:032x}", 1), span_id: format!("{id:016x}") };
    let references = |ids: &[u8]| ids.iter().map(|id| reference(*id)).collect::<Vec<_>>();
    let workspace = SENDER.workspace;
    let existing = storage.existing_spans(workspace, references(&[4, 9, 1, 4])).await.unwrap();
    assert_eq!(existing, references(&[4, 1, 4]));
    assert_eq!(storage.existing_spans(workspace, Vec::new()).await.unwrap(), []);
    assert_eq!(storage.existing_spans(Uuid::nil(), references(&[1])).await.unwrap(), []);

    let read = async |ids: &[u8], max_bytes| {
        let spans = storage.span_attributes(workspace, references(ids), max_bytes).await?;
        for span in &spans {
            let texts = [1_000, 0, 0, 0, 0, 0].map(|length| "x".repeat(length));
            assert_eq!((&span.columns[..], span.resource.as_str()), (&texts[..], "{}"));
        }
        let ids = spans.into_iter().map(|span| (span.reference.span_id, span.attributes));
        Ok::<_, StorageError>(ids.collect::<Vec<_>>())
    };
    let expected = |ids: &[u8]| {
        let spans = ids.iter().map(|id| (format!("{id:016x}"), format!("{{\"id\":\"{id}\"}}")));
        spans.collect::<Vec<_>>()
    };
    assert_eq!(read(&[3, 1, 5, 1], 100_000).await.unwrap(), expected(&[3, 1, 5, 1]));
    assert_eq!(read(&[3, 1, 5], 1).await.unwrap(), expected(&[3]));
    assert_eq!(read(&[3, 1, 5], 1_500).await.unwrap(), expected(&[3, 1]));
    // What is not read need not exist.
    assert_eq!(read(&[3, 9], 1).await.unwrap(), expected(&[3]));
    let missing = read(&[3, 9, 1], 100_000).await.unwrap_err();
    let is_missing = |missing: &Missing| *missing == Missing::SourceSpan(reference(9));
    assert!(matches!(&missing, StorageError::Missing(missing) if is_missing(missing)));
}

async fn workspaces_are_separate<S: Tested>(storage: &S) {
    storage.insert_spans(SENDER, vec![span(1, 1)]).await.unwrap();
    storage.insert_logs(SENDER, vec![evaluation(1, 1)]).await.unwrap();
    let other = Uuid::from_u128(7);
    for entity in Entity::ALL {
        assert_eq!(rows(storage, SENDER.workspace, entity, "").await.len(), 1, "{entity:?}");
        assert_eq!(rows(storage, other, entity, "").await.len(), 0, "{entity:?}");
    }
    let (trace_id, span_id) = (format!("{:032x}", 1), format!("{:016x}", 1));
    let trace = storage.trace(other, trace_id.clone()).await;
    assert!(matches!(trace, Err(StorageError::Missing(Missing::Trace))));
    let filter = |workspace| TelemetryFilter::new(workspace, Entity::Spans);
    let span = storage.span(filter(other), trace_id.clone(), span_id.clone()).await;
    assert!(matches!(span, Err(StorageError::Missing(Missing::Trace))));
    let mut late = filter(SENDER.workspace);
    late.from = Some(Timestamp::from_micros(2));
    let span = storage.span(late, trace_id.clone(), span_id.clone()).await;
    assert!(matches!(span, Err(StorageError::Missing(Missing::Span))));
    let span = storage.span(filter(SENDER.workspace), trace_id, span_id.clone()).await.unwrap();
    let span: Value = serde_json::from_slice(&span).unwrap();
    assert_eq!(span["span_id"], span_id);
    assert_eq!(span["user_id"], SENDER.user.to_string());
}
