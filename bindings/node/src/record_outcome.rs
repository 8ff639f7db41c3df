//! Outcomes of the individual records of a bulk call.

use mistral_datasets::Outcome;
use napi_derive::napi;

use crate::failure::Failure;
use crate::report::NativeCreateReport;

/// The outcome of one record.
#[napi(object, object_from_js = false)]
pub struct RecordOutcome {
    /// `created`, `imported`, `failed`, `unknown` or `notSent`.
    pub status: &'static str,
    /// ID of the record, if its status is `created`.
    pub id: Option<String>,
    /// Why the record was not created, or may not have been.
    pub failure: Option<Failure>,
}

#[napi]
impl NativeCreateReport {
    /// Returns the outcome of each record, in source order.
    #[napi]
    pub fn items(&self) -> Vec<RecordOutcome> {
        self.report.items().iter().map(RecordOutcome::from).collect()
    }
}

impl From<&Outcome> for RecordOutcome {
    fn from(outcome: &Outcome) -> Self {
        let (status, id, failure) = match outcome {
            Outcome::Created(id) => ("created", Some(id.to_string()), None),
            Outcome::Imported => ("imported", None, None),
            Outcome::Failed(error) => ("failed", None, Some(error.clone().into())),
            Outcome::Unknown(error) => ("unknown", None, Some(error.clone().into())),
            Outcome::NotSent => ("notSent", None, None),
        };
        Self { status, id, failure }
    }
}
