//! Tests of listing uploaded files.

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::exports::new_dataset;
use super::files::{WORKSPACE, add, expired, file, in_an_hour, list, listed};
use super::{Upkeep, run};
use crate::storage::{DatasetStore, ExportedRevision, FileFilter, FileIndex, NewFile};
use crate::time::Timestamp;

/// Runs the tests of this module.
pub(crate) async fn check<S: FileIndex + DatasetStore + Upkeep, G>(
    create: impl AsyncFn() -> Option<(S, G)>,
) {
    run!(
        create,
        pages_are_exact_with_deleted_and_expired_files,
        names_and_purposes_are_searched,
        files_are_listed_in_the_order_in_which_they_appear,
        a_reset_workspace_has_no_files,
    );
}

/// Compares pages at every depth with the expected ones. `visible` has the oldest file first.
async fn check_pages(storage: &impl FileIndex, visible: &[Uuid], step: usize) {
    let total = visible.len();
    for offset in (0..=total).step_by(step).chain([total.saturating_sub(1), total + 1]) {
        let page = list(storage, FileFilter::default(), offset, 5).await;
        let expected: Vec<_> = visible.iter().rev().skip(offset).take(5).copied().collect();
        let found: Vec<_> = page.results.iter().map(|file| file.id).collect();
        assert_eq!((page.count, found), (total as u64, expected), "offset {offset}");
    }
    let count = list(storage, FileFilter::default(), 0, 0).await;
    assert_eq!((count.count, count.results.len()), (total as u64, 0));
}

async fn pages_are_exact_with_deleted_and_expired_files(storage: &(impl FileIndex + DatasetStore)) {
    let mut visible: Vec<Uuid> = Vec::new();
    let mut random = StdRng::seed_from_u64(7);
    let dataset = new_dataset(storage).await;
    check_pages(storage, &visible, 1).await;
    for round in 0..200 {
        match random.random_range(0..10) {
            0 => {
                let export = Some(ExportedRevision { dataset, revision: 0 });
                add(storage, NewFile { export, ..file(Some(in_an_hour())) }).await;
            }
            1 | 2 => {
                add(storage, file(Some(Timestamp::now()))).await;
            }
            3 | 4 if !visible.is_empty() => {
                let deleted = visible.remove(random.random_range(0..visible.len()));
                storage.delete_file(WORKSPACE, deleted).await.unwrap();
            }
            _ => visible.push(add(storage, file(None)).await),
        }
        if round % 50 == 0 {
            check_pages(storage, &visible, 7).await;
        }
    }
    check_pages(storage, &visible, 1).await;
    while storage.expire_files(expired(Timestamp::now())).await.unwrap() {}
    check_pages(storage, &visible, 1).await;
    while let Some(deleted) = visible.pop() {
        storage.delete_file(WORKSPACE, deleted).await.unwrap();
    }
    check_pages(storage, &visible, 1).await;
    visible.push(add(storage, file(None)).await);
    check_pages(storage, &visible, 1).await;
}

async fn names_and_purposes_are_searched(storage: &impl FileIndex) {
    let mut ids = Vec::new();
    for (name, purpose) in [
        ("Ärger.jsonl", "batch"),
        ("100%_ärger", "fine-tune"),
        ("ΟΔΟΣ", "batch"),
        ("gone ärger", "batch"),
    ] {
        let new = NewFile { name: name.to_owned(), purpose: purpose.to_owned(), ..file(None) };
        ids.push(add(storage, new).await);
    }
    storage.delete_file(WORKSPACE, ids[3]).await.unwrap();
    let past = NewFile { name: "ärger".to_owned(), ..file(Some(Timestamp::now())) };
    add(storage, past).await;
    for (containing, purpose, expected) in [
        (Some("äRGER"), None, vec![1, 0]),
        (Some("ärger"), Some("batch"), vec![0]),
        (None, Some("batch"), vec![2, 0]),
        (None, Some("BATCH"), vec![]),
        (Some("%_"), None, vec![1]),
        (Some("δος"), None, vec![2]),
        (Some("a\0b"), Some("\0"), vec![]),
        (Some(""), None, vec![2, 1, 0]),
    ] {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let filter = FileFilter { containing: text(containing), purpose: text(purpose) };
        let expected: Vec<_> = expected.into_iter().map(|index: usize| ids[index]).collect();
        let found = list(storage, filter.clone(), 0, 10).await;
        let found_ids: Vec<_> = found.results.iter().map(|file| file.id).collect();
        assert_eq!(
            (found.count, found_ids),
            (expected.len() as u64, expected.clone()),
            "{filter:?}"
        );
        // The count does not depend on the page.
        let page = list(storage, filter.clone(), 1, 1).await;
        let page_ids: Vec<_> = page.results.iter().map(|file| file.id).collect();
        let second = expected.iter().skip(1).take(1).copied().collect();
        assert_eq!((page.count, page_ids), (expected.len() as u64, second), "{filter:?}");
    }
}

/// A file never appears behind one that was listed before, so a client that reads pages while files are added misses none.
async fn files_are_listed_in_the_order_in_which_they_appear(storage: &impl FileIndex) {
    let adding = join_all((0..8).map(async |_| {
        for _ in 0..15 {
            add(storage, file(None)).await;
        }
    }));
    let looking = async {
        let mut seen = Vec::new();
        while seen.len() < 120 {
            let now = listed(storage).await;
            assert!(now.ends_with(&seen), "{now:?} after {seen:?}");
            seen = now;
        }
    };
    tokio::join!(adding, looking);
}

async fn a_reset_workspace_has_no_files(storage: &(impl FileIndex + Upkeep)) {
    for _ in 0..3 {
        add(storage, file(None)).await;
    }
    storage.reset(WORKSPACE).await.unwrap();
    assert!(listed(storage).await.is_empty());
    assert_eq!(storage.counts().await.unwrap().files, 0);
    let new = add(storage, file(None)).await;
    assert_eq!(listed(storage).await, [new]);
    assert_eq!(storage.counts().await.unwrap().files, 1);
}
