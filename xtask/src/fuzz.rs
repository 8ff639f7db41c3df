//! `cargo xtask fuzz`: runs the fuzz targets with cargo-fuzz.

use std::path::Path;
use std::process::Command;

use crate::step::cargo;

/// The fuzz targets, each a program of the package `fuzz`.
const TARGETS: [&str; 7] = ["lines", "json", "responses", "forms", "links", "otlp", "expressions"];

/// Runs the given targets, or all, for `minutes` each. New inputs are kept in `target/fuzz/corpus` for the next run; failing
/// inputs are written to `fuzz/artifacts`.
///
/// # Errors
/// Fails if a target is unknown, an input fails, or cargo-fuzz is not installed.
pub fn fuzz(root: &Path, targets: &[String], minutes: u64) -> Result<(), String> {
    if let Some(unknown) = targets.iter().find(|target| !TARGETS.contains(&target.as_str())) {
        return Err(format!(
            "unknown fuzz target `{unknown}`; expected one of {}",
            TARGETS.join(", ")
        ));
    }
    let selected = TARGETS
        .iter()
        .filter(|target| targets.is_empty() || targets.iter().any(|name| name == *target));
    for target in selected {
        let corpus = root.join("target/fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus)
            .map_err(|error| format!("{}: {error}", corpus.display()))?;
        let status = Command::new(cargo())
            // The code is safe Rust; a sanitizer would only slow it down.
            .args(["fuzz", "run", "--sanitizer", "none", "--features", "libfuzzer"])
            .args(["--target-dir", "target/fuzz", target])
            .args([&corpus, &root.join("fuzz/corpus").join(target)])
            .args(["--", "-max_len=4096", "-timeout=20", "-print_final_stats=1"])
            .arg(format!("-max_total_time={}", minutes * 60))
            // cargo-fuzz passes unstable compiler flags, which this allows on a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(root)
            .status()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        if !status.success() {
            return Err(format!(
                "fuzz target `{target}` failed; see above. If cargo-fuzz is missing, run `cargo install cargo-fuzz`"
            ));
        }
    }
    Ok(())
}
