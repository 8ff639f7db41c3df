//! An extension point that runs before an import.

use futures::future::BoxFuture;

/// Runs between the creation of a task and its import.
///
/// A middleware requests it by adding an `Arc<dyn TaskHook>` to the extensions of a request that starts an import.
pub(crate) trait TaskHook: Send + Sync {
    /// Decides what happens to the task. The import waits for this, without occupying a worker. If the server stops meanwhile, the
    /// import runs after the next start.
    fn before_import(&self) -> BoxFuture<'_, TaskAction>;
}

/// What happens to a task after its hook has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskAction {
    /// The import runs.
    Import,
    /// Nothing: the task stays RUNNING until the server stops, and is FAILED after the next start.
    Abandon,
    /// The task fails with this message, and nothing is imported.
    Fail(String),
}
