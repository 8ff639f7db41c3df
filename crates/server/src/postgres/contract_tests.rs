//! Runs the tests that every storage must pass.

use super::testing::{self, TestDatabase, count_rows, expire_leases};
use super::{PostgresStorage, schema};
use crate::storage::contract::{self, Upkeep};
use crate::storage::{DiskState, Health};

impl Upkeep for PostgresStorage {
    async fn rows(&self, table: &'static str) -> i64 {
        count_rows(&self.database, table).await
    }
}

async fn create() -> Option<(PostgresStorage, ())> {
    Some((testing::storage().await?, ()))
}

/// Creates a storage in a database that sorts text like a language.
async fn create_with_language() -> Option<(PostgresStorage, ())> {
    let test = TestDatabase::with_language().await?;
    schema::migrate(test.database()).await.unwrap();
    Some((PostgresStorage::new(test.another_pool()), ()))
}

#[tokio::test(flavor = "multi_thread")]
async fn settings() {
    contract::settings::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test]
async fn health_needs_no_query() {
    let Some(storage) = testing::storage().await else { return };
    let mut connection = storage.database.connection().await.unwrap();
    let _transaction = connection.write().await.unwrap();
    let expected =
        Health { disk: DiskState::Writable, free_bytes: None, wal_bytes: 0, pending_writes: 1 };
    assert_eq!(storage.health(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports() {
    let restart = async |storage: PostgresStorage, (): &()| {
        expire_leases(&storage).await;
        storage
    };
    contract::imports::check(create, restart).await;
    contract::imported_records::check(create).await;
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
async fn campaigns() {
    contract::campaigns::check(create).await;
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
