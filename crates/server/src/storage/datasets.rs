//! Datasets, as they are kept.

use uuid::Uuid;

use super::{Listed, Pending, Window};
use crate::time::Timestamp;

/// A dataset.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) description: String,
    pub(crate) owner: Uuid,
    pub(crate) workspace: Uuid,
}

/// A dataset to be created.
#[derive(Clone, Debug)]
pub(crate) struct NewDataset {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: Uuid,
}

/// What to change of a dataset; `None` stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct DatasetChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
}

/// What a dataset is called by.
#[derive(Clone, Debug)]
pub(crate) enum DatasetKey {
    Id(Uuid),
    Slug(String),
}

/// Keeps datasets.
pub(crate) trait DatasetStore {
    /// Creates an empty dataset.
    fn create_dataset(&self, workspace: Uuid, new: NewDataset) -> Pending<Dataset>;

    /// One dataset.
    fn dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<Dataset>;

    /// Datasets, newest first, those alone whose name or description contains the text, in any case.
    fn datasets(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<Dataset>>;

    /// Changes a dataset's name or description.
    fn update_dataset(
        &self,
        workspace: Uuid,
        key: DatasetKey,
        change: DatasetChange,
    ) -> Pending<Dataset>;

    /// Deletes a dataset with its records and tasks, softly: it is out of reach at once, its rows stay.
    fn delete_dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<()>;
}
