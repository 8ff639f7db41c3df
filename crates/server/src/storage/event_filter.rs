//! Filters of chat completion events.
//!
//! A value that an event does not have is null. Null matches only the operators `neq`, `notcontains`, `inotcontains` and `excludes`,
//! and `isnull` with the value true.

use uuid::Uuid;

use crate::time::Timestamp;

/// The prefix of the names of annotations, which the id of the judge follows.
const ANNOTATION: &str = "__judge_";

/// The prefix of the names of metadata fields, which the key follows.
const METADATA: &str = "metadata.";

/// The maximum length of a metadata key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// Returns the name of the field with the answer of a judge.
pub(crate) fn annotation_name(judge: Uuid) -> String {
    format!("{ANNOTATION}{judge}")
}

/// Returns whether a name has the prefix of annotations.
pub(crate) fn is_annotation(name: &str) -> bool {
    name.starts_with(ANNOTATION)
}

/// A filter of events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EventFilter {
    /// All have to match. Without any, everything matches.
    All(Vec<Self>),
    /// At least one has to match. Never empty.
    Any(Vec<Self>),
    Condition(EventCondition),
}

/// A condition on a field. The operator is one of the field's, and the type of the value fits both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventCondition {
    pub(crate) field: EventField,
    pub(crate) operator: FilterOperator,
    pub(crate) value: FilterValue,
}

/// The value of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FilterValue {
    Text(String),
    Integer(i64),
    Real(f64),
    Time(Timestamp),
    Boolean(bool),
}

/// Declares the operators with their names.
macro_rules! operators {
    ($($variant:ident = $name:literal,)+) => {
        /// An operator of conditions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FilterOperator {
            $($variant,)+
        }

        impl FilterOperator {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

operators! {
    Eq = "eq",
    Neq = "neq",
    Lt = "lt",
    Lte = "lte",
    Gt = "gt",
    Gte = "gte",
    Contains = "contains",
    NotContains = "notcontains",
    IContains = "icontains",
    INotContains = "inotcontains",
    StartsWith = "startswith",
    IStartsWith = "istartswith",
    EndsWith = "endswith",
    IEndsWith = "iendswith",
    Matches = "matches",
    Includes = "includes",
    Excludes = "excludes",
    LenEq = "len_eq",
    IsNull = "isnull",
}

impl FilterOperator {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operator| operator.name() == name)
    }
}

/// Returns whether an operator ignores case.
pub(crate) fn folds_case(operator: FilterOperator) -> bool {
    use FilterOperator::*;
    matches!(operator, IContains | INotContains | IStartsWith | IEndsWith)
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Text,
    Integer,
    Real,
    Time,
    /// A list of texts.
    List,
    /// A map of texts. Its keys are fields of their own.
    Map,
    /// The answer of a judge: a text or a number.
    Answer,
}

impl FieldKind {
    /// Returns the operators that conditions on such a field may have.
    pub(crate) fn operators(self) -> &'static [FilterOperator] {
        use FilterOperator::*;
        const COMPARISONS: &[FilterOperator] = &[Eq, Neq, Lt, Lte, Gt, Gte, IsNull];
        const TEXT: &[FilterOperator] = &[
            Eq,
            Neq,
            Contains,
            NotContains,
            IContains,
            INotContains,
            StartsWith,
            IStartsWith,
            EndsWith,
            IEndsWith,
            Matches,
            IsNull,
        ];
        const ANSWER: &[FilterOperator] = &[
            Eq,
            Neq,
            Lt,
            Lte,
            Gt,
            Gte,
            Contains,
            NotContains,
            IContains,
            INotContains,
            StartsWith,
            IStartsWith,
            EndsWith,
            IEndsWith,
            Matches,
            IsNull,
        ];
        match self {
            Self::Text => TEXT,
            Self::Integer | Self::Real | Self::Time => COMPARISONS,
            Self::List => &[Includes, Excludes, LenEq, IsNull],
            Self::Map => &[IsNull],
            Self::Answer => ANSWER,
        }
    }
}

/// A field of events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EventField {
    Timestamp,
    EventId,
    CorrelationId,
    ModelName,
    ApiAgentId,
    FirstSystemMessage,
    LastUserMessagePreview,
    ResponseMessagesPreview,
    InvokedTools,
    TotalTimeElapsed,
    InputTokens,
    OutputTokens,
    Metadata,
    /// The value of a key of the metadata.
    MetadataKey(String),
    /// The answer of a judge.
    Annotation(Uuid),
}

impl EventField {
    /// All fields with a fixed name.
    pub(crate) const FIXED: &[Self] = &[
        Self::Timestamp,
        Self::EventId,
        Self::CorrelationId,
        Self::ModelName,
        Self::ApiAgentId,
        Self::FirstSystemMessage,
        Self::LastUserMessagePreview,
        Self::ResponseMessagesPreview,
        Self::InvokedTools,
        Self::TotalTimeElapsed,
        Self::InputTokens,
        Self::OutputTokens,
        Self::Metadata,
    ];

    /// Returns the field with a name. Returns `None` if there is none, or if the key of a metadata field is too long.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if let Some(key) = name.strip_prefix(METADATA) {
            let is_valid = !key.is_empty() && key.len() <= MAX_KEY_BYTES;
            return is_valid.then(|| Self::MetadataKey(key.to_owned()));
        }
        if let Some(judge) = name.strip_prefix(ANNOTATION) {
            return Uuid::try_parse(judge).ok().map(Self::Annotation);
        }
        Self::FIXED.iter().find(|field| field.name() == name).cloned()
    }

    pub(crate) fn name(&self) -> String {
        let name = match self {
            Self::Timestamp => "timestamp",
            Self::EventId => "event_id",
            Self::CorrelationId => "correlation_id",
            Self::ModelName => "model_name",
            Self::ApiAgentId => "api_agent_id",
            Self::FirstSystemMessage => "first_system_message",
            Self::LastUserMessagePreview => "last_user_message_preview",
            Self::ResponseMessagesPreview => "response_messages_preview",
            Self::InvokedTools => "invoked_tools",
            Self::TotalTimeElapsed => "total_time_elapsed",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Metadata => "metadata",
            Self::MetadataKey(key) => return format!("{METADATA}{key}"),
            Self::Annotation(judge) => return annotation_name(*judge),
        };
        name.to_owned()
    }

    pub(crate) fn kind(&self) -> FieldKind {
        match self {
            Self::Timestamp => FieldKind::Time,
            Self::InvokedTools => FieldKind::List,
            Self::TotalTimeElapsed => FieldKind::Real,
            Self::InputTokens | Self::OutputTokens => FieldKind::Integer,
            Self::Metadata => FieldKind::Map,
            Self::Annotation(_) => FieldKind::Answer,
            _ => FieldKind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        for field in EventField::FIXED {
            assert_eq!(EventField::named(&field.name()).as_ref(), Some(field));
        }
        for name in ["metadata.a.b", "__judge_6f1c2a34-5b6d-4e7f-8a90-1b2c3d4e5f60"] {
            assert_eq!(EventField::named(name).unwrap().name(), name);
        }
        for name in ["", "Timestamp", "metadata.", "__judge_", "__judge_x", "created_at"] {
            assert_eq!(EventField::named(name), None, "{name}");
        }
        assert_eq!(EventField::named(&format!("metadata.{}", "k".repeat(256))), None);
    }

    #[test]
    fn operators_are_found_by_name() {
        assert_eq!(FilterOperator::ALL.len(), 19);
        for operator in FilterOperator::ALL {
            assert_eq!(FilterOperator::named(operator.name()), Some(*operator));
        }
        assert_eq!(FilterOperator::named("like"), None);
    }
}
