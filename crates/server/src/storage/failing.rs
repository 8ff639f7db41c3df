//! A storage wrapper for tests whose writes fail on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use uuid::Uuid;

use super::*;

/// A storage whose writes fail, as if fsync failed, while a flag is set. Reads still succeed.
pub(crate) struct FailingStorage {
    inner: Arc<dyn Storage>,
    fails: Arc<AtomicBool>,
    leases: Option<TestLeases>,
}

/// Leases of imports, which the wrapped storage may not have, and how often they were extended.
#[derive(Clone)]
pub(crate) struct TestLeases {
    pub(crate) duration: std::time::Duration,
    pub(crate) renewals: Arc<AtomicUsize>,
}

impl FailingStorage {
    /// Wraps a storage. Writes fail while `fails` is true.
    pub(crate) fn new(inner: Arc<dyn Storage>, fails: Arc<AtomicBool>) -> Self {
        Self { inner, fails, leases: None }
    }

    /// Claims that the storage is shared, so that the leases of imports have to be extended.
    pub(crate) fn with_leases(self, leases: TestLeases) -> Self {
        Self { leases: Some(leases), ..self }
    }

    /// Runs a write, unless writes fail.
    fn unless_failing<T: Send + 'static>(&self, write: impl FnOnce() -> Pending<T>) -> Pending<T> {
        if self.fails.load(Ordering::SeqCst) {
            let error = std::io::Error::other("injected fsync failure");
            return Box::pin(async { Err(StorageError::Failed(error.into())) });
        }
        write()
    }
}

/// Forwards methods to the wrapped storage. Those marked `writes` fail while the flag is set.
macro_rules! forward {
    ($($kind:ident fn $name:ident(&$me:ident $(, $argument:ident: $ty:ty)*) -> $answer:ty;)+) => {
        $(fn $name(&$me $(, $argument: $ty)*) -> Pending<$answer> {
            forward!(@$kind $me $name($($argument),*))
        })+
    };
    (@reads $me:ident $name:ident($($argument:ident),*)) => { $me.inner.$name($($argument),*) };
    (@writes $me:ident $name:ident($($argument:ident),*)) => {
        $me.unless_failing(|| $me.inner.$name($($argument),*))
    };
}

impl DatasetStore for FailingStorage {
    forward! {
        writes fn create_dataset(&self, workspace: Uuid, new: NewDataset) -> Dataset;
        reads fn dataset(&self, workspace: Uuid, key: DatasetKey) -> Dataset;
        reads fn datasets(&self, workspace: Uuid, containing: Option<String>, window: Window) -> Listed<Dataset>;
        writes fn update_dataset(&self, workspace: Uuid, key: DatasetKey, change: DatasetChange) -> Dataset;
        writes fn delete_dataset(&self, workspace: Uuid, key: DatasetKey) -> ();
    }
}

impl RecordStore for FailingStorage {
    forward! {
        writes fn create_record(&self, workspace: Uuid, dataset: DatasetKey, new: NewRecord) -> Record;
        reads fn read_records(&self, workspace: Uuid, selection: Selection, format: RecordFormat, body: Vec<u8>, max_bytes: usize) -> Option<RecordPage>;
        reads fn stream_records(&self, workspace: Uuid, selection: Selection, format: RecordFormat, body: Vec<u8>, stall_timeout: std::time::Duration) -> RecordStream;
        reads fn records_by_id(&self, workspace: Uuid, ids: Vec<Uuid>, max_bytes: usize) -> Vec<Record>;
        reads fn require_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> ();
        writes fn replace_payload(&self, workspace: Uuid, id: Uuid, payload: String) -> ();
        writes fn replace_properties(&self, workspace: Uuid, id: Uuid, properties: String) -> ();
        writes fn delete_records(&self, workspace: Uuid, ids: Vec<Uuid>) -> ();
    }
}

impl ImportStore for FailingStorage {
    fn import_lease(&self) -> Option<std::time::Duration> {
        let duration = self.leases.as_ref().map(|leases| leases.duration);
        duration.or_else(|| self.inner.import_lease())
    }

    fn renew_import(&self, claim: Claim) -> Pending<()> {
        if let Some(leases) = &self.leases {
            leases.renewals.fetch_add(1, Ordering::SeqCst);
        }
        self.unless_failing(|| self.inner.renew_import(claim))
    }

    forward! {
        writes fn queue_import(&self, new: NewImport, limits: QueueLimits) -> Task;
        writes fn release_import(&self, task: Uuid) -> ();
        writes fn block_import(&self, task: Uuid) -> ();
        writes fn claim_import(&self, claimant: Uuid) -> Option<ClaimedImport>;
        reads fn waiting_imports(&self) -> WaitingImports;
        reads fn import_ids(&self, task: Uuid, done: u64) -> SourceIds;
        reads fn task(&self, workspace: Uuid, dataset: DatasetKey, id: Uuid) -> Task;
        reads fn tasks(&self, workspace: Uuid, dataset: DatasetKey, window: Window) -> Listed<Task>;
        writes fn stage_records(&self, claim: Claim, records: Vec<NewRecord>, end: ImportPosition, progress: Progress) -> ();
        writes fn finish_import(&self, claim: Claim, last_records: Vec<NewRecord>, counts: ImportCounts) -> ();
        writes fn fail_import(&self, claim: Claim, message: String) -> ();
    }
}

impl FileIndex for FailingStorage {
    forward! {
        writes fn add_file(&self, workspace: Uuid, new: NewFile) -> FileEntry;
        reads fn file(&self, workspace: Uuid, id: Uuid) -> FileEntry;
        reads fn files(&self, workspace: Uuid, filter: FileFilter, window: Window) -> Listed<FileEntry>;
        writes fn delete_file(&self, workspace: Uuid, id: Uuid) -> ();
        writes fn reuse_export(&self, workspace: Uuid, dataset: Uuid, expires: crate::time::Timestamp) -> Option<FileEntry>;
        writes fn discard_export(&self, id: Uuid) -> ();
        reads fn linked_file(&self, id: Uuid) -> FileEntry;
        reads fn workspace_of_file(&self, id: Uuid) -> Uuid;
        reads fn orphaned_contents(&self, ids: Vec<Uuid>) -> Vec<Uuid>;
        writes fn expire_files(&self, retention: Retention) -> bool;
        reads fn discarded_files(&self) -> Vec<Uuid>;
        writes fn erase_files(&self, ids: Vec<Uuid>) -> ();
    }
}

impl FixtureStore for FailingStorage {
    forward! {
        writes fn insert_events(&self, workspace: Uuid, events: Vec<NewFixtureEvent>) -> ();
        writes fn insert_conversations(&self, workspace: Uuid, conversations: Vec<Conversation>) -> ();
        writes fn insert_campaign(&self, workspace: Uuid, campaign: Campaign) -> ();
        reads fn events(&self, workspace: Uuid, ids: Vec<String>, max_bytes: usize) -> Vec<Event>;
        reads fn conversations(&self, workspace: Uuid, ids: Vec<String>, max_bytes: usize) -> Vec<Conversation>;
        reads fn require_events(&self, workspace: Uuid, ids: Vec<String>) -> ();
        reads fn require_conversations(&self, workspace: Uuid, ids: Vec<String>) -> ();
        reads fn campaign_events(&self, workspace: Uuid, campaign: Uuid) -> CampaignEvents;
    }
}

impl EventStore for FailingStorage {
    forward! {
        reads fn search_events(&self, workspace: Uuid, filter: EventFilter, after: Option<EventPosition>, limit: u32) -> EventPage;
        reads fn search_event_ids(&self, workspace: Uuid, filter: EventFilter, limit: u32) -> Vec<String>;
        reads fn event_details(&self, workspace: Uuid, id: String) -> EventDetails;
        reads fn similar_events(&self, workspace: Uuid, id: String, limit: usize) -> Vec<EventSummary>;
        reads fn count_event_values(&self, workspace: Uuid, field: EventField, filter: EventFilter, limit: u32) -> Vec<ValueCount>;
        reads fn annotation_fields(&self, workspace: Uuid) -> Vec<AnnotationField>;
    }
}

impl CampaignStore for FailingStorage {
    fn campaign_lease(&self) -> Option<std::time::Duration> {
        self.inner.campaign_lease()
    }

    forward! {
        writes fn create_campaign(&self, workspace: Uuid, new: NewCampaign, limits: QueueLimits) -> CampaignEntry;
        reads fn campaign(&self, workspace: Uuid, id: Uuid) -> CampaignEntry;
        reads fn campaigns(&self, workspace: Uuid, containing: Option<String>, window: Window) -> Listed<CampaignEntry>;
        reads fn campaign_status(&self, workspace: Uuid, id: Uuid) -> mistral_datasets_types::TaskStatus;
        reads fn selected_events(&self, workspace: Uuid, id: Uuid, window: Window) -> Listed<EventSummary>;
        writes fn delete_campaign(&self, workspace: Uuid, id: Uuid) -> ();
        writes fn claim_campaign(&self, claimant: Uuid) -> Option<ClaimedCampaign>;
        writes fn renew_campaign(&self, campaign: CampaignKey) -> ();
        writes fn release_campaigns(&self, claimant: Uuid) -> ();
        reads fn waiting_events(&self, campaign: CampaignKey, after: Option<i64>, limit: u32) -> Vec<WaitingEvent>;
        writes fn store_verdict(&self, campaign: CampaignKey, ordinal: i64, verdict: Verdict) -> ();
        writes fn end_campaign(&self, campaign: CampaignKey, broke_off: bool) -> ();
    }
}

impl SpanSourceStore for FailingStorage {
    forward! {
        reads fn existing_spans(&self, workspace: Uuid, references: Vec<SpanReference>) -> Vec<SpanReference>;
        reads fn span_attributes(&self, workspace: Uuid, references: Vec<SpanReference>, max_bytes: usize) -> Vec<SpanAttributes>;
    }
}

impl SeedStore for FailingStorage {
    forward! {
        writes fn insert_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> ();
        writes fn reset_to_seed(&self, workspace: Uuid, owner: Uuid, seed: Arc<Seed>) -> ();
    }
}

impl Storage for FailingStorage {
    forward! {
        reads fn secret(&self) -> Option<Vec<u8>>;
        writes fn set_secret(&self, secret: Vec<u8>) -> Vec<u8>;
        writes fn reset(&self, workspace: Uuid) -> ();
        reads fn counts(&self) -> Counts;
        writes fn reclaim(&self) -> bool;
        writes fn shrink(&self) -> u64;
        writes fn release_space(&self) -> bool;
    }

    fn health(&self) -> Health {
        let health = self.inner.health();
        match self.fails.load(Ordering::SeqCst) {
            true => Health { disk: DiskState::Failed, ..health },
            false => health,
        }
    }
}

impl TelemetryStore for FailingStorage {
    forward! {
        writes fn insert_spans(&self, sender: Sender, spans: Vec<NewSpan>) -> ();
        writes fn insert_logs(&self, sender: Sender, logs: Vec<NewLog>) -> ();
        writes fn sync_telemetry(&self) -> ();
        writes fn expire_telemetry(&self, arrived_before: crate::time::Timestamp) -> bool;
    }
}

impl JudgeStore for FailingStorage {
    forward! {
        writes fn create_judge(&self, workspace: Uuid, owner: Uuid, new: NewJudge) -> JudgeWrite;
        reads fn judge(&self, workspace: Uuid, id: Uuid) -> Judge;
        reads fn judges(&self, workspace: Uuid, filter: JudgeFilter, window: Window) -> Listed<Judge>;
        writes fn update_judge(&self, workspace: Uuid, id: Uuid, new: NewJudge, unless_used: bool) -> JudgeWrite;
        writes fn delete_judge(&self, workspace: Uuid, id: Uuid) -> ();
    }
}

impl TelemetrySearch for FailingStorage {
    forward! {
        reads fn search_telemetry(
            &self, filter: TelemetryFilter, order: TimeOrder, after: Option<TelemetryPosition>, limit: u32
        ) -> TelemetryPage;
        reads fn trace(&self, workspace: Uuid, trace_id: String) -> Vec<u8>;
        reads fn span(&self, filter: TelemetryFilter, trace_id: String, span_id: String) -> Vec<u8>;
        reads fn aggregate_telemetry(&self, filter: TelemetryFilter, aggregation: Aggregation) -> AggregationResult;
        reads fn telemetry_values(&self, filter: TelemetryFilter, target: crate::search::Target, limit: u32) -> Vec<String>;
    }
}
