//! Extends the lease of a campaign as long as it runs.

use std::time::Duration;

use crate::storage::{Missing, Pending, StorageError};

/// A lease is extended this many times before it would end, in case some attempts fail.
const RENEWALS: u32 = 3;

/// Extends a lease until the campaign no longer runs. Does not return if there is no lease.
pub(super) async fn renew(lease: Option<Duration>, renewal: impl Fn() -> Pending<()>) {
    let Some(lease) = lease else { return std::future::pending().await };
    loop {
        tokio::time::sleep(lease / RENEWALS).await;
        match renewal().await {
            Ok(()) => {}
            Err(StorageError::Missing(Missing::Campaign)) => return,
            Err(error) => tracing::debug!(%error, "failed to extend the lease of a campaign"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_lease_is_extended_until_the_campaign_is_lost() {
        let count = Cell::new(0);
        let renewal = || -> Pending<()> {
            count.set(count.get() + 1);
            let result = match count.get() {
                1 | 3 => Ok(()),
                2 => Err(StorageError::TimedOut),
                _ => Err(Missing::Campaign.into()),
            };
            Box::pin(async { result })
        };
        renew(Some(Duration::from_millis(3)), renewal).await;
        assert_eq!(count.get(), 4);
    }

    #[tokio::test]
    async fn nothing_is_extended_without_leases() {
        let renewal = || -> Pending<()> { panic!("extended") };
        let renewing = renew(None, renewal);
        assert!(tokio::time::timeout(Duration::from_millis(20), renewing).await.is_err());
    }
}
