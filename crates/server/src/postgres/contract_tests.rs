//! Runs the tests that every storage must pass.

use super::PostgresStorage;
use super::testing::{self, expire_leases};
use crate::storage::contract;

async fn create() -> Option<(PostgresStorage, ())> {
    Some((testing::storage().await?, ()))
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_fulfil_the_contract() {
    let restart = async |storage: PostgresStorage, (): &()| {
        expire_leases(&storage).await;
        storage
    };
    contract::imports::check(create, restart).await;
}
