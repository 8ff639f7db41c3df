//! Limits per client address: open connections, and requests with an invalid key.
//!
//! One client could otherwise take all connections of the server, or guess keys as fast as the server responds. Loopback clients are
//! not limited: they share one address, and a local user has better ways to disturb the server.
//!
//! Counts are kept for addresses with open connections, whose number is limited, and for at most [`MAX_ADDRESSES`] addresses that
//! have sent an invalid key within the last minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Limits;

/// How long invalid keys of an address are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// The maximum number of addresses whose invalid keys are counted. The one that has been counted the longest is forgotten first.
const MAX_ADDRESSES: usize = 10_000;

/// The bits of an IPv6 address that identify a network. Within its network, a client can use any address.
const IPV6_NETWORK: u128 = !(u64::MAX as u128);

/// Enforces the limits per client address.
pub(crate) struct AddressLimits {
    max_connections: usize,
    max_failed_keys: usize,
    is_behind_proxy: bool,
    table: Mutex<Table>,
}

/// A client that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client(IpAddr);

#[derive(Default)]
struct Table {
    connections: HashMap<Client, usize>,
    failures: HashMap<Client, Failures>,
}

/// The invalid keys of an address.
struct Failures {
    /// The time of the first one.
    since: Instant,
    count: usize,
}

impl Failures {
    /// Returns the time until they are forgotten.
    fn remaining(&self, now: Instant) -> Duration {
        WINDOW.saturating_sub(now.saturating_duration_since(self.since))
    }
}

/// An open connection. Dropping it frees its slot.
pub(super) struct AddressPermit(Option<(Arc<AddressLimits>, Client)>);

impl AddressLimits {
    /// Behind a proxy, no client is limited.
    pub(crate) fn new(limits: &Limits, is_behind_proxy: bool) -> Self {
        Self {
            max_connections: limits.connections_per_address,
            max_failed_keys: limits.failed_keys,
            is_behind_proxy,
            table: Mutex::default(),
        }
    }

    /// Returns the client with an address, or `None` if it is not limited.
    pub(super) fn client(&self, address: IpAddr) -> Option<Client> {
        let address = address.to_canonical();
        if self.is_behind_proxy || address.is_loopback() {
            return None;
        }
        Some(Client(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
        }))
    }

    /// Reserves a slot for a connection, or returns `None` if the client has too many.
    pub(super) fn connection(self: &Arc<Self>, client: Option<Client>) -> Option<AddressPermit> {
        let Some(client) = client else { return Some(AddressPermit(None)) };
        let mut table = self.table();
        let open = table.connections.get(&client).copied().unwrap_or_default();
        if open >= self.max_connections {
            return None;
        }
        table.connections.insert(client, open + 1);
        Some(AddressPermit(Some((Arc::clone(self), client))))
    }

    /// Returns how long a client may not send keys, or `None` if it may.
    pub(super) fn blocked(&self, client: Option<Client>, now: Instant) -> Option<Duration> {
        let table = self.table();
        let failures = table.failures.get(&client?)?;
        let remaining = failures.remaining(now);
        (failures.count >= self.max_failed_keys && !remaining.is_zero()).then_some(remaining)
    }

    /// Counts an invalid key.
    pub(super) fn key_failed(&self, client: Option<Client>, now: Instant) {
        let Some(client) = client else { return };
        let mut table = self.table();
        let failures = &mut table.failures;
        if let Some(known) = failures.get_mut(&client)
            && !known.remaining(now).is_zero()
        {
            known.count += 1;
            if known.count == self.max_failed_keys {
                tracing::warn!(client = %client.0, "a client has sent too many invalid keys");
            }
            return;
        }
        if failures.len() >= MAX_ADDRESSES {
            failures.retain(|_, known| !known.remaining(now).is_zero());
        }
        if failures.len() >= MAX_ADDRESSES {
            let oldest = failures.iter().min_by_key(|(_, known)| known.since);
            if let Some(oldest) = oldest.map(|(client, _)| *client) {
                failures.remove(&oldest);
            }
        }
        failures.insert(client, Failures { since: now, count: 1 });
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let Some((limits, client)) = self.0.take() else { return };
        let mut table = limits.table();
        if let Some(open) = table.connections.get_mut(&client) {
            *open -= 1;
            if *open == 0 {
                table.connections.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(is_behind_proxy: bool) -> Arc<AddressLimits> {
        let limits = Limits::default().connections_per_address(2).failed_keys(3);
        Arc::new(AddressLimits::new(&limits, is_behind_proxy))
    }

    fn client(limits: &AddressLimits, address: &str) -> Option<Client> {
        limits.client(address.parse().unwrap())
    }

    #[test]
    fn loopback_clients_and_clients_of_a_proxy_are_not_limited() {
        let direct = limits(false);
        for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(client(&direct, address), None, "{address}");
        }
        assert!(client(&direct, "192.0.2.1").is_some());
        assert_eq!(client(&limits(true), "192.0.2.1"), None);
        let permits = Vec::from_iter((0..100).map(|_| direct.connection(None)));
        assert!(permits.iter().all(Option::is_some));
        let now = Instant::now();
        (0..100).for_each(|_| direct.key_failed(None, now));
        assert_eq!(direct.blocked(None, now), None);
    }

    #[test]
    fn addresses_of_the_same_client_are_counted_together() {
        let limits = limits(false);
        let same = |one, other| client(&limits, one) == client(&limits, other);
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn closed_connections_free_their_slot() {
        let limits = limits(false);
        let (one, other) = (client(&limits, "192.0.2.1"), client(&limits, "192.0.2.2"));
        let first = limits.connection(one).unwrap();
        let _second = limits.connection(one).unwrap();
        assert!(limits.connection(one).is_none());
        let theirs = limits.connection(other).unwrap();
        drop(first);
        assert!(limits.connection(one).is_some());
        drop(theirs);
        assert_eq!(limits.table().connections.len(), 1);
    }

    #[test]
    fn too_many_invalid_keys_block_a_client_until_the_minute_is_over() {
        let limits = limits(false);
        let (one, other) = (client(&limits, "192.0.2.1"), client(&limits, "192.0.2.2"));
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for seconds in [0, 10, 20] {
            assert_eq!(limits.blocked(one, after(seconds)), None);
            limits.key_failed(one, after(seconds));
        }
        assert_eq!(limits.blocked(one, after(20)), Some(Duration::from_secs(40)));
        assert_eq!(limits.blocked(one, after(59)), Some(Duration::from_secs(1)));
        assert_eq!(limits.blocked(other, after(59)), None);
        assert_eq!(limits.blocked(one, after(60)), None);
        // Counting starts over.
        limits.key_failed(one, after(60));
        assert_eq!(limits.blocked(one, after(60)), None);
    }

    #[test]
    fn the_number_of_counted_addresses_is_bounded() {
        let limits = limits(false);
        let numbered = |number: u32| limits.client(IpAddr::from((1 << 24 | number).to_be_bytes()));
        let start = Instant::now();
        let at = |number: u32| start + Duration::from_millis(number.into());
        let max = MAX_ADDRESSES as u32;
        (0..max + 10).for_each(|number| limits.key_failed(numbered(number), at(number)));
        assert_eq!(limits.table().failures.len(), MAX_ADDRESSES);
        let is_counted = |number| limits.table().failures.contains_key(&numbered(number).unwrap());
        assert!(!is_counted(9) && is_counted(10) && is_counted(max + 9));
        // Those that are over are forgotten all at once.
        limits.key_failed(numbered(max + 10), at(max + 10) + WINDOW);
        assert_eq!(limits.table().failures.len(), 1);
    }
}
