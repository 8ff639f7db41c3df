//! `cargo xtask conformance`: the local server against its document, by schemathesis.

use std::path::Path;

use crate::local_server::LocalServer;
use crate::step::{self, Step, cargo};
use crate::toolchain;

/// Where the configuration lies.
const FOLDER: &str = "tests/schemathesis";

/// Where schemathesis is installed.
const ENVIRONMENT: &str = "target/schemathesis";

/// The one key that the server takes, so that whether it asks for keys is tried too.
const KEY: &str = "conformance";

/// What a run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests that were made up, sent and checked.
    pub cases: u64,
    /// Those of them that broke a check.
    pub failures: u64,
}

/// Runs rounds, each with a server and a seed of its own, until there were so many cases.
///
/// # Errors
/// What schemathesis has found, with requests to try it again, or why it could not run.
pub fn conformance(root: &Path, cases: u64, seed: u64) -> Result<(), String> {
    prepare(root)?;
    let mut sum = Outcome::default();
    let mut rounds = 0;
    while sum.cases < cases {
        // A round of a hundred requests an operation takes some minutes; smaller jobs need less.
        let examples = ((cases - sum.cases) / 100).clamp(5, 100);
        let text = step::run(round(root, &server(root)?, examples, seed + rounds))?;
        let outcome = outcome(&text)?;
        sum.cases += outcome.cases;
        sum.failures += outcome.failures;
        rounds += 1;
    }
    println!("{} cases, {} failures, {rounds} seeds from {seed}", sum.cases, sum.failures);
    Ok(())
}

/// Builds the command, and installs schemathesis where nothing else imports it.
///
/// # Errors
/// When a command fails; what it printed is part of the message.
pub fn prepare(root: &Path) -> Result<(), String> {
    step::run(
        Step::new("build the command", cargo())
            .args(["build", "--locked", "--quiet", "--package", "mistral-datasets-cli"])
            .within(root),
    )?;
    toolchain::python_environment_at(root, ENVIRONMENT, &format!("{FOLDER}/requirements.txt"))
}

/// A server that has nothing yet and takes one key.
///
/// # Errors
/// When it does not start.
pub fn server(root: &Path) -> Result<LocalServer, String> {
    let command = root.join("target/debug/mistral-datasets");
    LocalServer::start_with_options(&command, &["--api-key", KEY])
}

/// One run: so many generated requests for each operation, and as many pagers along links.
pub fn round(root: &Path, server: &LocalServer, examples: u64, seed: u64) -> Step {
    let folder = root.join(FOLDER);
    Step::new(
        format!("schemathesis, seed {seed}"),
        toolchain::in_environment(&root.join(ENVIRONMENT), "schemathesis"),
    )
    .args(["--no-color", "--config-file", "schemathesis.toml", "run"])
    .args([root.join(crate::emit::DOCUMENT)])
    .args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string()])
    .env("MISTRAL_SERVER_URL", server.url())
    .env("MISTRAL_API_KEY", KEY)
    .env("PYTHONPATH", &folder)
    .env("PYTHONDONTWRITEBYTECODE", "1")
    .within(folder)
}

/// Reads the summary: `1558 generated, 11 found 11 unique failures, 46 skipped`.
fn outcome(text: &str) -> Result<Outcome, String> {
    let line = text.lines().find(|line| line.contains(" generated, "));
    let line = line.ok_or_else(|| format!("schemathesis printed no summary:\n{text}"))?;
    let before = |word: &str| {
        let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok())
    };
    let cases = before("generated").ok_or_else(|| format!("no count of cases in `{line}`"))?;
    Ok(Outcome { cases, failures: before("found").unwrap_or(0) })
}

/// How many cases passed, failed and were not checked, for the table of all runners.
pub fn counts(text: &str) -> [usize; 3] {
    let Outcome { cases, failures } = outcome(text).unwrap_or_default();
    [(cases - failures) as usize, failures as usize, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read() {
        let found = "Test cases:\n  1558 generated, 11 found 11 unique failures, 46 skipped\n";
        assert_eq!(outcome(found), Ok(Outcome { cases: 1558, failures: 11 }));
        assert_eq!(counts(found), [1547, 11, 0]);
        let passed = "Test cases:\n  1558 generated, 1558 passed, 46 skipped\n";
        assert_eq!(outcome(passed), Ok(Outcome { cases: 1558, failures: 0 }));
        assert!(outcome("nothing").is_err());
    }
}
