use std::time::Duration;

use rusqlite::Connection;
use uuid::Uuid;

use crate::sqlite::{Snapshot, SqliteStorage};
use crate::storage::contract::telemetry::{SENDER, chat, evaluation, span};
use crate::storage::*;
use crate::time::Timestamp;

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

#[tokio::test]
async fn an_event_is_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    let spans = || vec![chat(1, 1), chat(1, 2), chat(1, 1)];
    storage.insert_spans(SENDER, spans()).await.unwrap();
    storage.insert_spans(SENDER, spans()).await.unwrap();
    let other = Sender { workspace: Uuid::from_u128(9), ..SENDER };
    storage.insert_spans(other, vec![chat(1, 1)]).await.unwrap();
    assert_eq!((count(&storage, "spans").await, count(&storage, "events").await), (3, 3));
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
