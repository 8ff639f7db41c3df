//! Limits the sizes of what users download.

use std::fs;

use super::super::{Build, npm};
use super::wheel;
use crate::test::report::Report;

/// The maximum size in bytes of a wheel and of an npm package with a native module.
const LIMIT: u64 = 9_500_000;

/// Checks the sizes of the wheel and the platform's npm package.
pub fn check(build: &Build, report: &mut Report) {
    let package = npm::platform_package(&build.target);
    let packed = build.output.join(npm::file_name(&package, &build.version));
    for file in [wheel::find(build), Ok(packed)] {
        let size = file.and_then(|file| {
            let metadata =
                fs::metadata(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, metadata.len()))
        });
        report.checked(size.and_then(|(name, size)| {
            eprintln!("  {name}: {size} bytes of at most {LIMIT}");
            within_limit(&name, size)
        }));
    }
}

fn within_limit(name: &str, size: u64) -> Result<(), String> {
    if size < LIMIT {
        Ok(())
    } else {
        Err(format!("{name} has {size} bytes; the limit is {LIMIT}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_at_the_limit_fails() {
        within_limit("a", LIMIT - 1).unwrap();
        assert_eq!(
            within_limit("a", LIMIT).unwrap_err(),
            "a has 9500000 bytes; the limit is 9500000"
        );
    }
}
