//! The operations of a document, found by method and path.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::Document;
use super::error::Error;

/// Below these paths an operation that our document lacks is news.
const OUR_PREFIXES: [&str; 3] =
    ["/v1/observability/datasets", "/v1/observability/dataset-records", "/v1/files"];

/// The methods of OpenAPI in the order in which they are listed.
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

/// What two documents call the same operation by: the path with its parameters' names taken out,
/// and the method by its place in the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    path: String,
    method: usize,
}

impl Key {
    /// The path with `{}` for each parameter.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Whether a path lies in our part of the service.
pub fn is_in_our_part(path: &str) -> bool {
    OUR_PREFIXES.iter().any(|prefix| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// An operation, its parts still as written.
#[derive(Debug)]
pub struct Operation<'a> {
    /// The method in capitals.
    pub method: &'static str,
    /// The path with the server's base path in front.
    pub path: String,
    /// The operation's id.
    pub id: Option<&'a str>,
    /// What the path says for all its operations.
    pub item: &'a Map<String, Value>,
    /// What the operation says.
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
    /// Whether the operation only reads.
    pub fn only_reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// The names of the path's parameters in order.
    pub fn path_parameters(&self) -> Vec<&str> {
        pieces(&self.path).filter_map(|(_, parameter)| parameter).collect()
    }
}

/// Lists the operations of a document at the paths that `wanted` selects.
pub fn operations<'a>(
    document: &Document<'a>,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<Key, Operation<'a>>, Error> {
    let root = document.root();
    let servers = root.get("servers");
    let mut operations = BTreeMap::new();
    for (template, item) in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
        // Extensions stand between the paths.
        if !template.starts_with('/') {
            continue;
        }
        let path_at = |servers| format!("{}{template}", base_path(servers));
        if item.get("$ref").is_some() && !wanted(&without_names(&path_at(servers))) {
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
            let key = Key { path: without_names(&path), method };
            if wanted(&key.path) {
                let id = body.get("operationId").and_then(Value::as_str);
                operations.insert(key, Operation { method: name, path, id, item, body });
            }
        }
    }
    Ok(operations)
}

/// The path that the first server puts in front of every path of the document.
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

fn without_names(path: &str) -> String {
    pieces(path)
        .map(|(literal, parameter)| match parameter {
            Some(_) => format!("{literal}{{}}"),
            None => literal.to_owned(),
        })
        .collect()
}

/// Splits a path into literal text and the name of the parameter that follows it.
fn pieces(path: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
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
