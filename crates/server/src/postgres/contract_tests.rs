//! Runs the tests that every storage must pass.

use super::{PostgresStorage, testing};
use crate::storage::contract::{campaigns, event_filters, events, fixtures, judges, seeds};

async fn create() -> Option<(PostgresStorage, ())> {
    Some((testing::storage().await?, ()))
}

#[tokio::test(flavor = "multi_thread")]
async fn fixtures_keep_the_contract() {
    fixtures::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_keep_the_contract() {
    events::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_filters_keep_the_contract() {
    event_filters::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn judges_keep_the_contract() {
    judges::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaigns_keep_the_contract() {
    campaigns::check(create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_keep_the_contract() {
    seeds::check(create).await;
}
