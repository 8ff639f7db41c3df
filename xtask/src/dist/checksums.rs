//! `SHA256SUMS`: the checksums of all artifacts, as `sha256sum --check` reads them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The file name.
pub const FILE: &str = "SHA256SUMS";

/// Writes the checksums of all files in a directory. Returns the name and size of each.
///
/// # Errors
/// Fails if a file cannot be read or written.
pub fn write(directory: &Path) -> Result<Vec<(String, u64)>, String> {
    let error = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(error)? {
        let entry = entry.map_err(error)?;
        if entry.file_type().map_err(error)?.is_file() && entry.file_name() != FILE {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let mut text = String::new();
    let mut files = Vec::new();
    for name in names {
        let content = fs::read(directory.join(&name)).map_err(error)?;
        let _ = writeln!(text, "{}  {name}", digest(&content));
        files.push((name, content.len() as u64));
    }
    fs::write(directory.join(FILE), text).map_err(error)?;
    Ok(files)
}

/// Checks that the checksums are those of the files in the directory, and that each file has one.
///
/// # Errors
/// Names the file whose checksum is missing or wrong.
pub fn check(directory: &Path) -> Result<(), String> {
    let read =
        |name: &str| fs::read(directory.join(name)).map_err(|error| format!("{name}: {error}"));
    let sums = String::from_utf8_lossy(&read(FILE)?).into_owned();
    let mut listed = Vec::new();
    for line in sums.lines() {
        let (expected, name) =
            line.split_once("  ").ok_or_else(|| format!("{FILE}: invalid line `{line}`"))?;
        if digest(&read(name)?) != expected {
            return Err(format!("{name} was changed after {FILE} was written"));
        }
        listed.push(name.to_owned());
    }
    for entry in fs::read_dir(directory).map_err(|error| error.to_string())? {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name != FILE && !listed.contains(&name) {
            return Err(format!("{FILE} does not list {name}"));
        }
    }
    Ok(())
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_additional_file_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        fs::write(directory.join("a"), "abc").unwrap();
        assert_eq!(write(directory).unwrap(), [("a".to_owned(), 3)]);
        check(directory).unwrap();
        let sums = fs::read_to_string(directory.join(FILE)).unwrap();
        assert_eq!(sums, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n");

        fs::write(directory.join("b"), "").unwrap();
        assert_eq!(check(directory).unwrap_err(), "SHA256SUMS does not list b");
        fs::remove_file(directory.join("b")).unwrap();
        fs::write(directory.join("a"), "abd").unwrap();
        assert!(check(directory).unwrap_err().contains("a was changed"));
    }
}
