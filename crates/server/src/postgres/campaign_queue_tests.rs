//! Tests of the queue of campaigns with several servers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::campaign_queue::{claim, renew};
use super::testing;
use crate::storage::contract::campaigns::{
    FIRST, OTHER, SECOND, WORKSPACE, answer, create, insert_events, waiting,
};
use crate::storage::{CampaignStore, Missing, StorageError, Verdict};

/// A lease that has ended at once.
const ENDED: Duration = Duration::ZERO;

const LONG: Duration = Duration::from_secs(600);

fn is_lost<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Missing(Missing::Campaign)))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_campaign_runs_on_one_server() {
    let Some(servers) = testing::servers::<2>().await else { return };
    let mut expected = BTreeSet::new();
    for workspace in [WORKSPACE, OTHER] {
        for _ in 0..15 {
            expected.insert(create(&servers[0], workspace, "Some campaign", 1).await.id);
        }
    }
    let claims = (0..40).map(|n| servers[n % 2].claim_campaign([FIRST, SECOND][n % 2]));
    let mut claimed: Vec<Uuid> = Vec::new();
    for claim in join_all(claims).await {
        claimed.extend(claim.unwrap().map(|campaign| campaign.id));
    }
    // Those that were locked at the moment were skipped.
    while let Some(campaign) = servers[0].claim_campaign(FIRST).await.unwrap() {
        claimed.push(campaign.id);
    }
    assert_eq!((claimed.len(), claimed.into_iter().collect()), (30, expected));
}

#[tokio::test]
async fn a_campaign_is_taken_over_when_its_lease_has_ended() {
    let Some([first, second]) = testing::servers().await else { return };
    insert_events(&first, WORKSPACE, 3).await;
    let campaign = create(&first, WORKSPACE, "Some campaign", 3).await;
    let lost = claim(first.database.clone(), FIRST, ENDED).await.unwrap().unwrap();
    // As long as nobody has taken it over, it runs.
    first.store_verdict(lost.key, 0, answer()).await.unwrap();
    let taken = claim(second.database.clone(), SECOND, LONG).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.key.row), (lost.id, lost.key.row));
    assert!(taken.key.epoch > lost.key.epoch);
    assert_eq!(first.claim_campaign(FIRST).await.unwrap(), None);

    // The first server writes nothing any longer.
    assert!(is_lost(&first.store_verdict(lost.key, 1, answer()).await));
    assert!(is_lost(&first.waiting_events(lost.key, None, 9).await));
    assert!(is_lost(&first.renew_campaign(lost.key).await));
    first.end_campaign(lost.key, true).await.unwrap();
    assert_eq!(waiting(&second, taken.key).await, ["e1", "e2"]);

    second.store_verdict(taken.key, 1, answer()).await.unwrap();
    second.store_verdict(taken.key, 2, Verdict::Failed).await.unwrap();
    second.end_campaign(taken.key, false).await.unwrap();
    let status = first.campaign_status(WORKSPACE, campaign.id).await.unwrap();
    assert_eq!(status.as_str(), "COMPLETED");
    assert_eq!(first.claim_campaign(FIRST).await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_can_be_extended_after_its_end() {
    let Some([first, second]) = testing::servers().await else { return };
    create(&first, WORKSPACE, "Some campaign", 1).await;
    let claimed = claim(first.database.clone(), FIRST, ENDED).await.unwrap().unwrap();
    renew(first.database.clone(), claimed.key, LONG).await.unwrap();
    assert_eq!(second.claim_campaign(SECOND).await.unwrap(), None);
    // A server that stops gives its campaigns back.
    first.release_campaigns(FIRST).await.unwrap();
    assert!(is_lost(&first.renew_campaign(claimed.key).await));
    let taken = second.claim_campaign(SECOND).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.attempts), (claimed.id, 1));
}

#[tokio::test]
async fn claims_without_progress_are_counted() {
    let Some(storage) = testing::storage().await else { return };
    create(&storage, WORKSPACE, "Some campaign", 1).await;
    for attempts in 1..4 {
        let claimed = claim(storage.database.clone(), FIRST, ENDED).await.unwrap().unwrap();
        assert_eq!(claimed.attempts, attempts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_two_campaigns_for_the_same_events_are_both_stored() {
    let Some([first, second]) = testing::servers().await else { return };
    insert_events(&first, WORKSPACE, 10).await;
    create(&first, WORKSPACE, "First campaign", 10).await;
    let campaign = create(&first, WORKSPACE, "Second campaign", 10).await;
    let mine = first.claim_campaign(FIRST).await.unwrap().unwrap();
    let other = second.claim_campaign(SECOND).await.unwrap().unwrap();
    let storing = (0..10).flat_map(|n| {
        [
            first.store_verdict(mine.key, n, answer()),
            second.store_verdict(other.key, 9 - n, answer()),
        ]
    });
    join_all(storing).await.into_iter().for_each(Result::unwrap);
    assert!(waiting(&first, mine.key).await.is_empty());
    assert!(waiting(&second, other.key).await.is_empty());
    second.end_campaign(other.key, false).await.unwrap();
    let status = first.campaign_status(WORKSPACE, campaign.id).await.unwrap();
    assert_eq!(status.as_str(), "COMPLETED");
}
