//! Storage of what imports from spans copy.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Pending;

/// Identifies a span. Both ids are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct SpanReference {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

/// Where the fields of a payload come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpanMapping(pub(crate) Vec<FieldMapping>);

/// Where a field of a payload comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FieldMapping {
    pub(crate) target: String,
    pub(crate) namespace: AttributeNamespace,
    pub(crate) key: String,
}

/// Which attributes of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AttributeNamespace {
    Span,
    Resource,
}

/// The attributes of a span.
#[derive(Clone, Debug)]
pub(crate) struct SpanAttributes {
    pub(crate) reference: SpanReference,
    /// The attributes of the span without those whose text is in `columns`: an object, as JSON. An attribute that the span does not
    /// have although a column holds its text is null.
    pub(crate) attributes: String,
    /// The texts of [`COLUMN_ATTRIBUTES`](super::COLUMN_ATTRIBUTES), in the same order.
    pub(crate) columns: Vec<String>,
    /// The attributes of the resource: an object, as JSON.
    pub(crate) resource: String,
}

impl SpanAttributes {
    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(String::len).sum::<usize>();
        self.attributes.len() + columns + self.resource.len()
    }
}

/// Reads spans for imports.
pub(crate) trait SpanSourceStore {
    /// Returns the references to spans that exist, in their order.
    fn existing_spans(
        &self,
        workspace: Uuid,
        references: Vec<SpanReference>,
    ) -> Pending<Vec<SpanReference>>;

    /// Returns spans in the order of `references`: at least one, and no more after those that together reach `max_bytes`. Fails at
    /// the first one that does not exist.
    fn span_attributes(
        &self,
        workspace: Uuid,
        references: Vec<SpanReference>,
        max_bytes: usize,
    ) -> Pending<Vec<SpanAttributes>>;
}
