//! Tests with two servers, and of what other storages do differently.

use futures::future::join_all;

use super::super::testing::{self, TestDatabase};
use super::super::{PostgresStorage, schema};
use crate::search::Entity;
use crate::storage::contract::telemetry::{SENDER, chat, evaluation, rows, span};
use crate::storage::*;
use crate::time::Timestamp;

/// Returns a number that a query results in.
async fn number(storage: &PostgresStorage, sql: &str) -> i64 {
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.read().await.unwrap();
    transaction.query_typed_one(sql, &[]).await.unwrap().get(0)
}

async fn count(storage: &PostgresStorage, table: &str) -> i64 {
    number(storage, &format!("SELECT count(*) FROM {table}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_can_insert_spans_of_one_trace() {
    let Some(test) = TestDatabase::empty().await else { return };
    schema::migrate(test.database()).await.unwrap();
    let servers = [(); 2].map(|()| PostgresStorage::new(test.another_pool()));
    let requests = (0..20_u8).map(|number| {
        let mut spans: Vec<_> =
            (number..number + 20).flat_map(|id| [chat(2, id), chat(1, id)]).collect();
        spans.rotate_left(usize::from(number));
        let server = &servers[usize::from(number) % 2];
        async move {
            server.insert_spans(SENDER, spans).await.unwrap();
            server
                .insert_logs(SENDER, vec![evaluation(1, number), evaluation(2, number)])
                .await
                .unwrap();
        }
    });
    join_all(requests).await;
    for server in &servers {
        assert_eq!((count(server, "spans").await, count(server, "events").await), (78, 78));
        for trace in rows(server, SENDER.workspace, Entity::Traces, "").await {
            assert_eq!(
                (&trace["span_count"], &trace["evaluation_count"]),
                (&39.into(), &20.into())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_can_expire_telemetry() {
    let Some(test) = TestDatabase::empty().await else { return };
    schema::migrate(test.database()).await.unwrap();
    let servers = [(); 2].map(|()| PostgresStorage::new(test.another_pool()));
    for trace in 0..8 {
        let spans = (0..=255).map(|id| chat(trace, id)).collect();
        servers[0].insert_spans(SENDER, spans).await.unwrap();
        servers[0].insert_logs(SENDER, vec![evaluation(trace, 1); 100]).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let now = Timestamp::now();
    let expire = |server: &PostgresStorage| {
        let server = PostgresStorage::new(server.database.clone());
        async move { while server.expire_telemetry(now).await.unwrap() {} }
    };
    join_all(servers.iter().chain(&servers).map(expire)).await;
    // Who found everything locked has left it to the others.
    for table in ["spans", "events", "traces", "logs", "span_evaluations"] {
        assert_eq!(count(&servers[1], table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn events_are_stored_and_expire_with_their_spans() {
    let Some(storage) = testing::storage().await else { return };
    let spans = || vec![chat(1, 1), chat(1, 2), chat(1, 1), span(1, 3)];
    storage.insert_spans(SENDER, spans()).await.unwrap();
    storage.insert_spans(SENDER, spans()).await.unwrap();
    let of_spans = "SELECT count(*) FROM events e JOIN spans s ON s.id = e.span AND s.trace_id = e.correlation_id";
    assert_eq!((count(&storage, "events").await, number(&storage, of_spans).await), (2, 2));
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    while storage.expire_telemetry(Timestamp::now()).await.unwrap() {}
    assert_eq!(count(&storage, "events").await, 0);
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_stop_expiry() {
    let Some(storage) = testing::storage().await else { return };
    storage.insert_spans(SENDER, (0..=200).map(|id| span(1, id)).collect()).await.unwrap();
    let connection = storage.database.connection().await.unwrap();
    let ahead = "UPDATE spans SET arrived_at = arrived_at * 2 WHERE start_time < 100000";
    connection.execute_alone(ahead).await.unwrap();
    storage.insert_spans(SENDER, vec![span(2, 1)]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    while storage.expire_telemetry(Timestamp::now()).await.unwrap() {}
    // The trace whose spans are left is kept, too.
    assert_eq!((count(&storage, "spans").await, count(&storage, "traces").await), (100, 1));
}

#[tokio::test]
async fn updates_of_a_trace_do_not_touch_its_indexes() {
    let Some(storage) = testing::storage().await else { return };
    for id in 0..20 {
        storage.insert_spans(SENDER, vec![span(1, id)]).await.unwrap();
    }
    let sql = "SELECT pg_stat_get_xact_tuples_updated('traces'::regclass), pg_stat_get_xact_tuples_hot_updated('traces'::regclass)";
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.write().await.unwrap();
    let update = "UPDATE traces SET span_count = 0, arrived_at = arrived_at + 1";
    transaction.batch_execute(update).await.unwrap();
    let row = transaction.query_typed_one(sql, &[]).await.unwrap();
    let (updated, in_place): (i64, i64) = (row.get(0), row.get(1));
    // Except when the page is full.
    assert!(updated >= 39 && in_place * 4 >= updated * 3, "{in_place} of {updated}");
}
