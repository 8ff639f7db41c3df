//! The hand-written methods of the `judges` handle.

use crate::argument::IntoId;
use crate::calls::Judges;
use crate::judging::RunJudge;

impl Judges {
    /// Judges every record of a dataset, several at a time.
    ///
    /// Sends `POST /v1/observability/dataset-records/{dataset_record_id}/live-judging` for each record, with the definition
    /// that the judge has when the call starts. `judge` is the ID of the judge or its name. The answers are stored in a file
    /// ([`to_jsonl`](RunJudge::to_jsonl)) or in the properties of the records ([`to_properties`](RunJudge::to_properties)), each
    /// as soon as it is known. If neither is set, only the report has them, as a summary.
    ///
    /// Calling it again continues: records that have an answer are skipped. A record that cannot be judged does not end the
    /// call.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let run = client.judges().run("Topic of the answer", "support-answers");
    /// let report = run.to_jsonl("answers.jsonl").await?;
    /// for (label, count) in report.answers().labels() {
    ///     println!("{label}: {count}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the judge or the dataset does not exist.
    /// - A failure that affects every record, such as an invalid API key or a server that cannot judge.
    /// - The last failure, if [`max_failures`](RunJudge::max_failures) records in a row could not be judged.
    /// - [`Validation`](crate::ErrorKind::Validation) if the file cannot be written or contains something else.
    ///
    /// Once records have been judged, the error has a [`report`](crate::Error::report).
    pub fn run(&self, judge: impl IntoId, dataset_id: impl IntoId) -> RunJudge {
        RunJudge::new(self.client.clone(), judge.into_id(), dataset_id.into_id())
    }
}
