//! Searches of telemetry.

use uuid::Uuid;

use super::{COLUMN_ATTRIBUTES, Pending};
use crate::search::{Aggregate, Entity, Expression, Field, Kind, Target};
use crate::time::Timestamp;

/// Which rows of an entity are meant.
#[derive(Clone, Debug)]
pub(crate) struct TelemetryFilter {
    pub(crate) workspace: Uuid,
    pub(crate) entity: Entity,
    /// The first time that is included.
    pub(crate) from: Option<Timestamp>,
    /// The first time that is excluded.
    pub(crate) to: Option<Timestamp>,
    pub(crate) expression: Option<Expression>,
    /// Only rows of this trace.
    pub(crate) trace_id: Option<String>,
    /// Only the newest evaluation of each span and name in the time range.
    pub(crate) only_latest: bool,
}

impl TelemetryFilter {
    pub(crate) fn new(workspace: Uuid, entity: Entity) -> Self {
        Self {
            workspace,
            entity,
            from: None,
            to: None,
            expression: None,
            trace_id: None,
            only_latest: false,
        }
    }
}

/// Returns the column of text that is the same as an attribute, if there is one. It may have an index.
pub(crate) fn attribute_column(entity: Entity, target: &Target) -> Option<&'static Field> {
    let key = target.key.as_deref().filter(|_| entity == Entity::Spans)?;
    // The stored text of messages may differ from the received one.
    if COLUMN_ATTRIBUTES.iter().any(|(attribute, _)| *attribute == key) {
        return None;
    }
    let is_column = |field: &&Field| {
        let is_of_resource = field.name == "service_name";
        field.source == Some(key)
            && matches!(field.kind, Kind::Text | Kind::Enum)
            && (target.field.name == "resource_attributes") == is_of_resource
    };
    entity.fields().iter().find(is_column)
}

/// How a listing is ordered. Rows with the same time are ordered by when they were inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeOrder {
    NewestFirst,
    OldestFirst,
}

/// The position of a row in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TelemetryPosition {
    /// In nanoseconds.
    pub(crate) time: i64,
    pub(crate) row: i64,
}

/// Some rows of a listing.
#[derive(Debug)]
pub(crate) struct TelemetryPage {
    /// The rows as objects of the API, in an array.
    pub(crate) rows: Vec<u8>,
    /// Where the next page starts, if there are further rows.
    pub(crate) next: Option<TelemetryPosition>,
}

/// What to compute over the rows that match a filter.
#[derive(Clone, Debug)]
pub(crate) struct Aggregation {
    pub(crate) aggregate: Aggregate,
    /// `None` to count rows.
    pub(crate) measure: Option<Target>,
    pub(crate) dimensions: Vec<Target>,
    pub(crate) granularity: Option<Granularity>,
    /// How results are ordered: by these, each with whether it is descending.
    pub(crate) order: Vec<(AggregationOrder, bool)>,
    pub(crate) limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregationOrder {
    Time,
    Metric,
    /// By the dimension with this index.
    Dimension(usize),
}

/// The length of time buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granularity {
    /// Chosen so that there are no more than 100 buckets.
    Auto,
    Seconds(i64),
    /// Weeks start on Mondays.
    Week,
    Month,
}

/// The results of an aggregation.
#[derive(Debug)]
pub(crate) struct AggregationResult {
    pub(crate) rows: Vec<AggregationRow>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The length of time buckets, unless they are months.
    pub(crate) granularity_seconds: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct AggregationRow {
    pub(crate) bucket: Option<Timestamp>,
    /// Values of the dimensions, as JSON.
    pub(crate) dimensions: Vec<String>,
    pub(crate) value: Option<f64>,
}

/// Searches telemetry.
///
/// A search that takes too long fails with [`StorageError::TimedOut`](super::StorageError::TimedOut).
pub(crate) trait TelemetrySearch {
    /// Returns the rows that match a filter: at most `limit` after a position, and no more after those that together reach a few MiB.
    /// Fails if the trace that the filter names does not exist.
    fn search_telemetry(
        &self,
        filter: TelemetryFilter,
        order: TimeOrder,
        after: Option<TelemetryPosition>,
        limit: u32,
    ) -> Pending<TelemetryPage>;

    /// Returns a trace as an object of the API.
    fn trace(&self, workspace: Uuid, trace_id: String) -> Pending<Vec<u8>>;

    /// Returns a span that starts in the time range of the filter as an object of the API.
    fn span(&self, filter: TelemetryFilter, trace_id: String, span_id: String) -> Pending<Vec<u8>>;

    /// Combines the values of the rows that match a filter.
    fn aggregate_telemetry(
        &self,
        filter: TelemetryFilter,
        aggregation: Aggregation,
    ) -> Pending<AggregationResult>;

    /// Returns distinct values of the newest rows that match a filter, most frequent first: at most `limit`.
    fn telemetry_values(
        &self,
        filter: TelemetryFilter,
        target: Target,
        limit: u32,
    ) -> Pending<Vec<String>>;
}
