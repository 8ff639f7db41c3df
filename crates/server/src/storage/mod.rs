//! What the server keeps, behind traits in which nothing of a database shows.
//!
//! A storage gives ids and times itself, at the moment of writing, so that their order is the order in which things
//! became visible. A write is answered only when it is durable. Everything belongs to a workspace, and what belongs to
//! another one is answered as if it were not there.

mod counts;
mod datasets;
mod error;
#[cfg(test)]
mod failing;
mod files;
mod fixtures;
mod imports;
mod records;
mod seed;

use std::pin::Pin;

pub(crate) use counts::Counts;
pub(crate) use datasets::{Dataset, DatasetChange, DatasetKey, DatasetStore, NewDataset};
pub(crate) use error::{Missing, StorageError};
#[cfg(test)]
pub(crate) use failing::FailingStorage;
pub(crate) use files::{FileEntry, FileFilter, FileIndex, NewFile};
pub(crate) use fixtures::{Campaign, CampaignEvents, Conversation, Event, FixtureStore};
pub(crate) use imports::{ImportCounts, ImportStore, Progress, Task};
pub(crate) use records::{
    NewRecord, Record, RecordStore, RecordView, RecordVisitor, RecordWriter, WrittenRecords,
};
pub(crate) use seed::{Seed, SeedDataset, SeedStore};

/// What a storage answers in its time.
pub(crate) type Pending<T> =
    Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'static>>;

/// Everything the server keeps, but for the contents of files.
pub(crate) trait Storage:
    DatasetStore + RecordStore + ImportStore + FileIndex + FixtureStore + SeedStore + Send + Sync
{
    /// Random bytes that stay the same as long as the data does, to sign links with.
    fn secret(&self) -> Pending<Vec<u8>>;

    /// Empties a workspace at once; the space is given back by [`reclaim`](Self::reclaim). Answers which files'
    /// contents are no longer needed.
    fn reset(&self, workspace: uuid::Uuid) -> Pending<Vec<uuid::Uuid>>;

    /// How much there is.
    fn counts(&self) -> Pending<Counts>;

    /// Gives back a bounded amount of space that unfinished imports and emptied workspaces still take; answers whether
    /// there is more to do.
    fn reclaim(&self) -> Pending<bool>;
}

/// Part of a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// How many results come before it.
    pub(crate) offset: u64,
    /// How many it holds at most.
    pub(crate) limit: u32,
}

/// Part of a listing, and how long the listing is in all.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) count: u64,
    pub(crate) results: Vec<T>,
}

/// Text as it is searched: without a difference between capitals and small letters.
///
/// Every character goes by itself, so that the folding of a part is the part of the folding, and the two small sigmas
/// are one.
pub(crate) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn folding_takes_case_away_wherever_a_character_stands() {
        assert_eq!(folded("Ärger ΟΔΟΣ"), folded("äRGER οδοσ"));
        assert!(folded("ΟΔΟΣ 1").contains(&folded("δος")));
    }
}
