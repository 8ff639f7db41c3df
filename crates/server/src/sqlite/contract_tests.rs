//! Runs the tests that every storage must pass.

use tempfile::TempDir;

use super::SqliteStorage;
use crate::storage::contract::{event_filters, events, fixtures, judges, seeds};

async fn create() -> Option<(SqliteStorage, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    Some((SqliteStorage::open_in(directory.path()), directory))
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
async fn seeds_keep_the_contract() {
    seeds::check(create).await;
}
