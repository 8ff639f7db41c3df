//! The storage interface, independent of any database.
//!
//! - The storage assigns ids and timestamps when it writes, so their order is the order in which objects became visible.
//! - A write completes only when it is durable. The only exception is staged records, which become durable when their import
//!   finishes.
//! - Every object belongs to a workspace. Objects of other workspaces are reported as missing.

mod aggregation;
mod campaigns;
#[cfg(test)]
pub(crate) mod contract;
mod counts;
mod datasets;
mod error;
mod event_filter;
mod event_similarity;
mod events;
#[cfg(test)]
mod failing;
mod files;
mod fixtures;
mod health;
mod import_blocks;
mod imports;
mod judges;
pub(crate) mod positions;
mod record_page;
mod records;
mod seed;
mod slug;
mod span_sources;
mod telemetry;
mod telemetry_rows;
mod telemetry_search;
mod trace_origins;
mod trace_summary;

use std::pin::Pin;

pub(crate) use aggregation::{DAY, EXAMINED_ROWS, MAX_VALUE_LENGTH, TimeBuckets};
pub(crate) use campaigns::{
    CampaignEntry, CampaignJudge, CampaignKey, CampaignStore, ClaimedCampaign, NewCampaign,
    Verdict, WaitingEvent,
};
pub(crate) use counts::Counts;
pub(crate) use datasets::{Dataset, DatasetChange, DatasetKey, DatasetStore, NewDataset};
pub(crate) use error::{Missing, StorageError};
pub(crate) use event_filter::{
    EventCondition, EventField, EventFilter, FieldKind, FilterOperator, FilterValue,
    annotation_name, folds_case, is_annotation,
};
#[cfg(feature = "scale-out")]
pub(crate) use event_similarity::COMPARED_CHARACTERS;
pub(crate) use event_similarity::{COMPARED_EVENTS, SimilarEvents};
pub(crate) use events::{
    AnnotationField, EVENT_PAGE_BYTES, EventDetails, EventPage, EventPosition, EventStore,
    EventSummary, ValueCount,
};
#[cfg(test)]
pub(crate) use failing::{FailingStorage, TestLeases};
pub(crate) use files::{ExportedRevision, FileEntry, FileFilter, FileIndex, NewFile, Retention};
pub(crate) use fixtures::{
    Campaign, CampaignEvents, Conversation, Event, EventFields, EventMessages, FixtureStore,
    NewFixtureEvent,
};
pub(crate) use health::{DiskState, Health};
pub(crate) use import_blocks::{IMPORT_BLOCK, StoredSource, decode_import_block};
pub(crate) use imports::{
    Claim, ClaimedImport, ClaimedSource, ImportCounts, ImportPosition, ImportSource, ImportStore,
    NewImport, Progress, QueueLimits, SourceIds, Task, WaitingImports,
};
pub(crate) use judges::{Judge, JudgeFilter, JudgeStore, JudgeWrite, NewJudge};
pub(crate) use record_page::PageWriter;
pub(crate) use records::{
    NewRecord, Record, RecordFormat, RecordHead, RecordPage, RecordStore, RecordStream, Selection,
};
pub(crate) use seed::{Seed, SeedDataset, SeedStore};
pub(crate) use slug::{erased_slug, slug};
pub(crate) use span_sources::{
    AttributeNamespace, FieldMapping, SpanAttributes, SpanMapping, SpanReference, SpanSourceStore,
};
pub(crate) use telemetry::{
    COLUMN_ATTRIBUTES, NewEvaluation, NewEvent, NewLog, NewSpan, Sender, TelemetryStore, Turn,
};
pub(crate) use telemetry_rows::{TelemetryRow, row_columns, table, write_row};
pub(crate) use telemetry_search::{
    Aggregation, AggregationOrder, AggregationResult, AggregationRow, Granularity, TelemetryFilter,
    TelemetryPage, TelemetryPosition, TelemetrySearch, TimeOrder, attribute_column,
};
pub(crate) use trace_origins::Origins as TraceOrigins;
pub(crate) use trace_summary::{
    MAX_NAMED, MAX_SUMMARY_BYTES, TraceSummary, cut, names_from_json, names_to_json,
};

/// The future result of a storage operation.
pub(crate) type Pending<T> =
    Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'static>>;

/// Stores everything except the contents of files.
pub(crate) trait Storage:
    DatasetStore
    + RecordStore
    + ImportStore
    + FileIndex
    + FixtureStore
    + EventStore
    + SpanSourceStore
    + CampaignStore
    + SeedStore
    + TelemetryStore
    + JudgeStore
    + TelemetrySearch
    + Send
    + Sync
{
    /// Returns the key for signing links, or `None` if it was not set yet.
    fn secret(&self) -> Pending<Option<Vec<u8>>>;

    /// Sets the key for signing links, unless it is set already. Returns the key that is stored: that of another server, if both
    /// started at the same time.
    fn set_secret(&self, secret: Vec<u8>) -> Pending<Vec<u8>>;

    /// Removes everything from a workspace. [`reclaim`](Self::reclaim) frees the space. Its files become
    /// [discarded](FileIndex::discarded_files).
    fn reset(&self, workspace: uuid::Uuid) -> Pending<()>;

    /// Returns object counts over all workspaces.
    fn counts(&self) -> Pending<Counts>;

    /// Frees a bounded amount of space held by failed imports, deleted datasets and discarded workspaces. Returns whether
    /// there may be more to free.
    fn reclaim(&self) -> Pending<bool>;

    /// Removes a bounded number of free pages, which contain deleted data, from the database. Returns how many steps like this
    /// one are left, as far as known.
    fn shrink(&self) -> Pending<u64>;

    /// Returns freed space to the operating system and erases the write-ahead log. Returns whether that succeeded; a read in
    /// progress can prevent it for now.
    fn release_space(&self) -> Pending<bool>;

    /// Returns the state of the storage, without reading from the database.
    fn health(&self) -> Health;
}

/// A range of a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The number of results to skip.
    pub(crate) offset: u64,
    /// The maximum number of results.
    pub(crate) limit: u32,
}

/// Part of a listing, and the total number of results.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) count: u64,
    pub(crate) results: Vec<T>,
}

/// Returns the objects up to the one with which they reach `max_bytes`.
pub(crate) fn take_bytes<T>(
    objects: impl Iterator<Item = Result<T, StorageError>>,
    max_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> Result<Vec<T>, StorageError> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for object in objects {
        let object = object?;
        bytes += size(&object);
        taken.push(object);
        if bytes >= max_bytes {
            break;
        }
    }
    Ok(taken)
}

/// Folds case for substring search.
///
/// Characters are folded one by one, so that a folded substring is a substring of the folded text. Both lower-case sigmas
/// become the same character.
pub(crate) fn fold_case(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fold_case;

    #[test]
    fn case_is_folded_independent_of_the_position() {
        assert_eq!(fold_case("Ärger ΟΔΟΣ"), fold_case("äRGER οδοσ"));
        assert!(fold_case("ΟΔΟΣ 1").contains(&fold_case("δος")));
    }
}
