//! Planting the seed when a workspace appears.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use crate::storage::{Seed, Storage, StorageError};

/// Plants a seed in every workspace before the first request of its keys is answered.
///
/// With open keys nobody can say which workspaces there will be, so they are planted as they come. With configured ones it
/// makes no difference that anybody could see.
pub(crate) struct Planter {
    storage: Arc<dyn Storage>,
    seed: Option<Arc<Seed>>,
    /// The workspaces that are known to have it.
    planted: RwLock<HashSet<Uuid>>,
}

impl Planter {
    pub(crate) fn new(storage: Arc<dyn Storage>, seed: Option<Seed>) -> Self {
        Self { storage, seed: seed.map(Arc::new), planted: RwLock::default() }
    }

    /// Plants the seed unless the workspace has it. The first requests of a workspace may all come here; the storage does it
    /// once.
    pub(crate) async fn plant(&self, workspace: Uuid, owner: Uuid) -> Result<(), StorageError> {
        let Some(seed) = &self.seed else { return Ok(()) };
        if self.planted.read().unwrap_or_else(PoisonError::into_inner).contains(&workspace) {
            return Ok(());
        }
        self.storage.plant_seed(workspace, owner, Arc::clone(seed)).await?;
        self.planted.write().unwrap_or_else(PoisonError::into_inner).insert(workspace);
        Ok(())
    }

    /// Empties a workspace, but for the seed. Answers which files' contents are no longer needed.
    pub(crate) async fn reset(
        &self,
        workspace: Uuid,
        owner: Uuid,
    ) -> Result<Vec<Uuid>, StorageError> {
        match &self.seed {
            Some(seed) => self.storage.reset_to_seed(workspace, owner, Arc::clone(seed)).await,
            None => self.storage.reset(workspace).await,
        }
    }
}
