//! Helpers for testing code that uses the API: a server in the same process, isolated workspaces, fault injection and
//! recorded requests. Requires the `local` feature.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), mistral_datasets::Error> {
//! use mistral_datasets::testing::{Fault, LocalServer};
//!
//! let server = LocalServer::start().await?;
//! let local = server.workspace()?;
//!
//! // The first attempt fails and may be retried immediately.
//! local.inject_fault(Fault::status(503).operation("create_dataset").header("retry-after", "0")).await?;
//!
//! // Your code under test:
//! local.client().datasets().create("Refund requests", "Tickets about refunds").await?;
//!
//! let statuses: Vec<_> = local.requests().await?.iter().map(|request| request.status).collect();
//! assert_eq!(statuses, [Some(503), Some(201)]);
//! # Ok(())
//! # }
//! ```
//!
//! Other clients of the API can use the same workspace with its [`url`](Workspace::url) and
//! [`api_key`](Workspace::api_key).

mod fault;
mod recorded_request;
mod server;
mod workspace;

pub use fault::{Fault, FaultRule};
pub use mistral_datasets_server::{DataLocation, Generation, JudgeEndpoint, ServerConfig};
pub use recorded_request::RecordedRequest;
pub use server::LocalServer;
pub use workspace::Workspace;
