//! `cargo xtask soak`: kills the release server under load, many times, and looks after each what is there.

use std::path::Path;
use std::process::Command;

/// Runs the test of kills with so many of them. What it finds goes to the terminal as it comes, and so does the seed of what is
/// random, which can be given to do it again.
///
/// # Errors
/// When something was lost, doubled or half done, or the test cannot run.
pub fn soak(root: &Path, kills: u32, seed: Option<u64>) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "--release", "--package", "mistral-datasets-cli", "--test", "durability"])
        .args(["--", "--nocapture", "kills::"])
        .env("MISTRAL_DATASETS_KILLS", kills.to_string())
        .current_dir(root);
    if let Some(seed) = seed {
        command.env("MISTRAL_DATASETS_SEED", seed.to_string());
    }
    let status = command.status().map_err(|error| format!("cargo cannot run: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err("the soak run has found something; see above".to_owned())
}
