//! `cargo xtask test`: every check and every test of every language.

use std::path::Path;

use crate::conformance;
use crate::local_server::LocalServer;
use crate::step::{self, Step, cargo};
use crate::toolchain::{self, Profile, in_venv, npm};

/// How many tests a runner ran.
struct Count {
    runner: &'static str,
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs everything and prints how many tests each runner ran.
///
/// # Errors
/// What failed, with what it printed; everything is run first, so that one run tells all.
pub fn test(root: &Path) -> Result<(), String> {
    toolchain::check()?;
    let mut report = Report { counts: Vec::new(), failures: Vec::new() };

    eprintln!("checks of the Rust code");
    report.check(Step::new("formatting", cargo()).args(["fmt", "--all", "--check"]).within(root));
    report.check(
        Step::new("clippy", cargo())
            .args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ])
            .within(root),
    );
    report.check(
        Step::new("documentation", cargo())
            .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .within(root),
    );

    eprintln!("Rust tests");
    let mut arguments = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
    // Their libraries are loaded by Python and Node, whose own runners test them below.
    arguments.extend([
        "--exclude",
        "mistral-datasets-python",
        "--exclude",
        "mistral-datasets-node",
    ]);
    report.runner(
        "cargo test",
        Step::new("cargo test", cargo()).args(arguments).within(root),
        cargo_counts,
    );

    eprintln!("Python");
    if report.prepare(python(root)) {
        let python = root.join("bindings/python");
        let tool =
            |what: &str, program: &str| Step::new(what, in_venv(root, program)).within(&python);
        let scripts = [".", "../../examples", "../../bench", "../../tests/schemathesis"];
        let config = ["--config", "pyproject.toml", "--quiet"];
        report.check(
            tool("ruff format", "ruff").args(["format", "--check"]).args(config).args(scripts),
        );
        report.check(tool("ruff check", "ruff").args(["check"]).args(config).args(scripts));
        report.check(tool("mypy --strict", "python").args(["-m", "mypy"]));
        report.check(tool("pyright", "pyright"));
        report.check(tool("stubtest", "python").args([
            "-m",
            "mypy.stubtest",
            "mistral_datasets",
            "--allowlist",
            "stubtest-allowlist.txt",
        ]));
        report.runner(
            "pytest",
            tool("pytest", "python").args(["-m", "pytest", "-q", "-rs"]),
            pytest_counts,
        );
    }

    eprintln!("Node");
    if report.prepare(toolchain::node_module(root, Profile::Quick)) {
        let node = root.join("bindings/node");
        let script = |what: &str, script: &str| {
            Step::new(what, npm()).args(["run", "--silent", script]).within(&node)
        };
        report.check(script("prettier", "format:check"));
        report.check(script("tsc --strict", "typecheck"));
        report.runner("node --test", script("node --test", "test"), node_counts);
    }

    eprintln!("the official SDKs against the local server");
    if report.prepare(command(root).and_then(|()| official_packages(root))) {
        match LocalServer::start(root) {
            Err(message) => report.failures.push(message),
            Ok(server) => official(root, &server, &mut report),
        }
    }

    eprintln!("the local server against its document");
    if report.prepare(conformance::prepare(root)) {
        match conformance::server(root) {
            Err(message) => report.failures.push(message),
            Ok(server) => {
                let step = conformance::round(root, &server, CONFORMANCE_EXAMPLES, 1);
                report.runner("schemathesis", step, conformance::counts);
            }
        }
    }
    report.finish()
}

/// How many requests schemathesis makes up for each operation, so that it takes less than a minute.
const CONFORMANCE_EXAMPLES: u64 = 40;

fn python(root: &Path) -> Result<(), String> {
    toolchain::python_environment(root, "bindings/python/requirements-dev.txt")?;
    toolchain::python_package(root, Profile::Quick)
}

/// The versions of the official Python SDK that are run.
const OFFICIAL_PYTHON: [&str; 2] = ["2.5.1", "3.7.0"];

/// Builds the command for tests.
fn command(root: &Path) -> Result<(), String> {
    step::run(
        Step::new("build the command", cargo())
            .args(["build", "--locked", "--quiet", "--package", "mistral-datasets-cli"])
            .within(root),
    )
    .map(drop)
}

/// Installs each official SDK beside the others, where nothing else imports it.
///
/// # Errors
/// When a command fails; what it printed is part of the message.
pub fn official_packages(root: &Path) -> Result<(), String> {
    for version in OFFICIAL_PYTHON {
        let target = root.join(format!("target/official/mistralai-{version}"));
        if target.join("mistralai").is_dir() {
            continue;
        }
        let requirements = format!("tests/official/python/requirements-{version}.txt");
        step::run(
            Step::new(format!("install mistralai {version}"), in_venv(root, "python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--target",
                ])
                .args([target.as_os_str()])
                .args(["-r", &requirements])
                .within(root),
        )?;
    }
    toolchain::npm_packages(&root.join("tests/official/node"))
}

fn official(root: &Path, server: &LocalServer, report: &mut Report) {
    for (runner, version) in
        [("official SDK, Python 2.5.1", "2.5.1"), ("official SDK, Python 3.7.0", "3.7.0")]
    {
        let step = Step::new(format!("mistralai {version}"), in_venv(root, "python"))
            .args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/official/python"])
            .env("PYTHONPATH", root.join(format!("target/official/mistralai-{version}")))
            .env("MISTRAL_SERVER_URL", server.url())
            .within(root);
        report.runner(runner, step, pytest_counts);
    }
    let step = Step::new("@mistralai/mistralai", "node")
        .args(["--test", "official.test.mjs"])
        .env("MISTRAL_SERVER_URL", server.url())
        .within(root.join("tests/official/node"));
    report.runner("official SDK, Node", step, node_counts);
}

struct Report {
    counts: Vec<Count>,
    failures: Vec<String>,
}

impl Report {
    fn check(&mut self, step: Step) {
        self.prepare(step::run(step).map(drop));
    }

    fn prepare(&mut self, result: Result<(), String>) -> bool {
        result.map_err(|failure| self.failures.push(failure)).is_ok()
    }

    fn runner(&mut self, runner: &'static str, step: Step, counts: fn(&str) -> [usize; 3]) {
        let (text, failure) = match step::run(step) {
            Ok(text) => (text, None),
            Err(text) => (text.clone(), Some(text)),
        };
        let [passed, failed, skipped] = counts(&text);
        for line in text.lines().filter(|line| line.trim_start().starts_with("SKIPPED")) {
            eprintln!("    {}", line.trim());
        }
        if failure.is_none() && passed == 0 {
            self.failures.push(format!("{runner} ran no test:\n{text}"));
        }
        self.failures.extend(failure);
        self.counts.push(Count { runner, passed, failed, skipped });
    }

    fn finish(self) -> Result<(), String> {
        for failure in &self.failures {
            eprintln!("\n{failure}");
        }
        println!();
        for Count { runner, passed, failed, skipped } in &self.counts {
            println!("{runner}: {passed} passed, {failed} failed, {skipped} skipped");
        }
        let sum = |of: fn(&Count) -> usize| self.counts.iter().map(of).sum::<usize>();
        println!(
            "\n{} passed, {} failed, {} skipped",
            sum(|count| count.passed),
            sum(|count| count.failed),
            sum(|count| count.skipped)
        );
        match self.failures.len() {
            0 => Ok(()),
            1 => Err("one step failed; it is printed above".to_owned()),
            steps => Err(format!("{steps} steps failed; they are printed above")),
        }
    }
}

/// The number that stands before a word, such as `12 passed`, in one line.
fn before(line: &str, word: &str) -> usize {
    let words: Vec<&str> =
        line.split([' ', ',', ';', '=']).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// Sums cargo's closing lines, one of which each test program and the doc tests print.
fn cargo_counts(text: &str) -> [usize; 3] {
    let mut sums = [0; 3];
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        for (sum, word) in sums.iter_mut().zip(["passed", "failed", "ignored"]) {
            *sum += before(
                line.trim_start_matches("test result: ok.")
                    .trim_start_matches("test result: FAILED."),
                word,
            );
        }
    }
    sums
}

/// Reads pytest's closing line: `3 failed, 117 passed, 1 skipped in 4.20s`.
fn pytest_counts(text: &str) -> [usize; 3] {
    let line = text
        .lines()
        .rev()
        .find(|line| {
            line.contains(" in ") && (line.contains(" passed") || line.contains(" failed"))
        })
        .unwrap_or_default();
    [
        before(line, "passed"),
        before(line, "failed") + before(line, "errors"),
        before(line, "skipped"),
    ]
}

/// Reads the summary of node's runner: `# pass 12` or `ℹ pass 12`, a line for each count.
fn node_counts(text: &str) -> [usize; 3] {
    ["pass", "fail", "skipped"].map(|word| {
        text.lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                (matches!(words.next(), Some("#" | "ℹ")) && words.next() == Some(word))
                    .then(|| words.next()?.parse().ok())
                    .flatten()
            })
            .next_back()
            .unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_every_runner_are_read() {
        let cargo = "test result: ok. 13 passed; 0 failed; 1 ignored; 0 measured\n\
                     test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured";
        assert_eq!(cargo_counts(cargo), [15, 3, 1]);
        assert_eq!(pytest_counts("..\n3 failed, 117 passed, 1 skipped in 4.20s"), [117, 3, 1]);
        assert_eq!(pytest_counts("117 passed in 4.20s"), [117, 0, 0]);
        assert_eq!(node_counts("# tests 3\n# pass 2\n# fail 1\n# skipped 0"), [2, 1, 0]);
        assert_eq!(node_counts("ℹ pass 7\nℹ fail 0\nℹ skipped 1"), [7, 0, 1]);
    }
}
