//! What is done behind the requests: giving back space.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::app::App;
use crate::storage::StorageError;

/// Files past their time are looked for this often.
const ROUND: Duration = Duration::from_secs(10 * 60);

/// What failed, for want of space for example, is tried again after this long.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Keeps house until it is aborted. The contents are those that were there when the server started.
pub(crate) async fn run(app: App, left: Vec<Uuid>) {
    if let Err(error) = remove_unneeded(&app, left).await {
        tracing::warn!(%error, "contents of files could not be cleaned up");
    }
    loop {
        let pause = match round(&app).await {
            Ok(()) => ROUND,
            Err(error) => {
                tracing::warn!(%error, "space could not be given back");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = app.untidy.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Removes contents that no file has, because an earlier server ended between the two.
async fn remove_unneeded(app: &App, left: Vec<Uuid>) -> Result<(), StorageError> {
    let unneeded = app.storage.unneeded_contents(left).await?;
    remove(app, unneeded).await
}

async fn round(app: &App) -> Result<(), StorageError> {
    let expired = app.storage.expire_files().await?;
    remove(app, expired).await?;
    // Other writes come between the steps, and have half of the time for themselves.
    loop {
        let begun = Instant::now();
        if !app.storage.reclaim().await? {
            return Ok(());
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

async fn remove(app: &App, ids: Vec<Uuid>) -> Result<(), StorageError> {
    if ids.is_empty() {
        return Ok(());
    }
    let contents = app.contents.clone();
    match tokio::task::spawn_blocking(move || contents.remove(&ids)).await {
        Ok(removed) => Ok(removed?),
        Err(panic) => Err(StorageError::Failed(panic.into())),
    }
}
