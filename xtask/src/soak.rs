//! `cargo xtask soak`: kills the release server under load, fills its disk and attacks its memory, repeatedly, and checks its data.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::postgres::Postgres;
use crate::step::cargo;

/// What precedes the line for the summary in the output of a test.
const SUMMARY: &str = "summary: ";

/// How much to test. Zero skips a part.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// How often to kill the server
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// How often to kill the server while it only runs imports
    #[arg(long, default_value_t = 50)]
    import_kills: u32,
    /// How many small tmpfs disks to fill and free again (Linux only)
    #[arg(long, default_value_t = 30)]
    disks: u32,
    /// How many small ext4 disks to fill and free again (Linux only, requires root)
    #[arg(long, default_value_t = 10)]
    ext4_disks: u32,
    /// Do not attack the memory of the server (the attacks run on Linux only)
    #[arg(long)]
    skip_memory: bool,
    /// The storage of the server; with `postgres`, only kills are tested, of three servers that share a database, which is restarted
    /// in every tenth round
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    backend: Backend,
    /// Repeat an earlier run with the seed it printed
    #[arg(long)]
    seed: Option<u64>,
}

/// Where the tested servers store their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Backend {
    /// A data directory.
    Sqlite,
    /// A PostgreSQL database that several servers share.
    Postgres,
}

/// A part of the run: the tests of the command whose names start with `filter`.
struct Part {
    name: String,
    filter: &'static str,
    variables: Vec<(&'static str, String)>,
}

/// What a part found.
struct Outcome {
    name: String,
    elapsed: Duration,
    passed: bool,
    /// The lines that the tests printed for the summary.
    results: Vec<String>,
}

/// Runs all parts, also after one has failed, and prints a summary.
///
/// # Errors
/// Fails if data was lost, duplicated or partially written, if a limit was exceeded, or if a test cannot run.
pub fn soak(root: &Path, options: Options) -> Result<(), String> {
    let seed = options.seed.unwrap_or_else(time_as_seed);
    println!("seed {seed}; repeat this run with `--seed {seed}`");
    let postgres = match options.backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Postgres::start()?),
    };
    let mut outcomes = Vec::new();
    for part in parts(options, postgres.as_ref()) {
        println!("\n== {}", part.name);
        outcomes.push(run(root, part, seed)?);
    }
    println!("\n== Summary, seed {seed}");
    for Outcome { name, elapsed, passed, results } in &outcomes {
        let state = if *passed { "passed" } else { "FAILED" };
        println!("{name}: {state} after {} s", elapsed.as_secs());
        for result in results {
            println!("  {result}");
        }
    }
    if outcomes.iter().all(|outcome| outcome.passed) {
        return Ok(());
    }
    Err("the soak test failed; see above".to_owned())
}

/// Returns a different seed for each run.
fn time_as_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn parts(options: Options, postgres: Option<&Postgres>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |count: u32, name: &str, filter, variables: &[(&'static str, String)]| {
        if count > 0 {
            parts.push(Part { name: name.to_owned(), filter, variables: variables.to_vec() });
        }
    };
    let Options { kills, import_kills, disks, ext4_disks, skip_memory, .. } = options;
    if let Some(postgres) = postgres {
        let variables = [
            ("MISTRAL_DATASETS_SHARED_KILLS", kills.to_string()),
            ("MISTRAL_DATASETS_TEST_POSTGRES", postgres.url()),
            ("MISTRAL_DATASETS_RESTART_POSTGRES", postgres.restart_command()),
        ];
        add(kills, &format!("{kills} kills of servers"), "shared_kills::acknowledged", &variables);
        return parts;
    }
    let kills_variable = ("MISTRAL_DATASETS_KILLS", kills.to_string());
    add(kills, &format!("{kills} kills"), "kills::acknowledged", &[kills_variable]);
    let kills_variable = ("MISTRAL_DATASETS_IMPORT_KILLS", import_kills.to_string());
    let name = format!("{import_kills} kills during imports");
    add(import_kills, &name, "import_kills::", &[kills_variable]);
    if cfg!(target_os = "linux") {
        for (count, file_system) in [(disks, "tmpfs"), (ext4_disks, "ext4")] {
            let variables = [
                ("MISTRAL_DATASETS_DISKS", count.to_string()),
                ("MISTRAL_DATASETS_FILE_SYSTEM", file_system.to_owned()),
            ];
            let name = format!("{count} full {file_system} disks");
            add(count, &name, "full_disk::", &variables);
        }
        add(u32::from(!skip_memory), "Attacks on the memory", "memory::", &[]);
    } else {
        println!("full disks and attacks on the memory are tested on Linux only");
    }
    parts
}

/// Runs a part. Its output goes to the terminal.
fn run(root: &Path, part: Part, seed: u64) -> Result<Outcome, String> {
    let started = Instant::now();
    let mut tests = Command::new(cargo())
        .args(["test", "--release", "--package", "mistral-datasets-cli", "--test", "durability"])
        .args(["--", "--include-ignored", "--nocapture", "--test-threads=1", part.filter])
        .envs(part.variables)
        .env("MISTRAL_DATASETS_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .current_dir(root)
        .spawn()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let mut results = Vec::new();
    for line in BufReader::new(tests.stdout.take().expect("stdout is piped")).lines() {
        let line = line.map_err(|error| format!("cannot read the output of cargo: {error}"))?;
        // The name of the test precedes the first line that it prints.
        if let Some((_, result)) = line.split_once(SUMMARY) {
            results.push(result.to_owned());
        }
        println!("{line}");
    }
    let status = tests.wait().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() && results.is_empty() {
        return Err(format!("{}: no test named `{}…` printed a summary", part.name, part.filter));
    }
    Ok(Outcome { name: part.name, elapsed: started.elapsed(), passed: status.success(), results })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Options = Options {
        kills: 0,
        import_kills: 0,
        disks: 0,
        ext4_disks: 0,
        skip_memory: true,
        backend: Backend::Sqlite,
        seed: None,
    };

    #[test]
    fn a_count_of_zero_skips_a_part() {
        assert!(parts(NOTHING, None).is_empty());
        let parts = parts(Options { import_kills: 7, ..NOTHING }, None);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].name, "7 kills during imports");
        let variable = ("MISTRAL_DATASETS_IMPORT_KILLS", "7".to_owned());
        assert_eq!(parts[0].variables, [variable]);
    }
}
