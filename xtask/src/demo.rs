//! `cargo xtask demo`: the main job through every door of the product, checked byte for byte.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::local_server::LocalServer;
use crate::step::{self, cargo};
use crate::toolchain::{self, Profile, in_venv};

/// The conversations that come with the project.
const SAMPLE: &str = "examples/data/conversations.jsonl";

/// Where the exports lie afterwards.
const EXPORTS: &str = "target/demo";

/// How many records one import can copy.
const COPY_AT_ONCE: usize = 10_000;

/// What the job did through one door.
#[derive(Deserialize)]
struct Outcome {
    imported: u64,
    listed: u64,
    copied: u64,
    exported_bytes: u64,
    seconds: f64,
}

/// Builds what is needed, runs the main job through Rust, the command, Python and Node, and compares each export with what
/// went in.
///
/// # Errors
/// When something is missing or fails, or a byte of any payload or property differs.
pub fn demo(root: &Path, file: Option<PathBuf>) -> Result<(), String> {
    let input = match file {
        Some(file) => {
            fs::canonicalize(&file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => root.join(SAMPLE),
    };
    toolchain::check()?;
    eprintln!("building");
    build(root, Profile::Release)?;

    let exports = root.join(EXPORTS);
    fs::create_dir_all(&exports).map_err(|error| format!("{}: {error}", exports.display()))?;
    let shown = input.strip_prefix(root).unwrap_or(&input).display();
    println!(
        "\nThe main job on {shown}: create a dataset, upload and import the file, wait for the task, list the"
    );
    println!(
        "records, edit one, copy all into a second dataset, export that, compare it with the file.\n"
    );
    println!(
        "{:<10} {:>9} {:>9} {:>9} {:>12} {:>9}  export",
        "through", "imported", "listed", "copied", "bytes out", "seconds"
    );
    for door in DOORS {
        let export = exports.join(format!("{}.jsonl", door.name));
        let outcome =
            (door.run)(root, &input, &export).map_err(|error| format!("{}: {error}", door.name))?;
        let compared = compare(&input, &export, door.name)?;
        for (what, count) in
            [("imported", outcome.imported), ("listed", outcome.listed), ("copied", outcome.copied)]
        {
            if count != compared {
                return Err(format!("{}: {what} {count} records of {compared}", door.name));
            }
        }
        println!(
            "{:<10} {:>9} {:>9} {:>9} {:>12} {:>9.3}  {EXPORTS}/{}.jsonl",
            door.name,
            outcome.imported,
            outcome.listed,
            outcome.copied,
            outcome.exported_bytes,
            outcome.seconds,
            door.name
        );
    }
    println!(
        "\nEvery payload and every property came back byte for byte, but for the one edit of each door."
    );
    Ok(())
}

/// One way into the product.
struct Door {
    name: &'static str,
    run: fn(&Path, &Path, &Path) -> Result<Outcome, String>,
}

const DOORS: &[Door] = &[
    Door { name: "rust", run: rust },
    Door { name: "command", run: command },
    Door { name: "python", run: python },
    Door { name: "node", run: node },
];

/// Builds the command, the Rust example, the Python package and the Node module.
///
/// # Errors
/// When a build fails; what it printed is part of the message.
pub fn build(root: &Path, profile: Profile) -> Result<(), String> {
    step::run(
        profile
            .step(root, "build the command and the Rust example", cargo())
            .args([
                "build",
                "--profile",
                profile.name(),
                "--locked",
                "--quiet",
                "--target",
                &toolchain::host_triple()?,
            ])
            .args(["--package", "mistral-datasets-cli", "--bin", "mistral-datasets"])
            .args(["--package", "mistral-datasets", "--features", "mistral-datasets/local"])
            .args(["--example", "main_job"])
            // Chosen only, not built: with it the dependencies get the features that the modules for Python and Node
            // need, and are compiled once for all.
            .args(["--package", "mistral-datasets-python"])
            .within(root),
    )?;
    toolchain::python_environment(root, "bindings/python/requirements-build.txt")?;
    toolchain::python_package(root, profile)?;
    toolchain::node_module(root, profile)
}

/// Something that was built.
///
/// # Errors
/// When rustc does not name the machine's target.
pub fn built(root: &Path, profile: Profile, path: &str) -> Result<PathBuf, String> {
    Ok(root.join("target").join(toolchain::host_triple()?).join(profile.name()).join(path))
}

fn rust(root: &Path, input: &Path, export: &Path) -> Result<Outcome, String> {
    report(Command::new(built(root, Profile::Release, "examples/main_job")?).args([input, export]))
}

fn python(root: &Path, input: &Path, export: &Path) -> Result<Outcome, String> {
    report(
        Command::new(in_venv(root, "python"))
            .arg(root.join("examples/main_job.py"))
            .args([input, export]),
    )
}

fn node(root: &Path, input: &Path, export: &Path) -> Result<Outcome, String> {
    report(Command::new("node").arg(root.join("examples/main_job.mjs")).args([input, export]))
}

/// Runs a program whose last line is its report.
fn report(program: &mut Command) -> Result<Outcome, String> {
    let text = output(program)?;
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| format!("its report `{line}`: {error}"))
}

fn output(program: &mut Command) -> Result<String, String> {
    let output = program
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {:?}: {error}", program.get_program()))?;
    if !output.status.success() {
        return Err(format!(
            "failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The job as somebody types it, against `mistral-datasets serve`.
fn command(root: &Path, input: &Path, export: &Path) -> Result<Outcome, String> {
    let program = built(root, Profile::Release, "mistral-datasets")?;
    let began = Instant::now();
    let server = LocalServer::start_with(&program)?;
    let call = |arguments: &[&str]| -> Result<serde_json::Value, String> {
        let text = output(
            Command::new(&program)
                .env("MISTRAL_API_KEY", "demo")
                .env("MISTRAL_SERVER_URL", server.url())
                .arg("--json")
                .args(arguments),
        )?;
        serde_json::from_str(&text).map_err(|error| format!("its response `{text}`: {error}"))
    };
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &serde_json::Value| value.as_u64().unwrap_or_default();

    let dataset = text(
        &call(&["datasets", "create", "Main job", "--description", "Imported from a file"])?["id"],
    );
    let imported = call(&["import", &dataset, &input.to_string_lossy()])?;
    let mut ids = Vec::new();
    for page in 1.. {
        let page = page.to_string();
        let response = call(&["records", "list", &dataset, "--page-size", "100", "--page", &page])?;
        let results = response["records"]["results"].as_array().cloned().unwrap_or_default();
        ids.extend(results.iter().map(|record| text(&record["id"])));
        if response["records"]["next"].is_null() {
            break;
        }
    }
    let first = ids.first().ok_or("the file holds no record")?;
    call(&["records", "edit", first, "--properties", &edit("command")])?;
    let copy = text(
        &call(&[
            "datasets",
            "create",
            "Main job, copied",
            "--description",
            "Copied from the first dataset",
        ])?["id"],
    );
    let mut copied = 0;
    // A command line has room for fewer ids than a request.
    for ids in ids.chunks(COPY_AT_ONCE / 10) {
        let mut arguments = vec!["import", &copy, "--records"];
        arguments.extend(ids.iter().map(String::as_str));
        copied += number(&call(&arguments)?["result"]["imported_record_count"]);
    }
    let written = call(&["export", &copy, "--output", &export.to_string_lossy()])?;
    Ok(Outcome {
        imported: number(&imported["records"]),
        listed: ids.len() as u64,
        copied,
        exported_bytes: number(&written["bytes"]),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// The properties that each door gives the first record.
fn edit(door: &str) -> String {
    format!(r#"{{"edited by":"{door}"}}"#)
}

/// A line of the file or of an export, as text.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// Compares an export with what went in, and returns the number of records.
fn compare(input: &Path, export: &Path, door: &str) -> Result<u64, String> {
    let lines = |path: &Path| -> Result<Vec<String>, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let lines: Result<Vec<String>, _> = BufReader::new(file).lines().collect();
        let mut lines = lines.map_err(|error| format!("{}: {error}", path.display()))?;
        lines.retain(|line| !line.trim().is_empty());
        Ok(lines)
    };
    let (given, exported) = (lines(input)?, lines(export)?);
    if given.len() != exported.len() {
        return Err(format!(
            "{door}: {} records went in, {} came out",
            given.len(),
            exported.len()
        ));
    }
    let edited = edit(door);
    for (index, (given, exported)) in given.iter().zip(&exported).enumerate() {
        let place = |what: &str| format!("{door}: record {}: {what}", index + 1);
        let parse =
            |text| serde_json::from_str::<Line>(text).map_err(|error| place(&error.to_string()));
        let (given, exported) = (parse(given)?, parse(exported)?);
        let payload = exported.payload.ok_or_else(|| place("the export has no payload"))?.get();
        let same = match (given.payload, given.messages) {
            (Some(given), _) => given.get() == payload,
            // A line of messages alone becomes a payload that holds them.
            (None, Some(messages)) => {
                let payload: Line =
                    serde_json::from_str(payload).map_err(|error| place(&error.to_string()))?;
                payload.messages.is_some_and(|exported| exported.get() == messages.get())
            }
            (None, None) => return Err(place("the line has neither payload nor messages")),
        };
        if !same {
            return Err(place("the payload differs"));
        }
        let expected = match index {
            0 => edited.as_str(),
            _ => given.properties.map_or("{}", RawValue::get),
        };
        if exported.properties.map(RawValue::get) != Some(expected) {
            return Err(place("the properties differ"));
        }
    }
    Ok(given.len() as u64)
}
