//! `cargo xtask soak`: kills the release server under load, many times, and looks after each what is there.

use std::path::Path;
use std::process::Command;

/// Runs the crash test with so many kills. What it finds goes to the terminal as it comes.
///
/// # Errors
/// When something was lost, doubled or half done, or the test cannot run.
pub fn soak(root: &Path, kills: u32) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["test", "--release", "--package", "mistral-datasets-cli", "--test", "crash"])
        .args(["--", "--nocapture"])
        .env("MISTRAL_DATASETS_KILLS", kills.to_string())
        .current_dir(root)
        .status()
        .map_err(|error| format!("cargo cannot run: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err("the soak run has found something; see above".to_owned())
}
