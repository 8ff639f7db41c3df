//! Tests of campaigns that depend on SQLite.

use uuid::Uuid;

use super::SqliteStorage;
use crate::storage::contract::campaigns::{
    FIRST, SECOND, WORKSPACE, answer, check, create, insert_events, waiting,
};
use crate::storage::{CampaignStore, Storage};

#[tokio::test(flavor = "multi_thread")]
async fn campaigns_keep_the_contract() {
    check(async || {
        let directory = tempfile::tempdir().unwrap();
        Some((SqliteStorage::open_in(directory.path()), directory))
    })
    .await;
}

#[tokio::test]
async fn what_is_done_is_not_done_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    insert_events(&storage, WORKSPACE, 3).await;
    let campaign = create(&storage, WORKSPACE, "First campaign", 3).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    storage.store_verdict(claimed.key, 1, answer()).await.unwrap();
    drop(storage);

    let storage = SqliteStorage::open_in(directory.path());
    let claimed = storage.claim_campaign(SECOND).await.unwrap().unwrap();
    // It has made progress since it was claimed last.
    assert_eq!((claimed.id, claimed.attempts), (campaign.id, 1));
    assert_eq!(waiting(&storage, claimed.key).await, ["e0", "e2"]);
}

#[tokio::test]
async fn claims_without_progress_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    create(&storage, WORKSPACE, "First campaign", 1).await;
    for attempts in 1..4 {
        let claimed = storage.claim_campaign(Uuid::from_u128(attempts)).await.unwrap().unwrap();
        assert_eq!(u128::from(claimed.attempts), attempts);
    }
}

#[tokio::test]
async fn a_deleted_campaign_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    insert_events(&storage, WORKSPACE, 300).await;
    let campaign = create(&storage, WORKSPACE, "First campaign", 300).await;
    let claimed = storage.claim_campaign(FIRST).await.unwrap().unwrap();
    storage.store_verdict(claimed.key, 0, answer()).await.unwrap();
    storage.delete_campaign(WORKSPACE, campaign.id).await.unwrap();
    while storage.reclaim().await.unwrap() {}
    let rows = storage.look_up(|connection| {
        let sql =
            "SELECT (SELECT count(*) FROM campaigns) + (SELECT count(*) FROM campaign_events)";
        Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(rows.await.unwrap(), 0);
}

#[tokio::test]
async fn a_reset_removes_campaigns() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open_in(directory.path());
    create(&storage, WORKSPACE, "First campaign", 1).await;
    storage.reset(WORKSPACE).await.unwrap();
    while storage.reclaim().await.unwrap() {}
    let left = storage.look_up(|connection| {
        let sql =
            "SELECT (SELECT count(*) FROM event_annotations) + (SELECT count(*) FROM workspaces)";
        Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(left.await.unwrap(), 0);
}
