//! How rows are grouped and ordered in aggregations.

use super::{Aggregation, AggregationOrder, Granularity};
use crate::time::Timestamp;

/// The maximum number of time buckets of [`Granularity::Auto`].
const MAX_BUCKETS: i64 = 100;

/// A day in seconds.
pub(crate) const DAY: i64 = 86_400;

/// The lengths of time buckets that [`Granularity::Auto`] chooses from, in seconds. Each is at most 2.5 times the one before.
const LENGTHS: [i64; 26] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    60 * DAY,
    120 * DAY,
    240 * DAY,
];

/// How many of the newest rows the values of a field are taken from.
pub(crate) const EXAMINED_ROWS: i64 = 50_000;

/// The maximum length of a value, in characters. Longer ones are no use as options.
pub(crate) const MAX_VALUE_LENGTH: i64 = 1_000;

/// The time buckets of an aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeBuckets {
    Seconds(i64),
    /// Weeks start on Mondays.
    Weeks,
    Months,
}

impl TimeBuckets {
    /// Returns the buckets of a granularity for a time range.
    pub(crate) fn new(granularity: Granularity, from: Timestamp, to: Timestamp) -> Self {
        match granularity {
            Granularity::Auto => Self::Seconds(automatic_length(from, to)),
            Granularity::Seconds(length) => Self::Seconds(length),
            Granularity::Week => Self::Weeks,
            Granularity::Month => Self::Months,
        }
    }

    /// Returns the length in seconds, unless they are months.
    pub(crate) fn seconds(self) -> Option<i64> {
        match self {
            Self::Seconds(length) => Some(length),
            Self::Weeks => Some(7 * DAY),
            Self::Months => None,
        }
    }
}

fn automatic_length(from: Timestamp, to: Timestamp) -> i64 {
    let seconds = to.seconds() - from.seconds();
    // The first and the last bucket may be incomplete.
    let is_long_enough = |length: &&i64| seconds / **length + 2 <= MAX_BUCKETS;
    let longest = LENGTHS[LENGTHS.len() - 1];
    LENGTHS
        .iter()
        .find(is_long_enough)
        .copied()
        .unwrap_or(longest.max(seconds / (MAX_BUCKETS - 2) + 1))
}

impl Aggregation {
    /// Returns how results are ordered, as the numbers of columns, each with whether it is descending. The columns are the time bucket
    /// if there is one, then the dimensions, then the metric. What the request leaves open is ordered by time, then by descending
    /// metric, then by dimensions.
    pub(crate) fn order_by_columns(&self) -> Vec<(usize, bool)> {
        let first = usize::from(self.granularity.is_some());
        let keys = first + self.dimensions.len();
        let column = |order: AggregationOrder| match order {
            AggregationOrder::Time => 1,
            AggregationOrder::Metric => keys + 1,
            AggregationOrder::Dimension(index) => first + index + 1,
        };
        let requested = self.order.iter().map(|(order, descending)| (column(*order), *descending));
        let time = (first == 1).then_some((1, false));
        let default =
            time.into_iter().chain([(keys + 1, true)]).chain((1..=keys).map(|key| (key, false)));
        let mut terms: Vec<(usize, bool)> = Vec::new();
        for term in requested.chain(default) {
            if terms.iter().all(|(column, _)| *column != term.0) {
                terms.push(term);
            }
        }
        terms
    }
}
