//! Runs the tests that every storage must pass.

use tempfile::TempDir;

use super::SqliteStorage;
use crate::storage::contract;

async fn create() -> Option<(SqliteStorage, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    Some((SqliteStorage::open_in(directory.path()), directory))
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
