//! Runs the tests that every storage must pass.

use super::SqliteStorage;
use crate::storage::contract::{self, Upkeep};
use tempfile::TempDir;

impl Upkeep for SqliteStorage {
    async fn rows(&self, table: &'static str) -> i64 {
        let count = self.read(move |connection| {
            let sql = format!("SELECT count(*) FROM {table}");
            Ok(connection.query_row(&sql, [], |row| row.get(0))?)
        });
        count.await.unwrap()
    }
}

async fn create() -> Option<(SqliteStorage, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    Some((SqliteStorage::open_in(directory.path()), directory))
}

#[tokio::test]
async fn settings() {
    contract::settings::check(create).await;
}

#[tokio::test]
async fn files() {
    contract::files::check(create).await;
    contract::file_listing::check(create).await;
    contract::exports::check(create).await;
    contract::exports::check_with_imports(create).await;
}

#[tokio::test]
async fn counts() {
    contract::counts::check(create).await;
    contract::counts::check_with_imports(create).await;
}

#[tokio::test]
async fn reclaim() {
    contract::reclaim::check(create).await;
    contract::reclaim::check_with_imports(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry() {
    contract::telemetry::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_filters() {
    contract::telemetry_filter::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_searches() {
    contract::telemetry_search::check(create).await;
    contract::telemetry_aggregation::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fixtures() {
    contract::fixtures::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events() {
    contract::events::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_filters() {
    contract::event_filters::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn judges() {
    contract::judges::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds() {
    contract::seeds::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets() {
    contract::datasets::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records() {
    contract::records::check(create).await;
    contract::concurrent_records::check(create).await;
    contract::record_model::check(create).await;
    contract::record_stream::check(create).await;
}
