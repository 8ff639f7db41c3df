//! The programs that are measured: each row is a fresh process, which measures itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use super::rows::Row;
use super::sample::Sample;
use crate::local_server::LocalServer;
use crate::toolchain::in_venv;

/// The key of the benchmark's workspace.
pub const API_KEY: &str = "bench";

/// The version of the official Python SDK that is measured.
const OFFICIAL_PYTHON: &str = "2.5.1";

/// The row whose time is that of a fresh process until its first call, which a script of its own measures.
const START: &str = "start";

/// A language of the bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Python,
    Node,
}

impl Language {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
        }
    }
}

/// Whose client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Nobody's: the interpreter and the measuring alone.
    Bare,
    Official,
    Plain,
    Ours,
}

impl Who {
    fn script(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Official => "official",
            Self::Plain => "plain",
            Self::Ours => "ours",
        }
    }
}

/// A program that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Runner {
    pub language: Language,
    pub who: Who,
}

/// All of them, in the order in which they take turns.
pub const RUNNERS: &[Runner] = &[
    Runner { language: Language::Python, who: Who::Bare },
    Runner { language: Language::Python, who: Who::Official },
    Runner { language: Language::Python, who: Who::Plain },
    Runner { language: Language::Python, who: Who::Ours },
    Runner { language: Language::Node, who: Who::Bare },
    Runner { language: Language::Node, who: Who::Official },
    Runner { language: Language::Node, who: Who::Plain },
    Runner { language: Language::Node, who: Who::Ours },
];

/// What a runner is told, as `bench/client/python/measure.py` describes it.
#[derive(Debug, Serialize)]
pub struct Job {
    pub row: &'static str,
    pub server_url: String,
    pub api_key: &'static str,
    pub dataset_id: String,
    pub scratch_id: String,
    pub units: u32,
    pub warm_up: u32,
    pub records: PathBuf,
    pub output: PathBuf,
}

impl Runner {
    /// The command that runs a row.
    pub fn command(
        self,
        root: &Path,
        server: &LocalServer,
        row: &Row,
        job: &Job,
    ) -> Result<Command, String> {
        let folder = root.join("bench/client");
        let who = self.who.script();
        let mut command = match self.language {
            Language::Python => {
                let mut command = Command::new(in_venv(root, "python"));
                if self.who != Who::Ours {
                    let official = format!("target/official/mistralai-{OFFICIAL_PYTHON}");
                    command.env("PYTHONPATH", root.join(official));
                }
                let script = if row.name == START { "start" } else { who };
                command.arg(folder.join(format!("python/{script}.py")));
                command
            }
            Language::Node => {
                let mut command = Command::new("node");
                let script = if row.name == START { "start" } else { who };
                command.arg("--expose-gc").arg(folder.join(format!("node/{script}.mjs")));
                command
            }
        };
        if row.name == START {
            command.args([who, server.url(), API_KEY]);
        } else {
            command.arg(serde_json::to_string(job).map_err(|error| error.to_string())?);
        }
        Ok(command)
    }

    /// Runs a row, and returns what it cost.
    pub fn run(
        self,
        root: &Path,
        server: &LocalServer,
        row: &Row,
        job: &Job,
    ) -> Result<Sample, String> {
        let what = format!("{} in {}, {}", row.name, self.language.name(), self.who.script());
        let mut command = self.command(root, server, row, job)?;
        let output = command.output().map_err(|error| format!("{what}: {error}"))?;
        if !output.status.success() {
            return Err(format!("{what}:\n{}", String::from_utf8_lossy(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{what}: {error}"))
    }
}
