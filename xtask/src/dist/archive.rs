//! Packs the command with its licenses, shell completions and man pages. Equal content gives an equal archive.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::{Build, assets, licenses, targets};

/// A file of an archive.
pub struct Entry {
    /// The path, with `/` as separator.
    pub path: String,
    pub content: Vec<u8>,
    pub is_executable: bool,
}

/// Returns the file name of the command's archive.
pub fn file_name(build: &Build) -> String {
    format!("{}.{}", directory(build), build.target.archive)
}

/// Packs the command.
///
/// # Errors
/// Fails if the command cannot be run to write its completions and man pages, or a file cannot be read or written.
pub fn build(build: &Build, command: &Path) -> Result<(), String> {
    let directory = directory(build);
    let mut entries = assets::generate(command)?;
    let files = licenses::FILES.map(|file| (file, file));
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    for (path, source) in files.into_iter().chain([("README.md", "crates/cli/README.md")]) {
        let content = read(&build.root.join(source))?;
        entries.push(Entry { path: path.to_owned(), content, is_executable: false });
    }
    let path = build.target.executable("mistral-datasets");
    entries.push(Entry { path, content: read(command)?, is_executable: true });
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    for entry in &mut entries {
        entry.path = format!("{directory}/{}", entry.path);
    }
    let packed = match build.target.archive.as_str() {
        "tar.gz" => tar_gz(&entries),
        "zip" => zip(&entries),
        format => return Err(format!("{}: unknown archive format `{format}`", targets::FILE)),
    };
    let file = build.output.join(file_name(build));
    packed
        .and_then(|content| fs::write(&file, content))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn directory(build: &Build) -> String {
    format!("mistral-datasets-cli-{}-{}", build.version, build.target.rust)
}

fn tar_gz(entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    // Gzip headers can contain a time and an operating system.
    let gzip = GzBuilder::new().mtime(0).operating_system(255);
    let mut archive = tar::Builder::new(gzip.write(Vec::new(), Compression::best()));
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.content.len() as u64);
        header.set_mode(mode(entry));
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, &entry.path, entry.content.as_slice())?;
    }
    archive.into_inner()?.finish()
}

fn zip(entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = zip::write::SimpleFileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(mode(entry));
        archive.start_file(&entry.path, options)?;
        archive.write_all(&entry.content)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn mode(entry: &Entry) -> u32 {
    if entry.is_executable { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> [Entry; 2] {
        let entry = |path: &str, is_executable| Entry {
            path: path.to_owned(),
            content: b"text".to_vec(),
            is_executable,
        };
        [entry("a/command", true), entry("a/LICENSE", false)]
    }

    #[test]
    fn archives_are_reproducible_and_keep_permissions() {
        let packed = tar_gz(&entries()).unwrap();
        assert_eq!(packed, tar_gz(&entries()).unwrap());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let modes: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().header().mode().unwrap())
            .collect();
        assert_eq!(modes, [0o755, 0o644]);

        let packed = zip(&entries()).unwrap();
        assert_eq!(packed, zip(&entries()).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        assert_eq!(archive.by_index(1).unwrap().name().unwrap(), "a/LICENSE");
        assert_eq!(archive.by_index(0).unwrap().unix_mode(), Some(0o100_755));
    }
}
