//! Storage of chat completion events, as far as the API reads them.

use mistral_datasets_types::skip;
use uuid::Uuid;

use super::{EventField, EventFilter, EventMessages, Pending, is_annotation};
use crate::time::Timestamp;

/// A page of events ends with the one that reaches this size in bytes.
pub(crate) const EVENT_PAGE_BYTES: usize = 4 << 20;

/// An event without its messages. Arrays and objects are JSON; a value that the event does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EventSummary {
    /// Orders events with the same time.
    pub(crate) row: i64,
    pub(crate) id: String,
    pub(crate) created_at: Timestamp,
    pub(crate) correlation_id: Option<String>,
    pub(crate) model_name: Option<String>,
    pub(crate) total_time_elapsed: Option<f64>,
    pub(crate) input_tokens: Option<i64>,
    pub(crate) output_tokens: Option<i64>,
    pub(crate) message_count: i64,
    pub(crate) api_agent_id: Option<String>,
    pub(crate) invoked_tools: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) first_system_message: Option<String>,
    pub(crate) last_user_message_preview: Option<String>,
    pub(crate) response_messages_preview: Option<String>,
    pub(crate) enabled_tools: Option<String>,
    /// Further fields of a fixture, and annotations: an object.
    pub(crate) extra_fields: String,
}

impl EventSummary {
    /// Returns the approximate size in bytes.
    pub(crate) fn size(&self) -> usize {
        let texts = [
            &self.correlation_id,
            &self.model_name,
            &self.api_agent_id,
            &self.invoked_tools,
            &self.metadata,
            &self.first_system_message,
            &self.last_user_message_preview,
            &self.response_messages_preview,
            &self.enabled_tools,
        ];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        size_of::<Self>() + self.id.len() + self.extra_fields.len() + texts
    }

    pub(crate) fn position(&self) -> EventPosition {
        EventPosition { created_at: self.created_at, row: self.row }
    }

    /// Removes all extra fields but the annotations. Those of a fixture may be large.
    pub(crate) fn with_annotations_only(mut self) -> Self {
        let mut annotations = String::from("{");
        for (name, value) in skip::fields(&self.extra_fields) {
            if is_annotation(name.trim_start_matches('"')) {
                if annotations.len() > 1 {
                    annotations.push(',');
                }
                annotations.extend([name, ":", value]);
            }
        }
        annotations.push('}');
        self.extra_fields = annotations;
        self
    }
}

/// A complete event.
#[derive(Clone, Debug)]
pub(crate) struct EventDetails {
    pub(crate) summary: EventSummary,
    pub(crate) messages: EventMessages,
}

impl EventDetails {
    /// Returns the approximate size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.summary.size() + self.messages.bytes()
    }
}

/// The position of an event in a listing, which is ordered by time, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventPosition {
    pub(crate) created_at: Timestamp,
    pub(crate) row: i64,
}

/// Some events of a listing.
#[derive(Debug)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<EventSummary>,
    /// Where the next page starts, if there are further events.
    pub(crate) next: Option<EventPosition>,
}

impl EventPage {
    /// Creates a page of the first `limit` events. `events` has one more if there is a next page, or ends where it reaches
    /// [`EVENT_PAGE_BYTES`].
    pub(crate) fn new(mut events: Vec<EventSummary>, limit: u32) -> Self {
        // A page that is cut off may be the last one. Then the next one is empty.
        let is_cut_off = events.len() <= limit as usize
            && events.iter().map(EventSummary::size).sum::<usize>() >= EVENT_PAGE_BYTES;
        let has_more = events.len() > limit as usize;
        events.truncate(limit as usize);
        let next = events.last().filter(|_| has_more || is_cut_off).map(EventSummary::position);
        Self { events, next }
    }
}

/// How many events have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueCount {
    pub(crate) value: String,
    pub(crate) count: u64,
}

/// A judge whose answers events may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnotationField {
    pub(crate) judge: Uuid,
    /// The name of the judge.
    pub(crate) name: String,
    /// The possible answers, or `None` if the answer is a number.
    pub(crate) options: Option<Vec<String>>,
}

/// Reads chat completion events.
///
/// A search that takes too long fails with [`StorageError::TimedOut`](super::StorageError::TimedOut).
pub(crate) trait EventStore {
    /// Returns the events that match a filter, newest first: at most `limit` after a position, and no more after those that
    /// together reach a few MiB.
    fn search_events(
        &self,
        workspace: Uuid,
        filter: EventFilter,
        after: Option<EventPosition>,
        limit: u32,
    ) -> Pending<EventPage>;

    /// Returns the ids of the newest events that match a filter, newest first.
    fn search_event_ids(
        &self,
        workspace: Uuid,
        filter: EventFilter,
        limit: u32,
    ) -> Pending<Vec<String>>;

    /// Returns an event.
    fn event_details(&self, workspace: Uuid, id: String) -> Pending<EventDetails>;

    /// Returns the events whose last user message is most like that of an event, the most similar first. Events without any
    /// similarity are left out.
    fn similar_events(
        &self,
        workspace: Uuid,
        id: String,
        limit: usize,
    ) -> Pending<Vec<EventSummary>>;

    /// Returns the most frequent values of a field among the events that match a filter, the most frequent first. Values of a list
    /// and keys of a map are counted one by one. Events without a value are not counted.
    fn count_event_values(
        &self,
        workspace: Uuid,
        field: EventField,
        filter: EventFilter,
        limit: u32,
    ) -> Pending<Vec<ValueCount>>;

    /// Returns the judges whose answers events may have, by name.
    fn annotation_fields(&self, workspace: Uuid) -> Pending<Vec<AnnotationField>>;
}
