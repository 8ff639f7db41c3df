//! Inserts the seed into workspaces.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use crate::http::WorkspaceHook;
use crate::storage::{Pending, Seed, Storage, StorageError};

/// Inserts a seed into every workspace before its first request is handled.
///
/// A server that accepts any key does not know its workspaces in advance, so each is seeded when it is first used.
pub(crate) struct Seeder {
    storage: Arc<dyn Storage>,
    seed: Option<Arc<Seed>>,
    /// The workspaces that are known to have the seed.
    seeded: Arc<RwLock<HashSet<Uuid>>>,
}

impl Seeder {
    pub(crate) fn new(storage: Arc<dyn Storage>, seed: Option<Seed>) -> Self {
        Self { storage, seed: seed.map(Arc::new), seeded: Arc::default() }
    }

    /// Returns the hook that seeds workspaces, or `None` without a seed.
    pub(crate) fn workspace_hook(self: &Arc<Self>) -> Option<Arc<dyn WorkspaceHook>> {
        self.seed.as_ref().map(|_| Arc::clone(self) as Arc<dyn WorkspaceHook>)
    }

    /// Removes everything from a workspace except the seed.
    pub(crate) async fn reset(&self, workspace: Uuid, owner: Uuid) -> Result<(), StorageError> {
        match &self.seed {
            Some(seed) => self.storage.reset_to_seed(workspace, owner, Arc::clone(seed)).await,
            None => self.storage.reset(workspace).await,
        }
    }
}

impl WorkspaceHook for Seeder {
    fn prepare(&self, workspace: Uuid, user: Uuid) -> Option<Pending<()>> {
        let seed = self.seed.as_ref()?;
        if self.seeded.read().unwrap_or_else(PoisonError::into_inner).contains(&workspace) {
            return None;
        }
        // Concurrent first requests all get here; the storage inserts the seed once.
        let inserting = self.storage.insert_seed(workspace, user, Arc::clone(seed));
        let seeded = Arc::clone(&self.seeded);
        Some(Box::pin(async move {
            inserting.await?;
            seeded.write().unwrap_or_else(PoisonError::into_inner).insert(workspace);
            Ok(())
        }))
    }
}
