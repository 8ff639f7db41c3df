//! Remembers the ids of the items that were read last.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

/// The number of ids to remember. It is more than the longest run of prefetched pages has, and less than 1 MB.
pub(super) const CAPACITY: usize = 10_000;

/// A bounded set of ids that forgets the oldest ones.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    ids: HashSet<Uuid>,
    /// The same ids, oldest first.
    order: VecDeque<Uuid>,
}

impl RecentIds {
    /// Adds an id. Returns `false` if it is already remembered.
    pub(super) fn insert(&mut self, id: Uuid) -> bool {
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
        let id = |number: usize| Uuid::from_u128(number as u128);
        for number in 0..=CAPACITY {
            assert!(recent.insert(id(number)));
        }
        assert!(!recent.insert(id(1)) && !recent.insert(id(CAPACITY)));
        assert!(recent.insert(id(0)));
        assert_eq!((recent.ids.len(), recent.order.len()), (CAPACITY, CAPACITY));
    }
}
