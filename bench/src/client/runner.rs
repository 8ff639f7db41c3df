//! Runs the client programs of `bench/client`. Each case runs in a new process, which measures itself.

use std::path::PathBuf;
use std::process::Command;

use serde::Serialize;

use super::Setup;
use super::cases::Case;
use super::sample::Sample;
use crate::{API_KEY, Error};

/// The case that a separate script measures, because nothing may be imported before the clock starts.
const STARTUP: &str = "startup";

/// A language of the bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Python,
    Node,
}

impl Language {
    /// Returns the name in tables and charts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
        }
    }
}

/// A client that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// No client: only the interpreter and the measuring code.
    Baseline,
    Official,
    PlainHttp,
    Ours,
}

impl Client {
    fn script(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Official => "official",
            Self::PlainHttp => "plain",
            Self::Ours => "ours",
        }
    }
}

/// A client in a language.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    pub language: Language,
    pub client: Client,
}

const fn runner(language: Language, client: Client) -> Runner {
    Runner { language, client }
}

/// All runners, in the order in which they run.
pub const RUNNERS: &[Runner] = &[
    runner(Language::Python, Client::Baseline),
    runner(Language::Python, Client::Official),
    runner(Language::Python, Client::PlainHttp),
    runner(Language::Python, Client::Ours),
    runner(Language::Node, Client::Baseline),
    runner(Language::Node, Client::Official),
    runner(Language::Node, Client::PlainHttp),
    runner(Language::Node, Client::Ours),
];

/// The argument of a client program; `bench/client/python/measure.py` describes the fields.
#[derive(Debug, Serialize)]
pub struct Job {
    pub case: &'static str,
    pub server_url: String,
    pub api_key: &'static str,
    pub dataset_id: String,
    pub scratch_dataset_id: String,
    pub iterations: u32,
    pub warmup: u32,
    pub records_file: PathBuf,
    pub output_file: PathBuf,
}

impl Runner {
    /// Runs a case and returns its measurements.
    pub fn run(self, setup: &Setup, case: &Case, job: &Job) -> Result<Sample, Error> {
        let name = format!("{} in {}, {}", case.name, self.language.name(), self.client.script());
        let output =
            self.command(setup, case, job)?.output().map_err(|error| format!("{name}: {error}"))?;
        if !output.status.success() {
            return Err(format!("{name}:\n{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{name}: {error}").into())
    }

    fn command(self, setup: &Setup, case: &Case, job: &Job) -> Result<Command, Error> {
        let directory = setup.root.join("bench/client");
        let client = self.client.script();
        let script = if case.name == STARTUP { "startup" } else { client };
        let mut command = match self.language {
            Language::Python => {
                let mut command = Command::new(&setup.python);
                // The official SDK's directory also has httpx, which plain HTTP uses.
                if self.client != Client::Ours {
                    command.env("PYTHONPATH", &setup.official_python);
                }
                command.arg(directory.join(format!("python/{script}.py")));
                command
            }
            Language::Node => {
                let mut command = Command::new("node");
                command.arg("--expose-gc").arg(directory.join(format!("node/{script}.mjs")));
                command
            }
        };
        if case.name == STARTUP {
            command.args([client, &job.server_url, API_KEY]);
        } else {
            command.arg(serde_json::to_string(job)?);
        }
        Ok(command)
    }
}
