//! Storage of judges.

use uuid::Uuid;

use super::{Listed, Pending, Window};
use crate::time::Timestamp;

/// A judge.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) owner: Uuid,
    pub(crate) workspace: Uuid,
    /// The definition, as JSON.
    pub(crate) definition: String,
}

/// The definition of a judge, with the parts that judges are found by.
#[derive(Clone, Debug)]
pub(crate) struct NewJudge {
    pub(crate) name: String,
    pub(crate) model_name: String,
    pub(crate) output_type: &'static str,
    /// The whole definition, as JSON.
    pub(crate) definition: String,
}

/// Which judges to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct JudgeFilter {
    /// Only those whose name contains the text, ignoring case.
    pub(crate) containing: Option<String>,
    /// Only those of these output types, if there are any.
    pub(crate) types: Vec<String>,
    /// Only those that ask these models, if there are any.
    pub(crate) models: Vec<String>,
}

/// The outcome of creating or updating a judge.
#[derive(Clone, Debug)]
pub(crate) enum JudgeWrite {
    Done(Judge),
    /// Another judge of the workspace has the name.
    NameTaken,
    /// The definition is the same as before.
    Unchanged,
    /// A campaign uses the judge, so it must not change.
    InUse,
}

/// Stores judges.
pub(crate) trait JudgeStore {
    /// Creates a judge.
    fn create_judge(&self, workspace: Uuid, owner: Uuid, new: NewJudge) -> Pending<JudgeWrite>;

    /// Returns a judge.
    fn judge(&self, workspace: Uuid, id: Uuid) -> Pending<Judge>;

    /// Lists judges, newest first.
    fn judges(
        &self,
        workspace: Uuid,
        filter: JudgeFilter,
        window: Window,
    ) -> Pending<Listed<Judge>>;

    /// Replaces the definition of a judge. With `unless_used`, a judge that a campaign uses is left as it is.
    fn update_judge(
        &self,
        workspace: Uuid,
        id: Uuid,
        new: NewJudge,
        unless_used: bool,
    ) -> Pending<JudgeWrite>;

    /// Deletes a judge, and everything of it but its id and its times.
    fn delete_judge(&self, workspace: Uuid, id: Uuid) -> Pending<()>;
}
