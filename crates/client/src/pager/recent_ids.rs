//! Remembers the ids of the items that were read last.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::LazyLock;

use uuid::Uuid;

/// The number of ids to remember. It is more than the longest run of prefetched pages has, and less than 1 MB.
pub(super) const CAPACITY: usize = 10_000;

/// What identifies an item: its UUID, or the hash of another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ItemId(u128);

/// Two hash functions, because one has only 64 bits. They are random, so that a server cannot make ids collide.
static HASHES: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);

impl From<Uuid> for ItemId {
    fn from(id: Uuid) -> Self {
        Self(id.as_u128())
    }
}

impl From<&str> for ItemId {
    fn from(id: &str) -> Self {
        let [low, high] = &*HASHES;
        Self(u128::from(high.hash_one(id)) << 64 | u128::from(low.hash_one(id)))
    }
}

/// A bounded set of ids that forgets the oldest ones.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    ids: HashSet<ItemId>,
    /// The same ids, oldest first.
    order: VecDeque<ItemId>,
}

impl RecentIds {
    /// Adds an id. Returns `false` if it is already remembered.
    pub(super) fn insert(&mut self, id: ItemId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten() {
        let mut recent = RecentIds::default();
        let id = |number: usize| ItemId::from(&*number.to_string());
        for number in 0..=CAPACITY {
            assert!(recent.insert(id(number)));
        }
        assert!(!recent.insert(id(1)) && !recent.insert(id(CAPACITY)));
        assert!(recent.insert(id(0)));
        assert_eq!((recent.ids.len(), recent.order.len()), (CAPACITY, CAPACITY));
    }
}
