//! Testing code that uses the API, with the feature `local`: a server in the process, workspaces of it that do not meet, responses
//! that fail as you say, and the journal of the requests that came.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), mistral_datasets::Error> {
//! use mistral_datasets::testing::{Fault, LocalServer};
//!
//! let server = LocalServer::start().await?;
//! let local = server.workspace()?;
//!
//! // The service is busy once, and wants to be asked again at once.
//! local.inject_fault(Fault::status(503).operation("create_dataset").header("retry-after", "0")).await?;
//!
//! // In the place of your own code:
//! local.client().datasets().create("Refund requests", "Tickets about refunds").await?;
//!
//! let statuses: Vec<_> = local.requests().await?.iter().map(|request| request.status).collect();
//! assert_eq!(statuses, [Some(503), Some(201)]);
//! # Ok(())
//! # }
//! ```
//!
//! Any other client of the API can use the same workspace: it needs [`url`](Workspace::url) and
//! [`api_key`](Workspace::api_key).

mod fault;
mod journal;
mod server;
mod workspace;

pub use fault::{Fault, FaultRule};
pub use journal::RecordedRequest;
pub use mistral_datasets_server::{DataLocation, Generation, ServerConfig};
pub use server::LocalServer;
pub use workspace::Workspace;
