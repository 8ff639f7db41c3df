//! Tests of settings.

use futures::future::join_all;

use super::{Upkeep, run};

/// Runs the tests of this module.
pub(crate) async fn check<S: Upkeep, G>(create: impl AsyncFn() -> Option<(S, G)>) {
    run!(create, servers_that_start_together_get_the_same_key);
}

async fn servers_that_start_together_get_the_same_key(storage: &impl Upkeep) {
    assert_eq!(storage.secret().await.unwrap(), None);
    let keys = join_all((0..8).map(|n| storage.set_secret(vec![n; 32]))).await;
    let keys: Vec<Vec<u8>> = keys.into_iter().map(Result::unwrap).collect();
    assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 32), "{keys:?}");
    assert_eq!(storage.set_secret(vec![9]).await.unwrap(), keys[0]);
    assert_eq!(storage.secret().await.unwrap().as_ref(), Some(&keys[0]));
}
