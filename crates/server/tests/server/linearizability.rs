//! A linearizability checker: looks for a sequential order of concurrent operations in which each takes effect between its call and
//! its return. Uses the search by Wing and Gong with Lowe's cache of visited states.

use std::collections::HashSet;
use std::hash::Hash;

/// An operation with its response, and the logical times of its call and return.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    pub called: u64,
    pub returned: u64,
    pub value: T,
}

/// Maximum number of operations in a history.
pub const MAX_OPERATIONS: usize = 128;

/// Looks for an order in which every response is valid. `step` returns the state after an operation, or `None` if its response is
/// invalid in the given state.
///
/// # Errors
/// Returns the longest valid order that was found, as indexes into the history.
pub fn linearize<S: Clone + Eq + Hash, T>(
    start: S,
    history: &[Entry<T>],
    step: impl Fn(&S, &T) -> Option<S>,
) -> Result<(), Vec<usize>> {
    assert!(history.len() <= MAX_OPERATIONS);
    let mut visited = HashSet::new();
    let mut longest = Vec::new();
    // Partial orders to extend.
    let mut pending = vec![(start, 0_u128, Vec::new())];
    while let Some((state, done, order)) = pending.pop() {
        if order.len() == history.len() {
            return Ok(());
        }
        if order.len() >= longest.len() {
            longest.clone_from(&order);
        }
        let remaining = || (0..history.len()).filter(|index| done & (1 << index) == 0);
        let first_return = remaining().map(|index| history[index].returned).min();
        for index in remaining() {
            // An operation called after another one returned cannot precede it.
            if Some(history[index].called) > first_return {
                continue;
            }
            let Some(next) = step(&state, &history[index].value) else { continue };
            let done = done | 1 << index;
            if visited.insert((done, next.clone())) {
                let mut order = order.clone();
                order.push(index);
                pending.push((next, done, order));
            }
        }
    }
    Err(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations on a register.
    #[derive(Clone, Debug)]
    enum Register {
        Write(u8),
        Read(u8),
    }
    use Register::{Read, Write};

    fn is_linearizable(history: &[(u64, u64, Register)]) -> bool {
        let history: Vec<_> = history
            .iter()
            .map(|(called, returned, value)| Entry {
                called: *called,
                returned: *returned,
                value: value.clone(),
            })
            .collect();
        let step = |state: &u8, value: &Register| match value {
            Write(number) => Some(*number),
            Read(number) => (number == state).then_some(*state),
        };
        linearize(0, &history, step).is_ok()
    }

    #[test]
    fn concurrent_operations_may_take_effect_in_either_order() {
        for read in [0, 1] {
            assert!(is_linearizable(&[(0, 3, Write(1)), (1, 2, Read(read))]));
        }
        assert!(is_linearizable(&[
            (0, 9, Write(1)),
            (1, 8, Write(2)),
            (2, 3, Read(2)),
            (4, 5, Read(1))
        ]));
    }

    #[test]
    fn reads_of_unwritten_or_overwritten_values_are_not_linearizable() {
        assert!(!is_linearizable(&[(0, 3, Write(1)), (1, 2, Read(2))]));
        assert!(!is_linearizable(&[(0, 1, Write(1)), (2, 3, Read(0))]));
        // The second read returns an older value than the first.
        assert!(!is_linearizable(&[(0, 9, Write(1)), (1, 2, Read(1)), (3, 4, Read(0))]));
        assert!(!is_linearizable(&[
            (0, 9, Write(1)),
            (1, 8, Write(2)),
            (2, 3, Read(2)),
            (4, 5, Read(1)),
            (6, 7, Read(2)),
        ]));
    }
}
