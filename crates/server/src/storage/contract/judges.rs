//! Tests of [`JudgeStore`].

use futures::future::join_all;
use uuid::Uuid;

use super::run;
use crate::storage::{
    CampaignJudge, CampaignStore, Judge, JudgeFilter, JudgeStore, JudgeWrite, Missing, NewCampaign,
    NewJudge, QueueLimits, StorageError, Window,
};

const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const OWNER: Uuid = Uuid::from_u128(3);
const ALL: Window = Window { offset: 0, limit: 100 };

/// Runs all tests.
pub(crate) async fn check<S: JudgeStore + CampaignStore, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        a_judge_is_created_changed_and_deleted,
        names_are_unique_in_a_workspace,
        one_of_several_judges_with_one_name_is_created,
        a_judge_that_a_campaign_uses_can_be_left_as_it_is,
        judges_are_filtered_and_paged_newest_first,
    );
}

fn new(name: &str) -> NewJudge {
    NewJudge {
        name: name.to_owned(),
        model_name: "small".to_owned(),
        output_type: "CLASSIFICATION",
        definition: format!("{{\"name\": \"{name}\"}}"),
    }
}

async fn create<S: JudgeStore>(storage: &S, workspace: Uuid, judge: NewJudge) -> Judge {
    match storage.create_judge(workspace, OWNER, judge).await.unwrap() {
        JudgeWrite::Done(judge) => judge,
        other => panic!("{other:?}"),
    }
}

async fn is_missing<S: JudgeStore>(storage: &S, workspace: Uuid, id: Uuid) -> bool {
    matches!(storage.judge(workspace, id).await, Err(StorageError::Missing(Missing::Judge)))
}

async fn a_judge_is_created_changed_and_deleted<S: JudgeStore>(storage: &S) {
    let created = create(storage, WORKSPACE, new("First")).await;
    assert_eq!((created.owner, created.workspace), (OWNER, WORKSPACE));
    let found = storage.judge(WORKSPACE, created.id).await.unwrap();
    assert_eq!(found.definition, r#"{"name": "First"}"#);
    assert_eq!((found.id, found.created_at, found.owner), (created.id, created.created_at, OWNER));
    let unchanged = storage.update_judge(WORKSPACE, created.id, new("First"), true).await.unwrap();
    assert!(matches!(unchanged, JudgeWrite::Unchanged));
    let changed = storage.update_judge(WORKSPACE, created.id, new("Second"), true).await.unwrap();
    let JudgeWrite::Done(changed) = changed else { panic!("{changed:?}") };
    assert!(changed.updated_at > created.updated_at && changed.created_at == created.created_at);
    let found = storage.judge(WORKSPACE, created.id).await.unwrap();
    assert_eq!((&*found.definition, found.updated_at), (&*changed.definition, changed.updated_at));
    assert!(is_missing(storage, OTHER, created.id).await);
    assert!(storage.delete_judge(OTHER, created.id).await.is_err());
    storage.delete_judge(WORKSPACE, created.id).await.unwrap();
    assert!(is_missing(storage, WORKSPACE, created.id).await);
    assert!(storage.delete_judge(WORKSPACE, created.id).await.is_err());
    let updated = storage.update_judge(WORKSPACE, created.id, new("Third"), false).await;
    assert!(matches!(updated, Err(StorageError::Missing(Missing::Judge))));
}

async fn names_are_unique_in_a_workspace<S: JudgeStore>(storage: &S) {
    let first = create(storage, WORKSPACE, new("First")).await;
    let second = create(storage, WORKSPACE, new("Second")).await;
    create(storage, OTHER, new("First")).await;
    let taken = storage.create_judge(WORKSPACE, OWNER, new("First")).await.unwrap();
    assert!(matches!(taken, JudgeWrite::NameTaken));
    let taken = storage.update_judge(WORKSPACE, second.id, new("First"), false).await.unwrap();
    assert!(matches!(taken, JudgeWrite::NameTaken));
    // The name of a deleted judge is free.
    storage.delete_judge(WORKSPACE, first.id).await.unwrap();
    let renamed = storage.update_judge(WORKSPACE, second.id, new("First"), false).await.unwrap();
    assert!(matches!(renamed, JudgeWrite::Done(_)));
    create(storage, WORKSPACE, new("Second")).await;
}

async fn one_of_several_judges_with_one_name_is_created<S: JudgeStore>(storage: &S) {
    let creating = (0..8).map(|_| storage.create_judge(WORKSPACE, OWNER, new("First")));
    let created: Vec<_> = join_all(creating).await.into_iter().map(Result::unwrap).collect();
    let is_done = |write: &&JudgeWrite| matches!(write, JudgeWrite::Done(_));
    assert_eq!(created.iter().filter(is_done).count(), 1);
    assert_eq!(storage.judges(WORKSPACE, JudgeFilter::default(), ALL).await.unwrap().count, 1);
}

async fn a_judge_that_a_campaign_uses_can_be_left_as_it_is<S: JudgeStore + CampaignStore>(
    storage: &S,
) {
    let judge = create(storage, WORKSPACE, new("First")).await;
    let campaign = NewCampaign {
        name: "Campaign".to_owned(),
        description: String::new(),
        owner: OWNER,
        max_events: 1,
        search_params: "{}".to_owned(),
        judge: CampaignJudge {
            id: judge.id,
            name: "First".to_owned(),
            options: None,
            copy: "{}".to_owned(),
        },
        event_ids: vec!["e".to_owned()],
    };
    let campaign = storage.create_campaign(WORKSPACE, campaign, QueueLimits::NONE).await.unwrap();
    let update = async |name, unless_used| {
        storage.update_judge(WORKSPACE, judge.id, new(name), unless_used).await.unwrap()
    };
    assert!(matches!(update("Second", true).await, JudgeWrite::InUse));
    assert!(matches!(update("Second", false).await, JudgeWrite::Done(_)));
    storage.delete_campaign(WORKSPACE, campaign.id).await.unwrap();
    assert!(matches!(update("Third", true).await, JudgeWrite::Done(_)));
}

async fn judges_are_filtered_and_paged_newest_first<S: JudgeStore>(storage: &S) {
    for (name, model, output_type) in [
        ("Été 1", "small", "CLASSIFICATION"),
        ("ÉTÉ 2", "large", "REGRESSION"),
        ("other", "small", "REGRESSION"),
        ("100%", "it's", "REGRESSION"),
    ] {
        let judge = NewJudge { model_name: model.to_owned(), output_type, ..new(name) };
        create(storage, WORKSPACE, judge).await;
    }
    let names = async |containing: Option<&str>, types: &[&str], models: &[&str], window| {
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let filter = JudgeFilter {
            containing: containing.map(str::to_owned),
            types: strings(types),
            models: strings(models),
        };
        let listed = storage.judges(WORKSPACE, filter, window).await.unwrap();
        let name = |judge: &Judge| judge.definition[10..judge.definition.len() - 2].to_owned();
        (listed.count, listed.results.iter().map(name).collect::<Vec<_>>().join(","))
    };
    assert_eq!(names(None, &[], &[], ALL).await, (4, "100%,other,ÉTÉ 2,Été 1".to_owned()));
    assert_eq!(names(Some("été"), &[], &[], ALL).await, (2, "ÉTÉ 2,Été 1".to_owned()));
    assert_eq!(names(Some("%"), &[], &[], ALL).await, (1, "100%".to_owned()));
    assert_eq!(names(Some(""), &["REGRESSION"], &["small"], ALL).await, (1, "other".to_owned()));
    assert_eq!(names(None, &[], &["large", "it's"], ALL).await, (2, "100%,ÉTÉ 2".to_owned()));
    let window = Window { offset: 1, limit: 2 };
    assert_eq!(names(None, &[], &[], window).await, (4, "other,ÉTÉ 2".to_owned()));
    let window = Window { offset: u64::MAX, limit: 2 };
    assert_eq!(names(None, &[], &[], window).await, (4, String::new()));
    assert_eq!(storage.judges(OTHER, JudgeFilter::default(), ALL).await.unwrap().count, 0);
}
