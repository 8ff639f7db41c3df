//! Storage of datasets.

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

/// Changes to a dataset. `None` leaves a field unchanged.
#[derive(Clone, Debug)]
pub(crate) struct DatasetChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
}

/// Identifies a dataset.
#[derive(Clone, Debug)]
pub(crate) enum DatasetKey {
    Id(Uuid),
    Slug(String),
}

/// Stores datasets.
pub(crate) trait DatasetStore {
    /// Creates an empty dataset.
    fn create_dataset(&self, workspace: Uuid, new: NewDataset) -> Pending<Dataset>;

    /// Returns a dataset.
    fn dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<Dataset>;

    /// Lists datasets, newest first. With `containing`, lists only those whose name or description contains the text,
    /// ignoring case.
    fn datasets(
        &self,
        workspace: Uuid,
        containing: Option<String>,
        window: Window,
    ) -> Pending<Listed<Dataset>>;

    /// Updates the name or description of a dataset.
    fn update_dataset(
        &self,
        workspace: Uuid,
        key: DatasetKey,
        change: DatasetChange,
    ) -> Pending<Dataset>;

    /// Deletes a dataset with its records, tasks and exports. They become inaccessible immediately; [`Storage::reclaim`] removes
    /// them, and everything of the dataset but its id and its times.
    ///
    /// [`Storage::reclaim`]: super::Storage::reclaim
    fn delete_dataset(&self, workspace: Uuid, key: DatasetKey) -> Pending<()>;
}
