//! Counts of unknown keys that a bulk call ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The maximum number of different keys that a report lists.
const MAX_LISTED_KEYS: usize = 100;

/// How often each unknown key was ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnknownKeyCounts {
    total: u64,
    by_key: BTreeMap<String, u64>,
}

impl UnknownKeyCounts {
    /// Counts an ignored key.
    pub(crate) fn add(&mut self, key: String) {
        self.total += 1;
        if let Some(count) = self.by_key.get_mut(&key) {
            *count += 1;
        } else if self.by_key.len() < MAX_LISTED_KEYS {
            self.by_key.insert(key, 1);
        }
    }

    /// Returns how many keys were ignored.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Returns how often each of the first 100 different keys was ignored.
    pub(crate) fn by_key(&self) -> &BTreeMap<String, u64> {
        &self.by_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_listed_keys_is_limited() {
        let mut counts = UnknownKeyCounts::default();
        for number in 0..1_000 {
            counts.add("metadata".to_owned());
            counts.add(format!("key-{number}"));
        }
        assert_eq!((counts.total(), counts.by_key().len()), (2_000, MAX_LISTED_KEYS));
        assert_eq!(counts.by_key()["metadata"], 1_000);
    }
}
