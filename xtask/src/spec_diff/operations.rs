//! Finds the operations of a document by method and path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::document::Document;
use super::error::Error;

/// The methods in the order of the report.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("head", "HEAD"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("trace", "TRACE"),
];

/// Identifies an operation in both documents: the path without parameter names, and the index of the method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    path: String,
    method: usize,
}

impl Key {
    /// Returns the path with `{}` for each parameter.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The paths that our document covers: everything below the path that the operations of a group (`x-group`) have in common.
///
/// So an operation that the service adds to one of our groups is reported, and one of another resource is not.
#[derive(Debug)]
pub struct Coverage {
    prefixes: BTreeSet<String>,
}

impl Coverage {
    /// Derives the coverage from our operations.
    pub fn of(operations: &BTreeMap<Key, Operation<'_>>) -> Self {
        let mut groups: BTreeMap<&str, &str> = BTreeMap::new();
        for (key, operation) in operations {
            let Some(group) = operation.body.get("x-group").and_then(Value::as_str) else {
                continue;
            };
            groups
                .entry(group)
                .and_modify(|common| *common = common_path(common, &key.path))
                .or_insert(&key.path);
        }
        Self { prefixes: groups.into_values().map(str::to_owned).collect() }
    }

    /// Returns whether our document covers a path without parameter names.
    pub fn includes(&self, path: &str) -> bool {
        self.prefixes.iter().any(|prefix| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// Returns the segments that two paths start with.
fn common_path<'a>(path: &'a str, other: &str) -> &'a str {
    let mut common = 0;
    let mut others = other.split('/');
    let mut end = 0;
    for segment in path.split('/') {
        if others.next() != Some(segment) {
            break;
        }
        end += segment.len();
        common = end;
        // The slash before the next segment.
        end += 1;
    }
    &path[..common]
}

/// An operation of a document.
#[derive(Debug)]
pub struct Operation<'a> {
    /// The method in upper case.
    pub method: &'static str,
    /// The path, including the base path of the server.
    pub path: String,
    /// The operation id.
    pub id: Option<&'a str>,
    /// The path item.
    pub item: &'a Map<String, Value>,
    /// The operation object.
    pub body: &'a Map<String, Value>,
}

/// An operation in its document.
#[derive(Clone, Copy, Debug)]
pub struct Side<'d, 'a> {
    /// The document.
    pub document: &'d Document<'a>,
    /// The operation.
    pub operation: &'d Operation<'a>,
}

impl Operation<'_> {
    /// Returns whether the operation only reads.
    pub fn only_reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// Returns the names of the path parameters in order.
    pub fn path_parameters(&self) -> Vec<&str> {
        segments(&self.path).filter_map(|(_, parameter)| parameter).collect()
    }
}

/// Returns the operations at the paths that `wanted` selects.
pub fn operations<'a>(
    document: &Document<'a>,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<Key, Operation<'a>>, Error> {
    let root = document.root();
    let servers = root.get("servers");
    let mut operations = BTreeMap::new();
    for (template, item) in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
        // Skip extensions.
        if !template.starts_with('/') {
            continue;
        }
        let path_at = |servers| format!("{}{template}", base_path(servers));
        if item.get("$ref").is_some() && !wanted(&without_parameter_names(&path_at(servers))) {
            continue;
        }
        let Value::Object(item) = document.follow(item)? else {
            continue;
        };
        for (method, (keyword, name)) in METHODS.into_iter().enumerate() {
            let Some(Value::Object(body)) = item.get(keyword) else {
                continue;
            };
            let path = path_at(body.get("servers").or(item.get("servers")).or(servers));
            let key = Key { path: without_parameter_names(&path), method };
            if wanted(&key.path) {
                let id = body.get("operationId").and_then(Value::as_str);
                operations.insert(key, Operation { method: name, path, id, item, body });
            }
        }
    }
    Ok(operations)
}

/// Returns the path of the first server's URL, which is the base of all paths.
fn base_path(servers: Option<&Value>) -> String {
    let Some(server) = servers.and_then(|servers| servers.get(0)) else {
        return String::new();
    };
    let mut url = server.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten()
    {
        let value = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), value);
    }
    let after_host = match url.split_once("//") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => &url,
    };
    after_host.trim_end_matches('/').to_owned()
}

fn without_parameter_names(path: &str) -> String {
    segments(path)
        .map(|(literal, parameter)| match parameter {
            Some(_) => format!("{literal}{{}}"),
            None => literal.to_owned(),
        })
        .collect()
}

/// Splits a path into pairs of literal text and the name of the parameter after it.
fn segments(path: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((literal, after)) = text.split_once('{') else {
            return Some((text, None));
        };
        let Some((name, after)) = after.split_once('}') else {
            return Some((text, None));
        };
        rest = Some(after);
        Some((literal, Some(name)))
    })
}
