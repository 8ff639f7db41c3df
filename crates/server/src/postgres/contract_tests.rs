//! Runs the tests that every storage must pass.

use super::{PostgresStorage, testing};
use crate::storage::contract;

async fn create() -> Option<(PostgresStorage, ())> {
    Some((testing::storage().await?, ()))
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
}
