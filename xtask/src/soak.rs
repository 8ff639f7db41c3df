//! `cargo xtask soak`: kills the release server under load, repeatedly, and checks its data after each kill.

use std::path::Path;
use std::process::Command;

use crate::step::cargo;

/// Runs the kill test with `kills` kills, and the one of imports with `import_kills`. Their output, including the random seed, goes to the terminal; passing the seed repeats a
/// run.
///
/// # Errors
/// Fails if data was lost, duplicated or partially written, or if the test cannot run.
pub fn soak(root: &Path, kills: u32, import_kills: u32, seed: Option<u64>) -> Result<(), String> {
    let mut command = Command::new(cargo());
    command
        .args(["test", "--release", "--package", "mistral-datasets-cli", "--test", "durability"])
        .args(["--", "--nocapture", "--test-threads=1", "kills::"])
        .env("MISTRAL_DATASETS_KILLS", kills.to_string())
        .env("MISTRAL_DATASETS_IMPORT_KILLS", import_kills.to_string())
        .current_dir(root);
    if let Some(seed) = seed {
        command.env("MISTRAL_DATASETS_SEED", seed.to_string());
    }
    let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err("the soak test failed; see above".to_owned())
}
