//! `mistral-datasets serve`

mod api_keys;
pub mod config_file;
mod judge;
mod keep_traces;
mod limits;
mod logging;
#[cfg(unix)]
mod open_files;
mod operation;
#[cfg(feature = "scale-out")]
mod shared;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mistral_datasets::looks_like_jsonl;
use mistral_datasets_server::{DataLocation, Generation, RunningServer, Server, ServerConfig};

use crate::error::CliError;
use crate::signals;
use api_keys::ApiKeyOptions;
use judge::JudgeOptions;
use keep_traces::KeepTraces;
use limits::LimitOptions;
use logging::LogOptions;
use operation::OperationOptions;
#[cfg(feature = "scale-out")]
use shared::SharedOptions;

/// Run a local server of the API
///
/// Prints `listening on http://ADDRESS` to standard output once it accepts connections, then a line for each further address. Runs
/// until it is stopped by Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
pub struct Serve {
    /// A TOML file with values for these options
    ///
    /// The keys are the names of the options, such as `max-requests = 100`; options that may be given more than once are arrays.
    /// Options on the command line and environment variables take precedence.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to listen on; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// The data directory; created if missing
    #[arg(long, value_name = "DIR", default_value = "mistral-datasets-data")]
    data: PathBuf,
    /// Discard all data when the server stops
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// The initial content of every workspace
    ///
    /// A JSON file of datasets, events, campaigns and conversations, a JSONL file of records, or a directory of such files.
    #[arg(long, value_name = "FILE|DIR")]
    seed: Option<PathBuf>,
    #[cfg(feature = "scale-out")]
    #[command(flatten)]
    shared: SharedOptions,
    #[command(flatten)]
    api_keys: ApiKeyOptions,
    /// The generation of the API to serve
    ///
    /// `any` has all operations, and accepts what any generation accepts. `g1` requires messages and properties of records, and has no
    /// traces; `g2` accepts any object; `g3` has no chat completion events and campaigns. Operations of other generations are not
    /// found.
    #[arg(long, value_enum, default_value_t = GenerationName::Any)]
    generation: GenerationName,
    /// An origin allowed to use the server from web pages, or `*` for any; may be given more than once
    ///
    /// For example, `http://localhost:3000`.
    #[arg(long = "cors", value_name = "ORIGIN")]
    cors: Vec<String>,
    /// The URL by which clients reach the server through a reverse proxy
    ///
    /// Used as the base of generated links. Without it, links start with `http://` and the host of the request.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Serve the routes below `/local/v1` although API keys are configured
    ///
    /// They inject faults, show recorded requests and insert or delete data. Without API keys they are always served.
    #[arg(long)]
    test_routes: bool,
    /// The lifetime of export links and of the exported files
    #[arg(long, value_name = "TIME", default_value = "24h")]
    link_lifetime: humantime::Duration,
    /// Delete uploaded files after this time, for example `30d`
    ///
    /// By default, they are kept until they expire or are deleted.
    #[arg(long, value_name = "TIME")]
    keep_uploads: Option<humantime::Duration>,
    /// Keep traces, log records and evaluations for this time after they arrived, or `forever`
    #[arg(long, value_name = "TIME", default_value = "30d")]
    keep_traces: KeepTraces,
    /// Erase deleted data from the database file after this time
    #[arg(long, value_name = "TIME", default_value = "30s")]
    erase_delay: humantime::Duration,
    #[command(flatten)]
    judge: JudgeOptions,
    #[command(flatten)]
    operation: OperationOptions,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    log: LogOptions,
}

/// The values of `--generation`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum GenerationName {
    Any,
    G1,
    G2,
    G3,
}

impl From<GenerationName> for Generation {
    fn from(name: GenerationName) -> Self {
        match name {
            GenerationName::Any => Self::Any,
            GenerationName::G1 => Self::G1,
            GenerationName::G2 => Self::G2,
            GenerationName::G3 => Self::G3,
        }
    }
}

impl Serve {
    /// Returns whether SIGHUP reloads the API keys instead of stopping the server.
    pub fn reloads_on_hangup(&self) -> bool {
        self.api_keys.has_file()
    }

    /// Runs the server until `shutdown` completes.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), CliError> {
        let log = self.log.init();
        #[cfg(unix)]
        open_files::raise_limit();
        if let Some(file) = &self.config {
            tracing::info!(file = %file.display(), "read the configuration file");
        }
        // The server's error would contain the path.
        if let Some(seed) = &self.seed
            && looks_like_jsonl(seed)
        {
            std::fs::metadata(seed).map_err(CliError::file(seed))?;
        }
        let keys = self.api_keys.parse()?;
        let api_keys = keys.load().map_err(|error| CliError::Serve(error.to_string(), None))?;
        let is_temporary = self.memory;
        let own =
            if self.memory { DataLocation::Memory } else { DataLocation::Directory(self.data) };
        #[cfg(feature = "scale-out")]
        let shared = self.shared.location()?.map(DataLocation::Shared);
        #[cfg(not(feature = "scale-out"))]
        let shared: Option<DataLocation> = None;
        let is_shared = shared.is_some();
        let data = shared.unwrap_or(own);
        let config = ServerConfig::default()
            .listen(self.listen)
            .data(data)
            // Everyone who has a key could otherwise reset the workspace or make requests fail. Faults and recorded requests are those
            // of one server.
            .test_routes(self.test_routes || (api_keys.is_empty() && !is_shared))
            .api_keys(api_keys)
            .seed(self.seed)
            .generation(self.generation.into())
            .limits(self.limits.into())
            .cors(self.cors)
            .public_url(self.public_url)
            .link_lifetime(self.link_lifetime.into())
            .keep_uploads(self.keep_uploads.map(Into::into))
            .keep_traces(self.keep_traces.0)
            .judge(self.judge.endpoint()?)
            .erase_delay(self.erase_delay.into())
            .dropped_log_lines(Some(log.dropped_lines()));
        let config = self.operation.apply(config);
        let reloader = keys.reloader()?;
        let server = Server::start(config)
            .await
            .map_err(|error| CliError::Serve(error.to_string(), temp_dir_hint(is_temporary)))?;
        {
            let mut stdout = std::io::stdout().lock();
            announce(&mut stdout, &server).map_err(CliError::Stdout)?;
        }
        tokio::select! {
            () = shutdown => {}
            never = reloader.run(&server) => match never {},
        }
        // The first signal has been received, so this future waits for a second one.
        let second_signal = signals::shutdown_signal(false)?;
        tokio::select! {
            () = server.drain() => {}
            () = second_signal => {}
        }
        server.shutdown().await;
        log.report_dropped_lines();
        Ok(())
    }
}

/// Writes the addresses of a server, that of the API first.
fn announce(out: &mut impl Write, server: &RunningServer) -> std::io::Result<()> {
    writeln!(out, "listening on {}", server.url())?;
    if let Some(address) = server.links_addr() {
        writeln!(out, "serving signed links on http://{address}")?;
    }
    if let Some(address) = server.admin_addr() {
        writeln!(out, "serving health checks and metrics on http://{address}")?;
    }
    out.flush()
}

/// Returns what to do about a missing directory for temporary files, which `--memory` needs.
fn temp_dir_hint(is_temporary: bool) -> Option<String> {
    let directory = std::env::temp_dir();
    if !is_temporary || directory.is_dir() {
        return None;
    }
    let variable = if cfg!(windows) { "TEMP" } else { "TMPDIR" };
    let directory = directory.display();
    Some(format!(
        "`--memory` keeps its data in a temporary directory; create {directory}, or set `{variable}` to another one"
    ))
}
