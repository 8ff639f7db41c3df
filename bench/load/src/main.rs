//! Puts load on a local server and tells what it took: one job as JSON in the only argument, one line of JSON as the answer.
//! `cargo xtask bench server` runs it. It speaks HTTP over bare connections, so that next to nothing of what is measured is its own.

mod connection;
mod latencies;
mod requests;
mod transfer;

use std::net::SocketAddr;

use serde::Deserialize;

/// What is to be done, and with which server.
#[derive(Debug, Deserialize)]
struct Job {
    address: SocketAddr,
    api_key: String,
    #[serde(flatten)]
    work: Work,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
enum Work {
    /// Requests, one after the other on each connection.
    Requests(requests::Requests),
    /// An upload, an import of what was uploaded, and reads meanwhile.
    Import(transfer::Import),
    /// An export, read to its end.
    Export(transfer::Export),
}

/// What went wrong; only a person reads it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let argument = std::env::args().nth(1).ok_or("expected a job as JSON")?;
    let Job { address, api_key, work } = serde_json::from_str(&argument)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        match work {
            Work::Requests(requests) => requests.run(address, &api_key).await,
            Work::Import(import) => import.run(address, &api_key).await,
            Work::Export(export) => export.run(address, &api_key).await,
        }
    })?;
    println!("{answer}");
    Ok(())
}
