//! Tests of datasets.

use std::collections::HashSet;

use futures::future::join_all;
use uuid::Uuid;

use super::run;
use crate::storage::{
    Dataset, DatasetChange, DatasetKey, DatasetStore, Missing, NewDataset, StorageError, Window,
};

const WORKSPACE: Uuid = Uuid::from_u128(1);
const OTHER_WORKSPACE: Uuid = Uuid::from_u128(2);
const OWNER: Uuid = Uuid::from_u128(3);

/// Runs the tests of this module.
pub(crate) async fn check<S: DatasetStore, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    run!(
        create,
        a_dataset_is_found_by_id_and_slug,
        datasets_belong_to_a_workspace,
        slugs_are_never_used_again,
        datasets_are_listed_newest_first,
        names_and_descriptions_are_searched,
        names_and_descriptions_are_changed,
        deleted_datasets_are_missing,
        datasets_that_are_created_at_the_same_time_have_different_slugs,
        changes_at_the_same_time_are_all_made,
    );
}

async fn create(storage: &impl DatasetStore, name: &str, description: &str) -> Dataset {
    let (name, description) = (name.to_owned(), description.to_owned());
    let new = NewDataset { name, description, owner: OWNER };
    storage.create_dataset(WORKSPACE, new).await.unwrap()
}

/// Returns the total number of datasets, and the names of those in a window.
async fn list(
    storage: &impl DatasetStore,
    containing: Option<&str>,
    offset: u64,
    limit: u32,
) -> (u64, Vec<String>) {
    let containing = containing.map(str::to_owned);
    let listed = storage.datasets(WORKSPACE, containing, Window { offset, limit }).await.unwrap();
    (listed.count, listed.results.into_iter().map(|dataset| dataset.name).collect())
}

fn is_missing<T>(result: Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Missing(Missing::Dataset)))
}

fn fields(dataset: &Dataset) -> impl PartialEq + std::fmt::Debug + use<> {
    let Dataset { id, created_at, updated_at, name, slug, description, owner, workspace } =
        dataset.clone();
    (id, created_at, updated_at, name, slug, description, owner, workspace)
}

async fn a_dataset_is_found_by_id_and_slug(storage: &impl DatasetStore) {
    let created = create(storage, "Größe & Maß", "Zeile 1\n\"Zeile\" 2 日本").await;
    assert_eq!((&*created.name, &*created.slug), ("Größe & Maß", "grosse-mass"));
    assert_eq!(created.description, "Zeile 1\n\"Zeile\" 2 日本");
    assert_eq!((created.owner, created.workspace), (OWNER, WORKSPACE));
    assert_eq!(created.created_at, created.updated_at);
    create(storage, "Other", "").await;
    for key in [DatasetKey::Id(created.id), DatasetKey::Slug("grosse-mass".to_owned())] {
        let found = storage.dataset(WORKSPACE, key).await.unwrap();
        assert_eq!(fields(&found), fields(&created));
    }
    for key in [
        DatasetKey::Id(Uuid::now_v7()),
        DatasetKey::Slug("Größe & Maß".to_owned()),
        DatasetKey::Slug(created.id.to_string()),
        DatasetKey::Slug("\0".to_owned()),
    ] {
        assert!(is_missing(storage.dataset(WORKSPACE, key).await));
    }
}

async fn datasets_belong_to_a_workspace(storage: &impl DatasetStore) {
    let created = create(storage, "Private", "").await;
    let (id, slug) = (DatasetKey::Id(created.id), DatasetKey::Slug(created.slug.clone()));
    for key in [id, slug] {
        let change = DatasetChange { name: Some("Stolen".to_owned()), description: None };
        assert!(is_missing(storage.dataset(OTHER_WORKSPACE, key.clone()).await));
        assert!(is_missing(storage.update_dataset(OTHER_WORKSPACE, key.clone(), change).await));
        assert!(is_missing(storage.delete_dataset(OTHER_WORKSPACE, key).await));
    }
    let window = Window { offset: 0, limit: 10 };
    let listed = storage.datasets(OTHER_WORKSPACE, None, window).await.unwrap();
    assert_eq!((listed.count, listed.results.len()), (0, 0));
    assert_eq!(list(storage, None, 0, 10).await, (1, vec!["Private".to_owned()]));
    // A slug is only unique within a workspace.
    let new = NewDataset { name: "Private".to_owned(), description: String::new(), owner: OWNER };
    let other = storage.create_dataset(OTHER_WORKSPACE, new).await.unwrap();
    assert_eq!(other.slug, created.slug);
}

async fn slugs_are_never_used_again(storage: &impl DatasetStore) {
    let mut slugs = Vec::new();
    for n in 0..12 {
        let created = create(storage, "Refunds", "").await;
        if n % 3 == 0 {
            let key = DatasetKey::Slug(created.slug.clone());
            storage.delete_dataset(WORKSPACE, key).await.unwrap();
        }
        slugs.push(created.slug);
    }
    let expected: Vec<_> = std::iter::once("refunds".to_owned())
        .chain((2..13).map(|number| format!("refunds-{number}")))
        .collect();
    assert_eq!(slugs, expected);
}

async fn datasets_are_listed_newest_first(storage: &impl DatasetStore) {
    assert_eq!(list(storage, None, 0, 10).await, (0, vec![]));
    for n in 0..5 {
        create(storage, &format!("Set {n}"), "").await;
    }
    let names = |numbers: &[u32]| numbers.iter().map(|n| format!("Set {n}")).collect::<Vec<_>>();
    assert_eq!(list(storage, None, 0, 2).await, (5, names(&[4, 3])));
    assert_eq!(list(storage, None, 3, 5).await, (5, names(&[1, 0])));
    assert_eq!(list(storage, None, 5, 5).await, (5, vec![]));
    assert_eq!(list(storage, None, u64::MAX, 5).await, (5, vec![]));
    assert_eq!(list(storage, None, 0, 0).await, (5, vec![]));
}

async fn names_and_descriptions_are_searched(storage: &impl DatasetStore) {
    create(storage, "Ärger 100%", "").await;
    create(storage, "Other", "enthält ÄRGER").await;
    create(storage, "a_b", "\\").await;
    create(storage, "a-b", "").await;
    for (text, expected) in [
        ("ärger", &["Other", "Ärger 100%"][..]),
        ("0%", &["Ärger 100%"]),
        ("A_B", &["a_b"]),
        ("\\", &["a_b"]),
        ("", &["a-b", "a_b", "Other", "Ärger 100%"]),
        ("nothing", &[]),
    ] {
        let (count, names) = list(storage, Some(text), 0, 10).await;
        assert!(names == *expected, "{text}: {names:?}");
        assert_eq!(count, expected.len() as u64);
    }
    assert_eq!(list(storage, Some("b"), 1, 1).await, (2, vec!["a_b".to_owned()]));
}

async fn names_and_descriptions_are_changed(storage: &impl DatasetStore) {
    let mut before = create(storage, "First", "Text").await;
    let key = DatasetKey::Id(before.id);
    let unchanged = DatasetChange { name: None, description: None };
    let after = storage.update_dataset(WORKSPACE, key.clone(), unchanged).await.unwrap();
    assert_eq!(fields(&after), fields(&before));
    for (name, description) in
        [(Some("Second"), None), (None, Some("New text")), (Some("Third"), Some(""))]
    {
        let change = DatasetChange {
            name: name.map(str::to_owned),
            description: description.map(str::to_owned),
        };
        let after = storage.update_dataset(WORKSPACE, key.clone(), change).await.unwrap();
        assert_eq!(after.name, name.unwrap_or(&before.name));
        assert_eq!(after.description, description.unwrap_or(&before.description));
        // The slug is part of links, so it does not change.
        assert_eq!((&after.slug, after.created_at), (&before.slug, before.created_at));
        assert!(after.updated_at > before.updated_at);
        let found = storage.dataset(WORKSPACE, key.clone()).await.unwrap();
        assert_eq!(fields(&found), fields(&after));
        before = after;
    }
    assert_eq!(list(storage, Some("THIRD"), 0, 10).await, (1, vec!["Third".to_owned()]));
    assert_eq!(list(storage, Some("first"), 0, 10).await, (0, vec![]));
    let unknown = DatasetKey::Id(Uuid::now_v7());
    let unchanged = DatasetChange { name: None, description: None };
    assert!(is_missing(storage.update_dataset(WORKSPACE, unknown, unchanged).await));
}

async fn deleted_datasets_are_missing(storage: &impl DatasetStore) {
    let (kept, deleted) = (create(storage, "Kept", "").await, create(storage, "Old", "").await);
    let (id, slug) = (DatasetKey::Id(deleted.id), DatasetKey::Slug(deleted.slug));
    storage.delete_dataset(WORKSPACE, id.clone()).await.unwrap();
    for key in [id, slug] {
        let change = DatasetChange { name: Some("New".to_owned()), description: None };
        assert!(is_missing(storage.dataset(WORKSPACE, key.clone()).await));
        assert!(is_missing(storage.update_dataset(WORKSPACE, key.clone(), change).await));
        assert!(is_missing(storage.delete_dataset(WORKSPACE, key).await));
    }
    assert_eq!(list(storage, None, 0, 10).await, (1, vec![kept.name.clone()]));
    assert_eq!(list(storage, Some("old"), 0, 10).await, (0, vec![]));
}

async fn datasets_that_are_created_at_the_same_time_have_different_slugs(
    storage: &impl DatasetStore,
) {
    let created = join_all((0..40).map(|_| create(storage, "Same name", ""))).await;
    let slugs: HashSet<_> = created.iter().map(|dataset| &dataset.slug).collect();
    let ids: HashSet<_> = created.iter().map(|dataset| dataset.id).collect();
    assert_eq!((slugs.len(), ids.len()), (40, 40));
    let (count, names) = list(storage, None, 0, 100).await;
    assert_eq!((count, names.len()), (40, 40));
}

async fn changes_at_the_same_time_are_all_made(storage: &impl DatasetStore) {
    let dataset = create(storage, "Name", "").await;
    let key = DatasetKey::Id(dataset.id);
    let changes = (0..20).map(|n| {
        let (text, is_name) = (n.to_string(), n % 2 == 0);
        let change = if is_name {
            DatasetChange { name: Some(text), description: None }
        } else {
            DatasetChange { name: None, description: Some(text) }
        };
        storage.update_dataset(WORKSPACE, key.clone(), change)
    });
    let changed = join_all(changes).await;
    let times: HashSet<_> =
        changed.iter().map(|changed| changed.as_ref().unwrap().updated_at.micros()).collect();
    assert_eq!(times.len(), 20);
    let found = storage.dataset(WORKSPACE, key.clone()).await.unwrap();
    assert!(found.name.parse::<u32>().unwrap() % 2 == 0);
    assert!(found.description.parse::<u32>().unwrap() % 2 == 1);
    // Of several deletes, one finds the dataset.
    let deletes = (0..8).map(|_| storage.delete_dataset(WORKSPACE, key.clone()));
    let deleted = join_all(deletes).await;
    assert_eq!(deleted.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(list(storage, None, 0, 10).await, (0, vec![]));
}
