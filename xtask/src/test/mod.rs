//! `cargo xtask test`: runs all checks and tests of all languages.

mod counts;
pub mod report;

use std::path::Path;
use std::process::Command;

use crate::artifacts::{self, PROFILE, SELECTION};
use crate::conformance;
use crate::dist;
use crate::local_server::LocalServer;
use crate::packages::{self, in_venv};
use crate::postgres::Postgres;
use crate::step::{Step, cargo};
use crate::toolchain::{self, npm};
use report::Report;

/// How many requests schemathesis generates per operation, so that it takes less than a minute.
const CONFORMANCE_EXAMPLES: u64 = 40;

/// Runs everything and prints how many tests each runner ran. A failed step does not stop the steps after it.
///
/// # Errors
/// Fails if any step failed.
pub fn test(root: &Path) -> Result<(), String> {
    toolchain::check()?;
    let mut report = Report::default();

    eprintln!("build");
    let is_built = report.succeeded(artifacts::build(root));
    eprintln!("PostgreSQL");
    let postgres = match Postgres::start() {
        Ok(postgres) => Some(postgres),
        Err(error) => {
            report.fail(error);
            None
        }
    };
    eprintln!("Rust");
    rust(root, postgres.as_ref(), &mut report);
    if is_built {
        eprintln!("Python");
        python(root, &mut report);
        eprintln!("Node");
        node(root, &mut report);
        eprintln!("official SDKs with the local server");
        official_sdks(root, postgres.as_ref(), &mut report);
        eprintln!("local server against the OpenAPI document");
        document(root, postgres.as_ref(), &mut report);
        eprintln!("packages");
        dist::check::quick(root, &artifacts::node_module(root), &mut report);
    }
    report.finish()
}

/// Runs formatting, clippy, rustdoc and the tests. The packages of [`SELECTION`] share their artifacts with the build; this
/// package shares those of the running program, which is built with the dev profile.
fn rust(root: &Path, postgres: Option<&Postgres>, report: &mut Report) {
    let step = |name: &str, command: &str| {
        let step = Step::new(name, cargo()).args([command, "--locked"]).current_dir(root);
        match postgres {
            Some(postgres) => step.env("MISTRAL_DATASETS_TEST_POSTGRES", postgres.url()),
            None => step,
        }
    };
    let this = ["--package", "xtask"];
    let deny_warnings = ["--quiet", "--all-targets", "--", "-D", "warnings"];
    report.check(
        Step::new("formatting", cargo()).args(["fmt", "--all", "--check"]).current_dir(root),
    );
    report.check(step("clippy", "clippy").args(PROFILE).args(SELECTION).args(deny_warnings));
    report.check(step("clippy of xtask", "clippy").args(this).args(deny_warnings));
    report.check(
        step("documentation", "doc")
            .args(PROFILE)
            .args(SELECTION)
            .args(["--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    );
    report.check(
        step("documentation of xtask", "doc")
            .args(this)
            .args(["--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    );
    report.tests(
        "cargo test",
        step("cargo test", "test").args(PROFILE).args(SELECTION).arg("--no-fail-fast"),
        counts::cargo,
    );
    if let Some(postgres) = postgres {
        report.tests(
            "cargo test on PostgreSQL",
            step("cargo test on PostgreSQL", "test")
                .args(PROFILE)
                .args(SELECTION)
                .args(["--test", "server", "--no-fail-fast"])
                .env("MISTRAL_DATASETS_TESTS_ON_POSTGRES", postgres.url()),
            counts::cargo,
        );
    }
    // In a directory of its own, because other features compile most dependencies again.
    report.tests(
        "cargo test without features",
        step("cargo test without features", "test")
            .args(PROFILE)
            .args(["--package", "mistral-datasets", "--no-default-features", "--lib"])
            .args(["--target-dir", "target/features"]),
        counts::cargo,
    );
    report.tests(
        "cargo test of xtask",
        step("cargo test of xtask", "test").args(this),
        counts::cargo,
    );
}

fn python(root: &Path, report: &mut Report) {
    let installed = packages::install_in_venv(root, "bindings/python/requirements-dev.txt")
        .and_then(|()| artifacts::install_python(root));
    if !report.succeeded(installed) {
        return;
    }
    let package = root.join("bindings/python");
    let tool =
        |name: &str, program: &str| Step::new(name, in_venv(root, program)).current_dir(&package);
    let sources = [".", "../../examples", "../../bench", "../../tests/schemathesis"];
    let config = ["--config", "pyproject.toml", "--quiet"];
    report
        .check(tool("ruff format", "ruff").args(["format", "--check"]).args(config).args(sources));
    report.check(tool("ruff check", "ruff").args(["check"]).args(config).args(sources));
    report.check(tool("mypy --strict", "python").args(["-m", "mypy"]));
    report.check(tool("pyright", "pyright"));
    report.check(
        tool("stubtest", "python")
            .args(["-m", "mypy.stubtest", "mistral_datasets"])
            .args(["--allowlist", "stubtest-allowlist.txt"]),
    );
    report.tests(
        "pytest",
        tool("pytest", "python").args(["-m", "pytest", "-q", "-rs"]),
        counts::pytest,
    );
}

fn node(root: &Path, report: &mut Report) {
    if !report.succeeded(artifacts::install_node(root)) {
        return;
    }
    let package = root.join("bindings/node");
    let script = |name: &str, script: &str| {
        Step::new(name, npm()).args(["run", "--silent", script]).current_dir(&package)
    };
    report.check(script("prettier", "format:check"));
    report.check(script("tsc --strict", "typecheck"));
    report.tests("node --test", script("node --test", "test"), counts::node);
}

fn official_sdks(root: &Path, postgres: Option<&Postgres>, report: &mut Report) {
    if !report.succeeded(packages::install_official_sdks(root)) {
        return;
    }
    // Judges need a model.
    let chat = match LocalServer::spawn(Command::new(artifacts::chat_server(root))) {
        Ok(server) => server,
        Err(error) => return report.fail(error),
    };
    let (command, options) = (artifacts::command(root), ["--judge-url", chat.url()]);
    let in_memory = LocalServer::start(&command, &options);
    let on_postgres = postgres.map(|postgres| LocalServer::start_on(postgres, &command, &options));
    for (storage, server) in [("", Some(in_memory)), (", PostgreSQL", on_postgres)] {
        match server {
            Some(Ok(server)) => official_sdks_with(root, &server, storage, report),
            Some(Err(error)) => report.fail(error),
            None => {}
        }
    }
}

/// Runs the tests of the official SDKs with a server. `storage` distinguishes the names of the runs.
fn official_sdks_with(root: &Path, server: &LocalServer, storage: &str, report: &mut Report) {
    for version in packages::OFFICIAL_PYTHON {
        let step = Step::new(format!("mistralai {version}{storage}"), in_venv(root, "python"))
            .args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/official/python"])
            .env("PYTHONPATH", packages::official_python(root, version))
            .env("MISTRAL_SERVER_URL", server.url())
            .env("MISTRAL_DATASETS_COMMAND", artifacts::command(root))
            .current_dir(root);
        let runner = format!("official SDK, Python {version}{storage}");
        report.tests(&runner, step, counts::pytest);
    }
    let step = Step::new(format!("@mistralai/mistralai{storage}"), "node")
        .args(["--test", "official.test.mjs", "requests.test.mjs", "observability.test.mjs"])
        .env("MISTRAL_SERVER_URL", server.url())
        .current_dir(root.join("tests/official/node"));
    report.tests(&format!("official SDK, Node{storage}"), step, counts::node);
}

fn document(root: &Path, postgres: Option<&Postgres>, report: &mut Report) {
    if !report.succeeded(conformance::install(root)) {
        return;
    }
    let on_postgres = postgres.map(|postgres| conformance::start_server_on(postgres, root));
    for (runner, server) in [
        ("schemathesis", Some(conformance::start_server(root))),
        ("schemathesis, PostgreSQL", on_postgres),
    ] {
        match server {
            Some(Ok(server)) => {
                let step = conformance::round(root, &server, CONFORMANCE_EXAMPLES, 1);
                report.tests(runner, step, conformance::counts);
            }
            Some(Err(error)) => report.fail(error),
            None => {}
        }
    }
}
