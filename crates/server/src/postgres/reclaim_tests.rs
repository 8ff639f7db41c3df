//! Tests of reclaiming with rows of every table, which are inserted directly.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::PostgresStorage;
use super::database::Database;
use super::testing::{count_rows, execute, servers};
use crate::storage::FileIndex;

/// Inserts objects of every kind into two workspaces: the second one has the rows of the first one and ten more ids per table, so that
/// a step does not remove all rows of the first one.
const FILL: &str = "
    INSERT INTO workspaces (uuid) VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
    INSERT INTO datasets (workspace, uuid, owner, created_at, updated_at, name, description, slug, folded_name, folded_description)
        SELECT w, gen_random_uuid(), gen_random_uuid(), 0, 0, 'name', 'd', 'slug' || n, 'name', 'd'
        FROM generate_series(1, 2) w, generate_series(1, 3) n;
    INSERT INTO runs (dataset, ordinal, size, live) SELECT d, n, 700, 600 FROM generate_series(1, 6) d, generate_series(1, 2) n;
    INSERT INTO records (key, id, created_at, updated_at, source, properties, payload)
        SELECT (r.id << 32) + n, gen_random_uuid(), 0, 0, '', '{}', '{}' FROM runs r, generate_series(0, 699) n WHERE n % 7 > 0;
    INSERT INTO gaps (run, level, block, lost) SELECT r.id, l, b, 1 FROM runs r, generate_series(0, 2) l, generate_series(0, 199) b;
    INSERT INTO tasks (uuid, dataset, number, creator, created_at, updated_at, status, progress)
        SELECT gen_random_uuid(), d, n, gen_random_uuid(), 0, 0, 'RUNNING', 0
        FROM generate_series(1, 6) d, generate_series(1, 20) n;
    INSERT INTO imports (task, workspace, state, source, skipped)
        SELECT t.id, d.workspace, 'RUNNING', 'RECORDS', 0 FROM tasks t JOIN datasets d ON d.id = t.dataset;
    INSERT INTO import_ids (task, first, ids) SELECT t.id, n * 500, '' FROM tasks t, generate_series(0, 19) n;
    INSERT INTO files (workspace, uuid, export, created_at, name, folded_name, bytes, purpose, visibility, signature, deleted_at, erased)
        SELECT w, gen_random_uuid(), false, 0, '', '', 0, '', '', '', 0, true FROM generate_series(1, 2) w, generate_series(1, 700) n;
    INSERT INTO file_totals (workspace, listed, stored, bytes) VALUES (1, 0, 0, 0), (2, 0, 0, 0);
    INSERT INTO conversations (workspace, name, messages)
        SELECT w, n::text, '[]' FROM generate_series(1, 2) w, generate_series(1, 700) n;
    INSERT INTO events (workspace, name, created_at, nb_messages, extra_fields)
        SELECT w, n::text, n, 0, '{}' FROM generate_series(1, 2) w, generate_series(1, 700) n;
    INSERT INTO judges (workspace, uuid, owner, created_at, updated_at, name, folded_name, model_name, output_type, definition)
        SELECT w, gen_random_uuid(), gen_random_uuid(), 0, 0, n::text, '', '', '', '{}'
        FROM generate_series(1, 2) w, generate_series(1, 700) n;
    INSERT INTO campaigns (workspace, uuid, name)
        SELECT w, gen_random_uuid(), '' FROM generate_series(1, 2) w, generate_series(1, 30) n;
    INSERT INTO campaign_events (campaign, ordinal, event) SELECT c.id, n, '' FROM campaigns c, generate_series(1, 40) n;
    INSERT INTO event_annotations (workspace, judge, name)
        SELECT w, gen_random_uuid(), '' FROM generate_series(1, 2) w, generate_series(1, 700) n;
";

/// Fills a table with text in all columns that have no default.
fn fill_telemetry(table: &str) -> String {
    format!(
        "DO $$ BEGIN EXECUTE (SELECT 'INSERT INTO {table} (workspace, trace_id, ' || \
         string_agg(column_name, ', ') || ') SELECT w, n::text, ' || string_agg(CASE data_type WHEN 'uuid' THEN 'gen_random_uuid()' \
         WHEN 'bytea' THEN '''''::bytea' WHEN 'text' THEN '''''' ELSE 'n' END, ', ') || \
         ' FROM generate_series(1, 2) w, generate_series(1, 700) n' FROM information_schema.columns \
         WHERE table_name = '{table}' AND is_nullable = 'NO' AND column_name NOT IN ('id', 'workspace', 'trace_id')); END $$"
    )
}

async fn fill(database: &Database) {
    execute(database, FILL).await;
    for table in ["spans", "traces", "logs", "span_evaluations"] {
        execute(database, &fill_telemetry(table)).await;
    }
}

/// Returns the names of all tables with rows that belong to a workspace.
async fn tables(database: &Database) -> BTreeSet<String> {
    let mut connection = database.connection().await.unwrap();
    let transaction = connection.read().await.unwrap();
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
               AND tablename NOT IN ('settings', 'schema_version')";
    let rows = transaction.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn counts(database: &Database) -> Vec<(String, i64)> {
    let mut counts = Vec::new();
    for table in tables(database).await {
        let count = count_rows(database, &table).await;
        counts.push((table, count));
    }
    counts
}

async fn reclaim_all(server: &PostgresStorage) -> usize {
    let mut steps = 0;
    while server.reclaim().await.unwrap() {
        steps += 1;
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_remove_all_rows_of_a_discarded_workspace_together() {
    let Some(servers) = servers::<3>().await else { return };
    let database = &servers[0].database;
    fill(database).await;
    let before = counts(database).await;
    assert!(before.iter().all(|(_, count)| *count > 0), "{before:?}");
    servers[0].reset(Uuid::from_u128(1)).await.unwrap();
    let [a, b, c] = &servers;
    tokio::join!(reclaim_all(a), reclaim_all(b), reclaim_all(c));
    // A server that found everything locked has stopped.
    reclaim_all(a).await;
    for ((table, before), (_, after)) in before.iter().zip(counts(database).await) {
        assert_eq!(after * 2, *before, "{table}");
    }
    assert!(!a.reclaim().await.unwrap());
    // The database server does the rest.
    assert_eq!(a.shrink().await.unwrap(), 0);
    assert!(a.release_space().await.unwrap());
}

#[tokio::test]
async fn a_workspace_is_kept_while_contents_of_its_files_are_stored() {
    let Some([server]) = servers().await else { return };
    let database = &server.database;
    fill(database).await;
    execute(database, "UPDATE files SET erased = false WHERE id = 1").await;
    server.reset(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(reclaim_all(&server).await, 0);
    let discarded = server.discarded_files().await.unwrap();
    server.erase_files(discarded).await.unwrap();
    assert!(reclaim_all(&server).await > 20);
    assert_eq!(count_rows(database, "workspaces").await, 1);
}

#[tokio::test]
async fn deleted_datasets_campaigns_and_ended_imports_are_removed_in_steps() {
    let Some([server]) = servers().await else { return };
    let database = &server.database;
    fill(database).await;
    execute(
        database,
        "UPDATE runs SET abandoned = true WHERE dataset = 1;
         UPDATE datasets SET deleted_at = 1 WHERE id = 1;
         UPDATE campaigns SET deleted_at = 1 WHERE id <= 3;
         UPDATE imports SET state = 'ENDED' WHERE task IN (SELECT id FROM tasks WHERE dataset = 2)",
    )
    .await;
    // The gaps and the records of each run take two steps.
    assert!(reclaim_all(&server).await > 4);
    for (table, left) in [
        ("datasets", 6),
        ("datasets WHERE name = 'name' AND slug LIKE 'slug_'", 5),
        (
            "datasets WHERE name || description || folded_name || folded_description = '' AND slug LIKE '#%'",
            1,
        ),
        ("runs", 10),
        ("records", 10 * 600),
        ("gaps", 10 * 600),
        ("tasks", 100),
        ("imports", 80),
        ("import_ids", 80 * 20),
        ("campaigns", 57),
        ("campaign_events", 57 * 40),
        ("workspaces", 2),
    ] {
        assert_eq!(count_rows(database, table).await, left, "{table}");
    }
}

#[tokio::test]
async fn what_others_have_locked_is_skipped_without_waiting() {
    let Some([server, other]) = servers().await else { return };
    let database = &server.database;
    fill(database).await;
    execute(
        database,
        "UPDATE runs SET abandoned = true WHERE dataset IN (1, 2);
         UPDATE datasets SET deleted_at = 1 WHERE id IN (1, 2);
         UPDATE workspaces SET discarded = true WHERE id = 2",
    )
    .await;
    let mut connection = other.database.connection().await.unwrap();
    let locking = connection.write().await.unwrap();
    // An import that is staging records, one whose task is just ending, and a request in the discarded workspace.
    locking
        .batch_execute(
            "SELECT 1 FROM runs WHERE id = 1 FOR UPDATE; SELECT 1 FROM imports WHERE task = 21 FOR UPDATE;
             SELECT 1 FROM spans WHERE workspace = 2 AND trace_id = '7' FOR UPDATE",
        )
        .await
        .unwrap();
    assert!(reclaim_all(&server).await > 10);
    assert_eq!(count_rows(database, "runs WHERE dataset <= 3").await, 1 + 2);
    assert_eq!(count_rows(database, "tasks WHERE dataset = 2").await, 1);
    assert_eq!(count_rows(database, "datasets WHERE name <> ''").await, 2);
    assert_eq!(count_rows(database, "spans WHERE workspace = 2").await, 1);
    assert_eq!(count_rows(database, "workspaces").await, 2);
    locking.commit().await.unwrap();
    assert!(reclaim_all(&server).await > 3);
    assert_eq!(count_rows(database, "runs").await, 2);
    assert_eq!(count_rows(database, "tasks").await, 20);
    assert_eq!(count_rows(database, "datasets WHERE name <> ''").await, 1);
    assert_eq!(count_rows(database, "workspaces").await, 1);
}
