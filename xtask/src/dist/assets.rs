//! Shell completions and man pages, which the command writes with the hidden command `packaging-files`.

use std::fs;
use std::path::Path;

use super::archive::Entry;
use crate::step::{self, Step};

/// Runs the command and returns what it writes.
///
/// # Errors
/// Fails if the command cannot run on this system, or the files cannot be read.
pub fn generate(command: &Path) -> Result<Vec<Entry>, String> {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    step::run(
        Step::new("write completions and man pages", command)
            .arg("packaging-files")
            .arg(directory.path()),
    )?;
    let mut entries = Vec::new();
    for part in ["completions", "man"] {
        let path = directory.path().join(part);
        read(&path, part, &mut entries).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(entries)
}

/// Adds the files of a directory to the entries, below `part`.
fn read(directory: &Path, part: &str, entries: &mut Vec<Entry>) -> std::io::Result<()> {
    for file in fs::read_dir(directory)? {
        let file = file?;
        let path = format!("{part}/{}", file.file_name().to_string_lossy());
        entries.push(Entry { path, content: fs::read(file.path())?, is_executable: false });
    }
    Ok(())
}
