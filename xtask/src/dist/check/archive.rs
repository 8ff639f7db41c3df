//! Unpacks the command's archive and runs the README's quick start with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;

use super::super::{Build, archive, licenses};
use super::readme;
use crate::local_server::LocalServer;
use crate::step::{self, Step};

/// Files that the archive must contain, besides the command and the licenses.
const CONTENTS: [&str; 4] = [
    "README.md",
    "completions/mistral-datasets.bash",
    "man/mistral-datasets.1",
    "man/mistral-datasets-serve.1",
];

/// Checks the archive of the build's platform.
///
/// # Errors
/// Says what is missing or failed.
pub fn check(build: &Build) -> Result<(), String> {
    let temporary = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let name = archive::file_name(build);
    let content = unpack(&build.output.join(&name), &name, temporary.path())?;
    for file in CONTENTS.into_iter().chain(licenses::FILES) {
        if !content.join(file).is_file() {
            return Err(format!("{name} does not contain {file}"));
        }
    }
    let command = content.join(build.target.executable("mistral-datasets"));
    let version = step::run(Step::new("run the unpacked command", &command).arg("--version"))?;
    if version.trim() != format!("mistral-datasets {}", build.version) {
        return Err(format!("the command in {name} has version `{}`", version.trim()));
    }
    quick_start(build, &command, temporary.path())
}

fn unpack(file: &Path, name: &str, target: &Path) -> Result<PathBuf, String> {
    let error = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let reader = fs::File::open(file)
        .map_err(|io| format!("{}; run `cargo xtask dist` first", error(&io)))?;
    if let Some(directory) = name.strip_suffix(".zip") {
        let mut archive = zip::ZipArchive::new(reader).map_err(|zip| error(&zip))?;
        archive.extract(target).map_err(|zip| error(&zip))?;
        return Ok(target.join(directory));
    }
    tar::Archive::new(GzDecoder::new(reader)).unpack(target).map_err(|io| error(&io))?;
    Ok(target.join(name.strip_suffix(".tar.gz").unwrap_or(name)))
}

/// Runs the commands of the README in an empty directory that contains the sample data. The server listens on a free port.
fn quick_start(build: &Build, command: &Path, directory: &Path) -> Result<(), String> {
    let blocks = readme::blocks(build.root, "README.md", "console")?;
    let block = blocks
        .iter()
        .find(|block| block.contains("mistral-datasets serve"))
        .ok_or("README.md does not start a server on the command line")?;
    let data = "examples/data/conversations.jsonl";
    fs::create_dir_all(directory.join("examples/data"))
        .and_then(|()| fs::copy(build.root.join(data), directory.join(data)))
        .map_err(|error| format!("{data}: {error}"))?;

    let mut server: Option<LocalServer> = None;
    let mut environment: Vec<(String, String)> = Vec::new();
    for words in readme::commands(block) {
        match words[0].as_str() {
            "export" => {
                for (name, value) in words[1..].iter().filter_map(|word| word.split_once('=')) {
                    let value = match (name, &server) {
                        ("MISTRAL_SERVER_URL", Some(server)) => server.url().to_owned(),
                        _ => value.to_owned(),
                    };
                    environment.push((name.to_owned(), value));
                }
            }
            "mistral-datasets" if words.last().is_some_and(|word| word == "&") => {
                let mut serve = Command::new(command);
                serve.args(&words[1..words.len() - 1]).args(["--listen", "127.0.0.1:0"]);
                serve.current_dir(directory);
                server = Some(LocalServer::spawn(serve)?);
            }
            "mistral-datasets" => {
                let mut step =
                    Step::new(words.join(" "), command).args(&words[1..]).current_dir(directory);
                for (name, value) in &environment {
                    step = step.env(name, value);
                }
                step::run(step)?;
            }
            // Installation and other programs.
            _ => {}
        }
    }
    let exported = fs::read(directory.join("refunds.jsonl"))
        .map_err(|error| format!("the quick start exported no refunds.jsonl: {error}"))?;
    let original = fs::read(build.root.join(data)).map_err(|error| format!("{data}: {error}"))?;
    let lines =
        |text: &[u8]| text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    if lines(&exported) == lines(&original) {
        Ok(())
    } else {
        Err(format!(
            "the quick start exported {} of {} records",
            lines(&exported),
            lines(&original)
        ))
    }
}
