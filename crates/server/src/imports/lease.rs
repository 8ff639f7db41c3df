//! Extends the lease of an import as long as a server works on it.

use std::future::pending;
use std::time::Duration;

use crate::storage::{Claim, Pending, Storage, StorageError};

/// A lease is extended this many times before it would end, in case some attempts fail.
const RENEWALS: u32 = 3;

/// Runs work on an import. Drops it and returns `None` if another server takes the import over meanwhile.
pub(super) async fn while_claimed<T>(
    storage: &dyn Storage,
    claim: Claim,
    work: impl Future<Output = T>,
) -> Option<T> {
    while_renewed(storage.import_lease(), || storage.renew_import(claim), work).await
}

/// Extends the lease of an import that is stuck until the task has ended. Returns at once if the storage has no leases.
pub(super) async fn keep_stuck(storage: &dyn Storage, claim: Claim) {
    if let Some(lease) = storage.import_lease() {
        renew(lease, || storage.renew_import(claim)).await;
    }
}

async fn while_renewed<T>(
    lease: Option<Duration>,
    renewal: impl Fn() -> Pending<()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let lost = async {
        match lease {
            Some(lease) => renew(lease, renewal).await,
            None => pending().await,
        }
    };
    tokio::select! {
        // The import may have ended while its lease was extended.
        biased;
        result = work => Some(result),
        () = lost => None,
    }
}

/// Extends a lease until the claim is lost.
async fn renew(lease: Duration, renewal: impl Fn() -> Pending<()>) {
    loop {
        tokio::time::sleep(lease / RENEWALS).await;
        match renewal().await {
            Ok(()) => {}
            Err(StorageError::ClaimLost) => return,
            Err(error) => tracing::debug!(%error, "failed to extend the lease of an import"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LEASE: Duration = Duration::from_millis(30);

    /// Runs work that ends after `renewals` renewals. The renewal with the number `lost` loses the claim; others fail at intervals.
    async fn run(lease: Option<Duration>, renewals: u32, lost: u32) -> (Option<u32>, u32) {
        let count = Cell::new(0);
        let renewal = || -> Pending<()> {
            count.set(count.get() + 1);
            let result = match count.get() {
                n if n == lost => Err(StorageError::ClaimLost),
                n if n % 2 == 0 => Err(StorageError::TimedOut),
                _ => Ok(()),
            };
            Box::pin(async { result })
        };
        let work = async {
            while lease.is_some() && count.get() < renewals {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            42
        };
        (while_renewed(lease, renewal, work).await, count.get())
    }

    #[tokio::test]
    async fn the_lease_is_extended_until_the_work_ends() {
        assert_eq!(run(Some(LEASE), 5, 100).await, (Some(42), 5));
    }

    #[tokio::test]
    async fn the_work_is_dropped_when_the_claim_is_lost() {
        assert_eq!(run(Some(LEASE), 100, 4).await, (None, 4));
    }

    #[tokio::test]
    async fn nothing_is_extended_without_leases() {
        assert_eq!(run(None, 0, 1).await, (Some(42), 0));
    }
}
