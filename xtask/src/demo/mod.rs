//! `cargo xtask demo`: runs the main job through every interface of the product and compares the result byte for byte.

mod command_line;
mod compare;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::artifacts;
use crate::packages::in_venv;
use crate::toolchain;

/// The conversations that come with the project.
const SAMPLE: &str = "examples/data/conversations.jsonl";

/// The directory of the exported files.
const EXPORTS: &str = "target/demo";

/// The report of one run of the main job.
#[derive(Deserialize)]
struct Report {
    imported: u64,
    listed: u64,
    copied: u64,
    exported_bytes: u64,
    seconds: f64,
}

/// An interface of the product, and how to run the main job through it with an input file and an export file.
struct Interface {
    name: &'static str,
    run: fn(&Path, &Path, &Path) -> Result<Report, String>,
}

const INTERFACES: &[Interface] = &[
    Interface { name: "rust", run: rust },
    Interface { name: "command", run: command_line::run },
    Interface { name: "python", run: python },
    Interface { name: "node", run: node },
];

/// Builds everything, runs the main job through Rust, the command line, Python and Node, and compares each export with the
/// input.
///
/// # Errors
/// Fails if a tool is missing, a build or a run fails, or any payload or property differs.
pub fn demo(root: &Path, file: Option<PathBuf>) -> Result<(), String> {
    let input = match file {
        Some(file) => {
            fs::canonicalize(&file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => root.join(SAMPLE),
    };
    toolchain::check()?;
    eprintln!("building");
    artifacts::build(root)?;
    artifacts::install_python(root)?;
    artifacts::install_node(root)?;

    let exports = root.join(EXPORTS);
    fs::create_dir_all(&exports).map_err(|error| format!("{}: {error}", exports.display()))?;
    let shown = input.strip_prefix(root).unwrap_or(&input).display();
    println!(
        "\nThe main job on {shown}: create a dataset, upload and import the file, wait for the task, list the\n\
         records, edit one, copy all of them to a second dataset, export that, compare the export with the file.\n"
    );
    println!(
        "{:<10} {:>9} {:>9} {:>9} {:>12} {:>9}  export",
        "interface", "imported", "listed", "copied", "bytes", "seconds"
    );
    for interface in INTERFACES {
        let export = exports.join(format!("{}.jsonl", interface.name));
        run(root, interface, &input, &export)
            .map_err(|error| format!("{}: {error}", interface.name))?;
    }
    println!(
        "\nAll payloads and properties were exported byte for byte, except for the record that each run edited."
    );
    Ok(())
}

/// Runs the main job through an interface, checks its export and prints its report.
fn run(root: &Path, interface: &Interface, input: &Path, export: &Path) -> Result<(), String> {
    let name = interface.name;
    let report = (interface.run)(root, input, export)?;
    let expected = compare::compare(input, export, &edited_properties(name))?;
    for (action, count) in
        [("imported", report.imported), ("listed", report.listed), ("copied", report.copied)]
    {
        if count != expected {
            return Err(format!("{action} {count} of {expected} records"));
        }
    }
    println!(
        "{name:<10} {:>9} {:>9} {:>9} {:>12} {:>9.3}  {EXPORTS}/{name}.jsonl",
        report.imported, report.listed, report.copied, report.exported_bytes, report.seconds,
    );
    Ok(())
}

/// Returns the properties that each run gives the first record.
fn edited_properties(interface: &str) -> String {
    format!(r#"{{"edited by":"{interface}"}}"#)
}

fn rust(root: &Path, input: &Path, export: &Path) -> Result<Report, String> {
    report(Command::new(artifacts::example(root)).args([input, export]))
}

fn python(root: &Path, input: &Path, export: &Path) -> Result<Report, String> {
    report(
        Command::new(in_venv(root, "python"))
            .arg(root.join("examples/main_job.py"))
            .args([input, export]),
    )
}

fn node(root: &Path, input: &Path, export: &Path) -> Result<Report, String> {
    report(Command::new("node").arg(root.join("examples/main_job.mjs")).args([input, export]))
}

/// Runs a program that prints its report as its last line.
fn report(program: &mut Command) -> Result<Report, String> {
    let text = output(program)?;
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| format!("invalid report `{line}`: {error}"))
}

/// Runs a program and returns its standard output.
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
