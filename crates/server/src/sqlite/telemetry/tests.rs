use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use uuid::Uuid;

use crate::sqlite::{Snapshot, SqliteStorage};
use crate::storage::*;
use crate::time::Timestamp;

const SENDER: Sender = Sender { workspace: Uuid::from_u128(1), user: Uuid::from_u128(2) };

fn span(trace: u8, id: u8) -> NewSpan {
    NewSpan {
        trace_id: format!("{trace:032x}"),
        span_id: format!("{id:016x}"),
        start_time: i64::from(id) * 1_000,
        end_time: i64::from(id) * 2_000,
        span_kind: "Internal",
        status_code: "Unset",
        span_attributes: "{}".to_owned(),
        resource_attributes: "{}".to_owned(),
        ..NewSpan::default()
    }
}

fn chat(trace: u8, id: u8) -> NewSpan {
    NewSpan {
        operation_name: "chat".to_owned(),
        turn: Some(Turn::default()),
        event: Some(NewEvent {
            id: Uuid::from_u128(u128::from(trace) << 8 | u128::from(id)),
            ..NewEvent::default()
        }),
        ..span(trace, id)
    }
}

fn evaluation(trace: u8, span: u8) -> NewLog {
    NewLog {
        trace_id: format!("{trace:032x}"),
        span_id: format!("{span:016x}"),
        evaluation: Some(NewEvaluation { metadata: "{}".to_owned(), ..NewEvaluation::default() }),
        ..NewLog::default()
    }
}

/// Returns the values of a query as text, one row a line.
async fn query(storage: &SqliteStorage, sql: impl Into<String>) -> Vec<String> {
    let sql = sql.into();
    let rows = storage.read(move |connection: &Connection| {
        let mut statement = connection.prepare(&sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values = (0..columns).map(|column| Ok(format!("{:?}", row.get_ref(column)?)));
            Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
        })?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
    });
    rows.await.unwrap()
}

async fn count(storage: &SqliteStorage, table: &str) -> usize {
    query(storage, format!("SELECT 1 FROM {table}")).await.len()
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

/// Inserts the spans in batches and returns the summary of their trace.
async fn summary(spans: &[NewSpan], batch: usize) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    for spans in spans.chunks(batch) {
        storage.insert_spans(SENDER, spans.to_vec()).await.unwrap();
    }
    // Only when the spans arrived differs.
    let forget =
        |connection: &Connection| Ok(connection.execute("UPDATE traces SET arrived_at = 0", [])?);
    storage.write(forget).await.unwrap();
    query(&storage, "SELECT * FROM traces").await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_summary_does_not_depend_on_the_order_of_arrival(
        (spans, shuffled) in arbitrary_spans()
            .prop_flat_map(|spans| (Just(spans.clone()), Just(spans).prop_shuffle())),
        batch in 1_usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (first, second) = runtime
            .block_on(async { (summary(&spans, spans.len()).await, summary(&shuffled, batch).await) });
        prop_assert_eq!(first.len(), 1);
        prop_assert_eq!(first, second);
    }
}

#[tokio::test]
async fn the_root_is_the_first_span_without_a_parent() {
    let child = |id, parent: u8, start| NewSpan {
        parent_span_id: format!("{parent:016x}"),
        span_name: format!("child {id}"),
        start_time: start,
        end_time: 100,
        conversation_id: format!("conversation {id}"),
        ..span(1, id)
    };
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let root = "SELECT root_span_name, conversation_id, duration_ns, span_count FROM traces";
    storage.insert_spans(SENDER, vec![child(3, 2, 50), child(2, 1, 20)]).await.unwrap();
    let expected = r#"Text("child 2")|Text("conversation 2")|Integer(80)|Integer(2)"#;
    assert_eq!(query(&storage, root).await, [text(expected)]);
    // The clock of the root's machine may be late.
    let parent =
        NewSpan { span_name: "root".to_owned(), start_time: 30, end_time: 120, ..span(1, 1) };
    storage.insert_spans(SENDER, vec![parent]).await.unwrap();
    let expected = r#"Text("root")|Text("conversation 2")|Integer(100)|Integer(3)"#;
    assert_eq!(query(&storage, root).await, [text(expected)]);
}

/// Text is shown as its bytes.
fn text(expected: &str) -> String {
    let parts = expected.split('|').map(|part| match part.strip_prefix("Text(\"") {
        Some(text) => format!("Text({:?})", text.trim_end_matches("\")").as_bytes()),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("|")
}

#[tokio::test]
async fn a_span_is_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let spans = || vec![chat(1, 1), chat(1, 2), chat(1, 1)];
    storage.insert_spans(SENDER, spans()).await.unwrap();
    storage.insert_spans(SENDER, spans()).await.unwrap();
    let other = Sender { workspace: Uuid::from_u128(9), ..SENDER };
    storage.insert_spans(other, vec![chat(1, 1)]).await.unwrap();
    assert_eq!((count(&storage, "spans").await, count(&storage, "events").await), (3, 3));
    let counts = query(&storage, "SELECT span_count, llm_call_count FROM traces ORDER BY id").await;
    assert_eq!(counts, ["Integer(2)|Integer(2)", "Integer(1)|Integer(1)"]);
}

#[tokio::test]
async fn evaluations_are_counted_and_get_the_conversation_of_their_span() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let named = |id| NewSpan { conversation_id: "c".to_owned(), ..span(1, id) };
    storage.insert_logs(SENDER, vec![evaluation(1, 1), evaluation(1, 2)]).await.unwrap();
    storage.insert_spans(SENDER, vec![named(1), named(3)]).await.unwrap();
    storage.insert_logs(SENDER, vec![evaluation(1, 3)]).await.unwrap();
    let conversations = "SELECT conversation_id FROM span_evaluations ORDER BY id";
    let expected = ["Text(\"c\")", "Text(\"\")", "Text(\"c\")"].map(text);
    assert_eq!(query(&storage, conversations).await, expected);
    assert_eq!(query(&storage, "SELECT evaluation_count FROM traces").await, ["Integer(3)"]);
}

#[tokio::test]
async fn expired_spans_take_their_events_along() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let storage = SqliteStorage::open_in(directory.path());
    for id in 1..=250_u8 {
        storage.insert_spans(SENDER, vec![chat(1, id), chat(2, id)]).await.unwrap();
    }
    storage.insert_logs(SENDER, vec![evaluation(1, 1)]).await.unwrap();
    let fixture = NewFixtureEvent {
        id: "fixture".to_owned(),
        request_messages: "[]".to_owned(),
        response_messages: "[]".to_owned(),
        extra_fields: "{}".to_owned(),
        fields: EventFields::default(),
    };
    storage.insert_events(SENDER.workspace, vec![fixture]).await.unwrap();
    // What a judge answered goes with the event.
    let annotate = |connection: &Connection| {
        let sql = "UPDATE events SET extra_fields = '{\"__judge_1\":\"secret answer\"}' WHERE span IS NOT NULL";
        Ok(connection.execute(sql, [])?)
    };
    storage.write(annotate).await.unwrap();
    let kept = Timestamp::now().minus(Duration::from_secs(3600));
    assert!(!storage.expire_telemetry(kept).await.unwrap());
    assert_eq!(count(&storage, "spans").await, 500);

    tokio::time::sleep(Duration::from_millis(2)).await;
    let expired = Timestamp::now();
    tokio::time::sleep(Duration::from_millis(2)).await;
    storage.insert_spans(SENDER, vec![chat(2, 251)]).await.unwrap();
    let mut steps = 0;
    while storage.expire_telemetry(expired).await.unwrap() {
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    let mut left = Vec::new();
    for table in ["spans", "events", "traces", "logs", "span_evaluations"] {
        left.push(count(&storage, table).await);
    }
    assert_eq!(left, [1, 2, 1, 0, 0]);
    while storage.reclaim().await.unwrap() {}
    while storage.shrink().await.unwrap() > 0 {}
    assert!(storage.release_space().await.unwrap());
    let file = std::fs::read(path).unwrap();
    assert_eq!(memchr::memmem::find(&file, b"secret answer"), None);
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_stop_expiry() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let spans = (1..=250_u8).map(|id| span(1, id)).collect();
    storage.insert_spans(SENDER, spans).await.unwrap();
    let ahead = |connection: &Connection| {
        Ok(connection.execute("UPDATE spans SET arrived_at = arrived_at * 2", [])?)
    };
    storage.write(ahead).await.unwrap();
    storage.insert_spans(SENDER, vec![span(2, 1)]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    while storage.expire_telemetry(Timestamp::now()).await.unwrap() {}
    // The trace whose spans are left is kept, too.
    assert_eq!((count(&storage, "spans").await, count(&storage, "traces").await), (250, 1));
}

#[tokio::test]
async fn verification_finds_spans_and_events_that_do_not_match() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let storage = SqliteStorage::open_in(directory.path());
    storage.insert_spans(SENDER, vec![chat(1, 1), chat(1, 2), chat(2, 1)]).await.unwrap();
    let findings = || {
        let mut snapshot = Snapshot::open(&path).unwrap().unwrap();
        let verified = snapshot.verify(false, || true, &mut |_, _| {}).unwrap();
        let findings = verified.findings.into_iter();
        findings
            .map(|finding| format!("{}: {}", finding.check, finding.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(findings(), [""; 0]);
    let damage = |connection: &Connection| {
        connection.execute_batch(
            "UPDATE traces SET span_count = 1 WHERE id = 1; DELETE FROM traces WHERE id = 2; \
             UPDATE events SET correlation_id = '' WHERE id = 1",
        )?;
        Ok(())
    };
    storage.write(damage).await.unwrap();
    assert_eq!(
        findings(),
        [
            "traces: belongs to trace 1, which counts 1 spans, but has 2",
            "traces: belongs to a trace that does not exist",
            "events: belongs to another workspace or trace than its span",
        ]
    );
}
