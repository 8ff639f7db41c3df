//! `mistral-datasets serve`

mod keys;
mod limits;
mod log;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mistral_datasets_server::{DataLocation, Generation, Server, ServerConfig};

use crate::failure::Failure;
use keys::KeyOptions;
use limits::LimitOptions;
use log::LogOptions;

/// Runs a local server of the API until it is told to stop (Ctrl-C, SIGTERM). When it accepts connections it prints
/// `listening on http://ADDRESS` as one line.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// The directory that holds the data; it is made where it is missing
    #[arg(long, value_name = "DIR", default_value = "mistral-datasets-data")]
    data: PathBuf,
    /// Keep nothing: the data is gone when the server stops
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// What every workspace begins with: a file of datasets, events, campaigns and conversations, a JSONL file of records, or
    /// a directory of such files
    #[arg(long, value_name = "FILE|DIR")]
    seed: Option<PathBuf>,
    #[command(flatten)]
    keys: KeyOptions,
    /// Which generation of the API decides what a record must hold: `g1` demands messages and properties, `g2` and `g3` take
    /// any object
    #[arg(long, value_enum, default_value_t = GenerationName::G1)]
    generation: GenerationName,
    /// An origin whose web pages may use the server, such as http://localhost:3000, or * for any; repeat it for several
    #[arg(long = "cors", value_name = "ORIGIN")]
    cors: Vec<String>,
    /// The URL under which clients reach the server where a proxy stands before it, with its https://. Links begin with it;
    /// without it, with http:// and the host of the request
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How long the link to an export works
    #[arg(long, value_name = "TIME", default_value = "24h")]
    link_lifetime: humantime::Duration,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    log: LogOptions,
}

/// The generations of the API, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum GenerationName {
    G1,
    G2,
    G3,
}

impl From<GenerationName> for Generation {
    fn from(name: GenerationName) -> Self {
        match name {
            GenerationName::G1 => Self::G1,
            GenerationName::G2 => Self::G2,
            GenerationName::G3 => Self::G3,
        }
    }
}

impl Serve {
    /// Runs the command until it is told to stop.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        self.log.start();
        let keys = self.keys.read()?;
        let config = ServerConfig {
            listen: self.listen,
            data: if self.memory {
                DataLocation::Memory
            } else {
                DataLocation::Directory(self.data)
            },
            api_keys: keys.all().map_err(|error| Failure::Serve(error.to_string()))?,
            seed: self.seed,
            generation: self.generation.into(),
            limits: self.limits.into(),
            cors: self.cors,
            public_url: self.public_url,
            link_lifetime: self.link_lifetime.into(),
            ..ServerConfig::default()
        };
        let reloads = keys.reloads()?;
        let server =
            Server::start(config).await.map_err(|error| Failure::Serve(error.to_string()))?;
        {
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "listening on {}", server.url())
                .and_then(|()| stdout.flush())
                .map_err(Failure::Output)?;
        }
        tokio::select! {
            () = stop => {}
            never = reloads.serve(&server) => match never {},
        }
        server.shutdown().await;
        Ok(())
    }
}
