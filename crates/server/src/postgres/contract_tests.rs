//! Runs the tests that every storage must pass.

use super::{PostgresStorage, testing};
use crate::storage::contract;

async fn create() -> Option<(PostgresStorage, ())> {
    Some((testing::storage().await?, ()))
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
