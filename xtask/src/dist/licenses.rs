//! `THIRD-PARTY-LICENSES`: the licenses and notices of all software that is compiled into the published packages.
//!
//! The file is committed, because the wheel, the sdist and the npm packages all include it, also when users build them. It lists
//! the dependencies of every target, so that it is the same wherever it is generated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::graph::{Graph, Package};
use super::targets;

/// The file, relative to the root of the workspace.
pub const FILE: &str = "THIRD-PARTY-LICENSES";

/// The licenses of this project, which every package includes.
pub const OWN: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The license files of packages that are distributed as machine code.
pub const FILES: [&str; 3] = [OWN[0], OWN[1], FILE];

/// The packages that are distributed as machine code.
pub const BINARY_PACKAGES: [&str; 3] =
    ["mistral-datasets-cli", "mistral-datasets-python", "mistral-datasets-node"];

/// Directories of packages that contain code which is not compiled.
const NOT_COMPILED: [&str; 6] = ["benches", "examples", "fuzz", "target", "test", "tests"];

const RULE: &str =
    "================================================================================";

/// Software that is not a Cargo package.
const OTHER_SOFTWARE: &str = "\
SQLite is compiled from the source code in libsqlite3-sys. It is in the public domain; see
https://www.sqlite.org/copyright.html.

The Rust standard library is licensed under MIT OR Apache-2.0. Its copyright holders are listed at
https://github.com/rust-lang/rust/blob/HEAD/COPYRIGHT.

The musl C library is part of the command for musl targets. It is licensed under MIT, Copyright (c) 2005-2020 Rich Felker, et al.;
see https://git.musl-libc.org/cgit/musl/tree/COPYRIGHT.

Swagger UI is part of the command `mistral-datasets`, and of the Rust crate mistral-datasets-server. It is licensed under
Apache-2.0; its license and notices are below.
";

/// Writes the file.
///
/// # Errors
/// Fails if Cargo fails, or a license cannot be read.
pub fn write(root: &Path, offline: bool) -> Result<(), String> {
    let text = render(root, offline)?;
    fs::write(root.join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

/// Checks that the file lists the current dependencies.
///
/// # Errors
/// Fails if it does not, or cannot be generated.
pub fn check(root: &Path, offline: bool) -> Result<(), String> {
    let current = fs::read_to_string(root.join(FILE)).unwrap_or_default();
    if render(root, offline)? == current {
        Ok(())
    } else {
        Err(format!("{FILE} does not match Cargo.lock; run `cargo xtask dist --licenses`"))
    }
}

/// Returns the content of the file.
fn render(root: &Path, offline: bool) -> Result<String, String> {
    let graph = Graph::load(root, offline)?;
    let packages = graph.compiled_into(root, offline, &BINARY_PACKAGES, &targets::all())?;
    let third_party: Vec<_> = packages.into_iter().filter(|package| !package.is_ours()).collect();

    let mut text = format!(
        "Third-party software in mistral-datasets\n\nThe command, the Python package and the Node.js packages contain the following software.\n\n\
         {OTHER_SOFTWARE}\nRust packages:\n\n"
    );
    for package in &third_party {
        let license = package.license.as_deref().unwrap_or("see below");
        let _ = writeln!(text, "  {} {} ({license})", package.name, package.version);
    }

    let mut texts = Texts::default();
    for package in third_party {
        for license in licenses(package)? {
            texts.add(license, format!("{} {}", package.name, package.version));
        }
    }
    let swagger_ui = root.join("crates/server/assets/swagger-ui");
    for file in ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"] {
        texts.add(read(&swagger_ui.join(file))?, "Swagger UI".to_owned());
    }
    let mut texts: Vec<_> = texts.0.into_values().collect();
    texts.sort_by(|(text_a, users_a), (text_b, users_b)| (users_a, text_a).cmp(&(users_b, text_b)));
    for (license, users) in texts {
        let users: Vec<_> = users.into_iter().collect();
        let _ = write!(text, "\n{RULE}\n{}\n{RULE}\n\n{license}\n", users.join(", "));
    }
    Ok(text)
}

/// License texts and the software that they apply to. Many packages have the same text, which is listed once. The key is the text
/// without differences in white space, case and quotes.
#[derive(Default)]
struct Texts(BTreeMap<String, (String, BTreeSet<String>)>);

impl Texts {
    /// Adds a text. The appendix of the Apache License says how to apply it; it is left out unless it names a copyright holder.
    fn add(&mut self, text: String, user: String) {
        const END: &str = "END OF TERMS AND CONDITIONS";
        let is_apache = text.contains("Apache License");
        if let Some((terms, appendix)) = text.split_once(END).filter(|_| is_apache) {
            let is_holder = |line: &str| {
                let line = line.trim();
                line.starts_with("Copyright") && line.contains(|digit: char| digit.is_ascii_digit())
            };
            if let Some(holder) = appendix.lines().find(|line| is_holder(line)) {
                self.insert(
                    format!("{}\n\nLicensed under the Apache License, Version 2.0.", holder.trim()),
                    user.clone(),
                );
            }
            self.insert(format!("{terms}{END}"), user);
        } else {
            self.insert(text, user);
        }
    }

    fn insert(&mut self, text: String, user: String) {
        let words = text.split(|character: char| !character.is_alphanumeric());
        let key =
            words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase();
        self.0.entry(key).or_insert_with(|| (text, BTreeSet::new())).1.insert(user);
    }
}

/// Returns the texts of a package's license and notice files, or a standard text if it has none.
fn licenses(package: &Package) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    find_licenses(&package.directory, &mut files)
        .map_err(|error| format!("{}: {error}", package.directory.display()))?;
    files.sort();
    if files.is_empty() {
        return standard_text(package).map(|text| vec![text]);
    }
    files.iter().map(|file| read(file)).collect()
}

fn find_licenses(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !NOT_COMPILED.contains(&name.as_str()) {
                find_licenses(&entry.path(), files)?;
            }
        } else if is_license(&name) {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Returns whether a file has the name of a license or notice.
fn is_license(file_name: &str) -> bool {
    const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];
    const CODE: [&str; 7] = [".c", ".h", ".html", ".js", ".json", ".py", ".rs"];
    let name = file_name.to_lowercase();
    NAMES.iter().any(|start| name.starts_with(start)) && !CODE.iter().any(|end| name.ends_with(end))
}

/// Returns the text of the license that a package declares but does not contain.
fn standard_text(package: &Package) -> Result<String, String> {
    let license = package.license.as_deref().unwrap_or_default();
    let text = match license.split(" OR ").find(|license| *license == "MIT").unwrap_or(license) {
        "Apache-2.0" => include_str!("license_texts/Apache-2.0.txt"),
        "MIT" => include_str!("license_texts/MIT.txt"),
        "BSD-3-Clause" => include_str!("license_texts/BSD-3-Clause.txt"),
        "MPL-2.0" => include_str!("license_texts/MPL-2.0.txt"),
        _ => {
            return Err(format!(
                "{} {} contains no license file, and there is no text for `{license}`; add it to \
                 xtask/src/dist/license_texts",
                package.name, package.version
            ));
        }
    };
    let mut holders = package.authors.join(", ");
    if holders.is_empty() {
        holders = format!("the authors of {}", package.name);
    }
    Ok(format!("Copyright (c) {holders}\n\n{}", text.trim_end()))
}

/// Reads a text file, without differences in white space that would make equal texts different.
fn read(file: &Path) -> Result<String, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = String::from_utf8_lossy(&bytes).replace('\u{feff}', "");
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_license_files() {
        for name in
            ["LICENSE", "LICENSE-MIT", "license.md", "COPYING", "NOTICE", "LICENSE.Apache-2.0"]
        {
            assert!(is_license(name), "{name}");
        }
        for name in ["README.md", "license.rs", "copyright.h"] {
            assert!(!is_license(name), "{name}");
        }
    }

    #[test]
    fn includes_bundled_software() {
        let text = render(&crate::root(), true).unwrap();
        for word in [
            "SQLite is compiled",
            "  ring 0.",
            "Swagger UI",
            "  zstd-sys ",
            "fiat",
            "  windows-sys ",
        ] {
            assert!(text.contains(word), "{word}");
        }
        // zstd is dual-licensed. Its own license is next to its source code.
        assert!(text.contains("For Zstandard software"), "zstd");
    }
}
