//! `cargo xtask conformance`: tests the local server against the OpenAPI document with schemathesis.

use std::path::Path;

use crate::artifacts;
use crate::local_server::LocalServer;
use crate::packages;
use crate::postgres::Postgres;
use crate::step::{self, Step};

/// The directory of the configuration.
const DIRECTORY: &str = "tests/schemathesis";

/// The Python environment that schemathesis is installed into.
const ENVIRONMENT: &str = "target/schemathesis";

/// The only accepted API key. With a key, schemathesis also checks that requests without one are rejected.
const API_KEY: &str = "conformance";

/// The result of one or more rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The number of generated requests.
    pub cases: u64,
    /// The number of requests that failed a check.
    pub failures: u64,
}

/// Runs rounds, each with a new server and the next seed, until at least `cases` requests were sent.
///
/// # Errors
/// Returns the failures that schemathesis reports, with requests that reproduce them, or why it could not run.
pub fn conformance(root: &Path, cases: u64, seed: u64) -> Result<(), String> {
    artifacts::build(root)?;
    install(root)?;
    let mut sum = Outcome::default();
    let mut rounds = 0;
    while sum.cases < cases {
        // A round of 100 examples per operation takes minutes, so the last round is smaller.
        let examples = ((cases - sum.cases) / 100).clamp(5, 100);
        let text = step::run(round(root, &start_server(root)?, examples, seed + rounds))?;
        let outcome = parse_summary(&text)?;
        sum.cases += outcome.cases;
        sum.failures += outcome.failures;
        rounds += 1;
    }
    println!("{} cases, {} failures, {rounds} seeds from {seed}", sum.cases, sum.failures);
    Ok(())
}

/// Installs schemathesis into an environment of its own.
///
/// # Errors
/// Returns the output of the command that failed.
pub fn install(root: &Path) -> Result<(), String> {
    packages::install_in_environment(root, ENVIRONMENT, &format!("{DIRECTORY}/requirements.txt"))
}

/// Starts an empty server that accepts one API key.
///
/// # Errors
/// Fails if the server does not start.
pub fn start_server(root: &Path) -> Result<LocalServer, String> {
    LocalServer::start(&artifacts::command(root), &["--api-key", API_KEY, "--test-routes"])
}

/// Like [`start_server`], on PostgreSQL.
///
/// # Errors
/// Fails if the server does not start.
pub fn start_server_on(postgres: &Postgres, root: &Path) -> Result<LocalServer, String> {
    LocalServer::start_on(postgres, &artifacts::command(root), &["--api-key", API_KEY])
}

/// Returns a round: `examples` requests per operation, and as many sequences along links.
pub fn round(root: &Path, server: &LocalServer, examples: u64, seed: u64) -> Step {
    let directory = root.join(DIRECTORY);
    Step::new(
        format!("schemathesis, seed {seed}"),
        packages::in_environment(&root.join(ENVIRONMENT), "schemathesis"),
    )
    .args(["--no-color", "--config-file", "schemathesis.toml", "run"])
    .arg(root.join(crate::emit::DOCUMENT))
    .args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string()])
    .env("MISTRAL_SERVER_URL", server.url())
    .env("MISTRAL_API_KEY", API_KEY)
    .env("PYTHONPATH", &directory)
    .env("PYTHONDONTWRITEBYTECODE", "1")
    .current_dir(directory)
}

/// Parses the summary: `1558 generated, 11 found 11 unique failures, 46 skipped`.
fn parse_summary(text: &str) -> Result<Outcome, String> {
    let line = text.lines().find(|line| line.contains(" generated, "));
    let line = line.ok_or_else(|| format!("schemathesis printed no summary:\n{text}"))?;
    let number_before = |word: &str| {
        let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok())
    };
    let cases =
        number_before("generated").ok_or_else(|| format!("the summary has no count: {line}"))?;
    Ok(Outcome { cases, failures: number_before("found").unwrap_or(0) })
}

/// Returns the numbers of passed, failed and skipped cases.
pub fn counts(text: &str) -> [usize; 3] {
    let Outcome { cases, failures } = parse_summary(text).unwrap_or_default();
    [(cases - failures) as usize, failures as usize, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_summary_of_schemathesis() {
        let failed = "Test cases:\n  1558 generated, 11 found 11 unique failures, 46 skipped\n";
        assert_eq!(parse_summary(failed), Ok(Outcome { cases: 1558, failures: 11 }));
        assert_eq!(counts(failed), [1547, 11, 0]);
        let passed = "Test cases:\n  1558 generated, 1558 passed, 46 skipped\n";
        assert_eq!(parse_summary(passed), Ok(Outcome { cases: 1558, failures: 0 }));
        assert!(parse_summary("nothing").is_err());
    }
}
