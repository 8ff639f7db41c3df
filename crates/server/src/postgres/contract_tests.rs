//! Runs the tests that every storage must pass.

use super::testing::{self, TestDatabase};
use super::{PostgresStorage, schema};
use crate::storage::contract;

async fn create() -> Option<(PostgresStorage, ())> {
    Some((testing::storage().await?, ()))
}

/// Creates a storage in a database that sorts text like a language.
async fn create_with_language() -> Option<(PostgresStorage, ())> {
    let test = TestDatabase::with_language().await?;
    schema::migrate(test.database()).await.unwrap();
    Some((PostgresStorage { database: test.another_pool() }, ()))
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
async fn telemetry_with_the_collation_of_a_language() {
    contract::telemetry_filter::check(create_with_language).await;
    contract::telemetry_search::check(create_with_language).await;
    contract::telemetry_aggregation::check(create_with_language).await;
}
