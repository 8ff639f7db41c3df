//! Checks that modules import only from the layers below them.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate, from the lowest layer to the highest, with the modules that each may import from.
///
/// `server` and the crate root assemble the layers and may import from all of them.
const LAYERS: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("keys", &[]),
    ("directory_lock", &[]),
    ("disk_space", &[]),
    ("private_files", &[]),
    ("temporary_directory", &["directory_lock", "private_files"]),
    ("options", &[]),
    ("tls", &[]),
    ("pattern", &[]),
    ("json", &["time"]),
    ("limits", &["json", "options"]),
    ("config", &["keys", "limits", "options"]),
    ("data_dir", &["directory_lock", "disk_space", "private_files", "temporary_directory"]),
    ("validate", &["config", "json"]),
    ("search", &["pattern", "time"]),
    ("storage", &["json", "pattern", "search", "time"]),
    ("sqlite", &["disk_space", "json", "pattern", "search", "storage", "time"]),
    ("postgres", &["json", "pattern", "search", "storage", "time", "tls"]),
    ("telemetry", &["storage"]),
    ("content", &["disk_space", "private_files", "time", "tls"]),
    ("housekeeping", &["content", "storage", "time"]),
    ("imports", &["config", "content", "json", "limits", "storage", "telemetry", "validate"]),
    ("judging", &["config", "json", "tls"]),
    ("campaigns", &["judging", "limits", "storage", "telemetry"]),
    ("http", &["config", "content", "json", "keys", "limits", "storage"]),
    (
        "api",
        &[
            "campaigns",
            "config",
            "content",
            "housekeeping",
            "http",
            "imports",
            "json",
            "judging",
            "pattern",
            "search",
            "storage",
            "telemetry",
            "time",
            "validate",
        ],
    ),
    (
        "admin",
        &[
            "api",
            "config",
            "data_dir",
            "directory_lock",
            "http",
            "imports",
            "private_files",
            "sqlite",
            "storage",
            "temporary_directory",
        ],
    ),
    ("net", &["admin", "http", "limits"]),
    (
        "testing",
        &["api", "http", "imports", "json", "net", "storage", "telemetry", "time", "validate"],
    ),
    (
        "internal_fuzzing",
        &[
            "api",
            "config",
            "content",
            "http",
            "imports",
            "json",
            "search",
            "storage",
            "telemetry",
            "time",
        ],
    ),
];

#[test]
fn modules_import_from_lower_layers_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    for (index, (module, allowed)) in LAYERS.iter().enumerate() {
        for name in *allowed {
            let is_below = LAYERS[..index].iter().any(|(below, _)| below == name);
            assert!(is_below, "`{module}` may not import from `{name}`, which is not below it");
        }
        for file in files(&source, module) {
            let text = fs::read_to_string(&file).unwrap();
            for (line, name) in imports(&text) {
                if name != *module && !allowed.contains(&name) {
                    let file = file.strip_prefix(&source).unwrap().display();
                    violations.push(format!("{file}:{line}: `{module}` may not use `{name}`"));
                }
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = fs::read_to_string(source.join("lib.rs")).unwrap();
    for line in root.lines() {
        let declared = line.trim_start_matches("pub ").strip_prefix("mod ");
        let Some(module) = declared.and_then(|rest| rest.strip_suffix(';')) else { continue };
        let is_known = LAYERS.iter().any(|(known, _)| *known == module);
        assert!(is_known || ["layers", "server"].contains(&module), "`{module}` has no layer");
    }
}

#[test]
fn only_the_server_chooses_where_contents_are_stored() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (module, _) in LAYERS.iter().filter(|(module, _)| *module != "content") {
        for file in files(&source, module) {
            let text = fs::read_to_string(&file).unwrap();
            for store in ["DirectoryStore", "ObjectContentStore"] {
                assert!(!text.contains(store), "{}", file.display());
            }
        }
    }
}

/// The source files of a module.
fn files(source: &Path, module: &str) -> Vec<PathBuf> {
    let mut files =
        Vec::from_iter(Some(source.join(format!("{module}.rs"))).filter(|f| f.is_file()));
    let mut directories = vec![source.join(module)];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "`{module}` has no files");
    files
}

/// The line number and the first segment of every path that starts with `crate::`, outside of comments.
fn imports(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let code = line.split("//").next().unwrap_or_default();
        code.split("crate::").skip(1).map(move |rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (index + 1, &rest[..end])
        })
    })
}
