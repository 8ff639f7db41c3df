//! Values without content, which programs and tests fill in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::raw_json::RawJson;

/// A type with a value without content. The macros compose `empty` of the response types from it.
pub(crate) trait Empty {
    /// Returns the value.
    fn empty() -> Self;
}

macro_rules! default_is_empty {
    ($($ty:ty)+) => {
        $(impl Empty for $ty {
            fn empty() -> Self {
                Self::default()
            }
        })+
    };
}

// The default of a `DateTime` is the Unix epoch.
default_is_empty! { bool i64 f64 String Uuid DateTime<Utc> }

impl<T> Empty for Option<T> {
    fn empty() -> Self {
        None
    }
}

impl<T> Empty for Vec<T> {
    fn empty() -> Self {
        Self::new()
    }
}

impl<K, V> Empty for BTreeMap<K, V> {
    fn empty() -> Self {
        Self::new()
    }
}

impl Empty for RawJson {
    fn empty() -> Self {
        RawJson::empty_object()
    }
}

#[cfg(test)]
mod tests {
    use crate::{DatasetRecord, ImportTask, JudgeAnswer, JudgeOutput, RecordSource, TaskStatus};

    #[test]
    fn empty_values_are_valid_responses() {
        let mut record = DatasetRecord::empty();
        assert_eq!(record.payload.get(), "{}");
        assert_eq!(
            (record.properties.get(), record.source.clone()),
            ("{}", RecordSource::Explorer)
        );
        record.id = uuid::Uuid::max();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(DatasetRecord::from_json(&json).unwrap(), record);

        let task = ImportTask::empty();
        assert_eq!((task.status, task.created_at.timestamp()), (TaskStatus::Running, 0));
        assert_eq!(JudgeOutput::empty().answer, JudgeAnswer::String(String::new()));
    }

    #[test]
    fn errors_of_from_json_do_not_quote_the_text() {
        let error = DatasetRecord::from_json(r#"{"id": "my secret"}"#).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
