//! Whether what several clients saw can have happened in some order, one after another, of which each operation falls between
//! its call and its return. (After Wing and Gong's search, with Lowe's memory of what was tried.)

use std::collections::HashSet;
use std::hash::Hash;

/// An operation with its response, and when it was called and had returned.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    pub called: u64,
    pub returned: u64,
    pub what: T,
}

/// How many operations a history may have.
pub const MOST: usize = 128;

/// Looks for an order in which each operation's response is what the state then has to answer; `step` returns the state behind
/// an operation, or nothing where the response cannot be.
///
/// # Errors
/// The longest order that was found, as places in the history: none of the operations left fits behind it.
pub fn explain<S: Clone + Eq + Hash, T>(
    start: S,
    history: &[Entry<T>],
    step: impl Fn(&S, &T) -> Option<S>,
) -> Result<(), Vec<usize>> {
    assert!(history.len() <= MOST);
    let mut tried = HashSet::new();
    let mut longest = Vec::new();
    // The orders that are still to be gone on with.
    let mut begun = vec![(start, 0_u128, Vec::new())];
    while let Some((state, done, order)) = begun.pop() {
        if order.len() == history.len() {
            return Ok(());
        }
        if order.len() >= longest.len() {
            longest.clone_from(&order);
        }
        let left = || (0..history.len()).filter(|place| done & (1 << place) == 0);
        let first_return = left().map(|place| history[place].returned).min();
        for place in left() {
            // What was called after another had returned cannot have come before it.
            if Some(history[place].called) > first_return {
                continue;
            }
            let Some(next) = step(&state, &history[place].what) else { continue };
            let done = done | 1 << place;
            if tried.insert((done, next.clone())) {
                let mut order = order.clone();
                order.push(place);
                begun.push((next, done, order));
            }
        }
    }
    Err(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations on one number.
    #[derive(Clone, Debug)]
    enum Number {
        Write(u8),
        Read(u8),
    }
    use Number::{Read, Write};

    fn is_explained(history: &[(u64, u64, Number)]) -> bool {
        let history: Vec<_> = history
            .iter()
            .map(|(called, returned, what)| Entry {
                called: *called,
                returned: *returned,
                what: what.clone(),
            })
            .collect();
        let step = |state: &u8, what: &Number| match what {
            Write(number) => Some(*number),
            Read(number) => (number == state).then_some(*state),
        };
        explain(0, &history, step).is_ok()
    }

    #[test]
    fn what_runs_at_the_same_time_may_come_in_either_order() {
        for read in [0, 1] {
            assert!(is_explained(&[(0, 3, Write(1)), (1, 2, Read(read))]));
        }
        assert!(is_explained(&[
            (0, 9, Write(1)),
            (1, 8, Write(2)),
            (2, 3, Read(2)),
            (4, 5, Read(1))
        ]));
    }

    #[test]
    fn what_nobody_wrote_or_is_overwritten_is_not_explained() {
        assert!(!is_explained(&[(0, 3, Write(1)), (1, 2, Read(2))]));
        assert!(!is_explained(&[(0, 1, Write(1)), (2, 3, Read(0))]));
        // The second reader goes back behind what the first has seen.
        assert!(!is_explained(&[(0, 9, Write(1)), (1, 2, Read(1)), (3, 4, Read(0))]));
        assert!(!is_explained(&[
            (0, 9, Write(1)),
            (1, 8, Write(2)),
            (2, 3, Read(2)),
            (4, 5, Read(1)),
            (6, 7, Read(2)),
        ]));
    }
}
