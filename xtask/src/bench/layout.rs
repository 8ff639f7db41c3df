//! Which functions calls run, so that the published modules have them side by side.
//!
//! The system reads a module in pieces of 64 KiB as it is run. What a call needs is an eighth of a module and lay all over it, so
//! that half the module was in memory.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::rows::{self, ROWS, Row};
use super::runner::{RUNNERS, Runner, Who};
use super::workload::Workload;
use crate::demo;
use crate::local_server::LocalServer;
use crate::toolchain::{self, LAYOUT, Profile};

/// The rows whose functions are to be side by side.
const MEASURED: [&str; 3] = ["hold", "create", "pager"];

/// How often each is done: what is to be known is which functions run, not how often.
const UNITS: u32 = 5;

/// How the files of the modules begin.
const MODULES: [&str; 2] = ["_native.", "mistral-datasets."];

/// How much of a name is written down.
const LONGEST: usize = 120;

/// Runs the rows, and writes the names of all functions of ours that ran into a script for the linker.
///
/// # Errors
/// When something cannot be built, valgrind is missing or a runner fails.
pub fn layout(root: &Path) -> Result<(), String> {
    toolchain::check()?;
    eprintln!("building");
    demo::build(root, Profile::Named)?;
    let command = demo::built(root, Profile::Named, "mistral-datasets")?;
    let server = LocalServer::start_with(&command)?;
    let folder = root.join("target/bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let workload = Workload::create(&server, &command, &folder, rows::RECORDS)?;

    eprintln!("looking");
    let profile = folder.join("functions.callgrind");
    let mut patterns = BTreeSet::new();
    for row in ROWS.iter().filter(|row| MEASURED.contains(&row.name)) {
        for runner in RUNNERS.iter().filter(|runner| runner.who == Who::Ours) {
            eprintln!("  {} in {}", row.title, runner.language.name());
            run(root, &server, &workload, row, *runner, &profile)?;
            let text = fs::read_to_string(&profile)
                .map_err(|error| format!("{}: {error}", profile.display()))?;
            patterns.extend(functions(&text).into_iter().map(pattern));
        }
    }
    super::write(root, LAYOUT, &script(&patterns))?;
    println!("wrote {LAYOUT} with {} names", patterns.len());
    Ok(())
}

/// Runs a row so that every function that runs is noted.
fn run(
    root: &Path,
    server: &LocalServer,
    workload: &Workload,
    row: &Row,
    runner: Runner,
    profile: &Path,
) -> Result<(), String> {
    let row = &Row { units: UNITS, warm_up: 0, ..*row };
    let plain = runner.command(root, server, row, &workload.job(row))?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--demangle=no", "--smc-check=all-non-file"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(plain.get_program())
        .args(plain.get_args());
    let output = command
        .output()
        .map_err(|error| format!("valgrind (`apt-get install valgrind`): {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{} under valgrind:\n{}", row.name, String::from_utf8_lossy(&output.stderr)))
}

/// The functions of the modules that a profile of callgrind names. It names objects and functions once, and later by numbers.
fn functions(profile: &str) -> BTreeSet<&str> {
    let mut ours: HashMap<&str, bool> = HashMap::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut object = "";
    let mut ran: BTreeSet<&str> = BTreeSet::new();
    for line in profile.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let Some((number, name)) = value.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        else {
            continue;
        };
        let name = name.trim_start();
        match key {
            "ob" | "cob" => {
                if !name.is_empty() {
                    let file = name.rsplit('/').next().unwrap_or(name);
                    ours.insert(number, MODULES.iter().any(|start| file.starts_with(start)));
                }
                if key == "ob" {
                    object = number;
                }
            }
            "fn" | "cfn" => {
                if !name.is_empty() {
                    names.insert(number, name);
                }
                if key == "fn" && ours.get(object) == Some(&true) {
                    ran.extend(names.get(number));
                }
            }
            _ => {}
        }
    }
    // What calls itself is told apart by depth; what has no name was compiled from C.
    ran.into_iter()
        .map(|name| name.split_once('\'').map_or(name, |(name, _)| name))
        .filter(|name| !name.starts_with("0x"))
        .collect()
}

/// A name as the linker is to look for it: without the hashes that are others at the next build.
fn pattern(name: &str) -> String {
    let mut pattern = if let Some((name, _)) = name.rsplit_once("17h") {
        // `_ZN…17h0123456789abcdefE`, perhaps with a number behind it.
        format!("{name}17h*")
    } else if name.starts_with("_R") {
        without_crate_hashes(name)
    } else {
        name.to_owned()
    };
    if pattern.len() > LONGEST {
        pattern.truncate(LONGEST);
        pattern.push('*');
    }
    pattern
}

/// A name in Rust's newer spelling without the hashes of crates (`Cs…_`), the references to what stands where in the name (`B…_`),
/// and what the compiler put behind it.
fn without_crate_hashes(name: &str) -> String {
    let (name, tail) = name.split_once('.').map_or((name, ""), |(name, _)| (name, "*"));
    let mut pattern = String::new();
    let mut rest = name;
    while let Some(at) = rest.find(['B', 'C']) {
        let (before, from) = rest.split_at(at);
        pattern.push_str(before);
        let (start, longest) = if from.starts_with("Cs") { ("Cs", 13) } else { (&from[..1], 3) };
        let end = from[start.len()..].find(|c: char| !c.is_ascii_alphanumeric());
        pattern.push_str(start);
        rest = &from[start.len()..];
        if let Some(end) = end.filter(|end| *end <= longest && start != "C")
            && rest[end..].starts_with('_')
        {
            pattern.push_str("*_");
            rest = &rest[end + 1..];
        }
    }
    pattern + rest + tail
}

/// The script: a section before all other code.
fn script(patterns: &BTreeSet<String>) -> String {
    let mut text = String::from(
        "/* Generated by `cargo xtask bench layout`. Do not edit: run the command again.\n   \
         The functions that most calls run, to lie side by side in the published modules. */\n\n\
         SECTIONS\n{\n  .text.first :\n  {\n",
    );
    for pattern in patterns {
        // `.text.NAME`, or `.text.unlikely.NAME`.
        let _ = writeln!(text, "    *(.text*.{pattern})");
    }
    text.push_str("  }\n}\nINSERT BEFORE .text;\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_after_another_build() {
        for (name, expected) in [
            ("_ZN4http3uri3Uri4host17h0123456789abcdefE", "_ZN4http3uri3Uri4host17h*"),
            (
                "_ZN5bytes5bytes12static_clone17h0123456789abcdefE.11933",
                "_ZN5bytes5bytes12static_clone17h*",
            ),
            (
                "_RINvNtCslNYArtu3iFV_5alloc3vecNtB8_8ByteCodeE4CoreB1a_Cs4X4t9plMPHF_5other.42",
                "_RINvNtCs*_5alloc3vecNtB*_8ByteCodeE4CoreB*_Cs*_5other*",
            ),
            ("napi_register_module_v1", "napi_register_module_v1"),
        ] {
            assert_eq!(pattern(name), expected);
        }
        let long = format!("_ZN{}17h0123456789abcdefE", "9long_name".repeat(40));
        assert_eq!(pattern(&long).len(), LONGEST + 1);
    }

    #[test]
    fn only_what_ran_in_the_modules_is_listed() {
        let profile = "ob=(1) /usr/bin/node\nfn=(1) main\ncob=(2) /x/mistral-datasets.linux-x64-gnu.node\ncfn=(2) first\n\
                       \nob=(2)\nfn=(2)\n3 4\ncob=(1)\ncfn=(3) uv_run\n\nfn=(4) second'2\n\nfn=(5) 0x00001234\n\nob=(1)\nfn=(3)\n";
        assert_eq!(functions(profile), BTreeSet::from(["first", "second"]));
    }
}
