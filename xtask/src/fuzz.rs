//! `cargo xtask fuzz`: looks for inputs that break what must hold for any.

use std::path::Path;
use std::process::Command;

use crate::step::cargo;

/// The properties, each a program of the crate `fuzz`.
const TARGETS: [&str; 5] = ["lines", "json", "responses", "forms", "links"];

/// Runs some targets, or all, for so many minutes each. What is found stays in `target/fuzz/corpus`, from where the next run
/// goes on; an input that breaks something is kept in `fuzz/artifacts`, and said.
///
/// # Errors
/// When a target is unknown, something was found, or cargo-fuzz is not installed.
pub fn fuzz(root: &Path, targets: &[String], minutes: u64) -> Result<(), String> {
    if let Some(unknown) = targets.iter().find(|target| !TARGETS.contains(&target.as_str())) {
        return Err(format!("there is no target `{unknown}`, only {}", TARGETS.join(", ")));
    }
    let chosen = TARGETS
        .iter()
        .filter(|target| targets.is_empty() || targets.iter().any(|chosen| chosen == *target));
    for target in chosen {
        let found = root.join("target/fuzz/corpus").join(target);
        std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
        let status = Command::new(cargo())
            // Our code is safe Rust, so a sanitizer would only make it slower.
            .args(["fuzz", "run", "--sanitizer", "none", "--features", "libfuzzer"])
            .args(["--target-dir", "target/fuzz", target])
            .args([&found, &root.join("fuzz/corpus").join(target)])
            .args(["--", "-max_len=4096", "-timeout=20", "-print_final_stats=1"])
            .arg(format!("-max_total_time={}", minutes * 60))
            // The flags for the fuzzer are those of a nightly compiler; this makes a stable one take them.
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(root)
            .status()
            .map_err(|error| format!("cargo cannot run: {error}"))?;
        if !status.success() {
            return Err(format!(
                "`{target}` has found something, see above; or `cargo install cargo-fuzz` is missing"
            ));
        }
    }
    Ok(())
}
