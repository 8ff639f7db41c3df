//! Judges one record and stores the answer in its properties.

use mistral_datasets_types::{CreateJudgeRequest, DatasetRecord, Judge, JudgeAnswer, JudgeOutput};

use super::properties;
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// Judges records with one definition.
#[derive(Clone, Debug)]
pub(super) struct RecordJudge {
    client: Client,
    definition: CreateJudgeRequest,
    keys: Option<PropertyKeys>,
}

/// The properties that answers are stored in.
#[derive(Clone, Debug)]
pub(super) struct PropertyKeys {
    pub(super) answer: String,
    pub(super) analysis: Option<String>,
}

impl RecordJudge {
    pub(super) fn new(client: Client, judge: &Judge, keys: Option<PropertyKeys>) -> Self {
        let definition = CreateJudgeRequest::new(
            &judge.name,
            &judge.description,
            &judge.model_name,
            judge.output.clone(),
            &judge.instructions,
            &judge.tools,
        );
        Self { client, definition, keys }
    }

    /// Judges a record. If answers are stored in properties, returns once the properties have been updated.
    pub(super) async fn judge(self, record: DatasetRecord) -> Result<JudgeOutput, Error> {
        let datasets = self.client.datasets();
        let records = datasets.records();
        let output = records.judge(record.id, self.definition).await?;
        if let Some(keys) = &self.keys {
            // Judging takes seconds, in which the properties may have changed.
            let current = records.fetch(record.id).await?;
            let mut properties = properties::parse(&current.properties).map_err(decoding)?;
            properties.set(&keys.answer, &output.answer).map_err(decoding)?;
            if let Some(key) = &keys.analysis {
                properties.set(key, &output.analysis).map_err(decoding)?;
            }
            records.update_properties(record.id, properties).await?;
        }
        Ok(output)
    }

    /// Returns whether a record has an answer, and the answer if it is a label or a score.
    pub(super) fn existing_answer(
        &self,
        record: &DatasetRecord,
    ) -> Result<Option<Option<JudgeAnswer>>, Error> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let properties = properties::parse(&record.properties).map_err(decoding)?;
        let value = properties.get(&keys.answer);
        Ok(value.map(|value| serde_json::from_str(value.get()).ok()))
    }
}

fn decoding(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Decoding, "the server sent invalid JSON").with_source(error)
}
