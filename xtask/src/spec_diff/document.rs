//! Loads documents and resolves references.
//!
//! References are resolved lazily, so that only the part of the document that our operations use must be valid.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::error::Error;

/// The maximum length of a chain of references. Longer chains are treated as circular.
const MAX_CHAIN: usize = 64;

/// Reads a YAML or JSON file. YAML keys of other types, such as the status `200`, become strings.
pub fn load(path: &Path) -> Result<Value, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = text.trim_start_matches('\u{feff}');
    // The YAML parser rejects tabs, which are valid in JSON, and is slower.
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    serde_yaml_ng::from_str(text)
        .map_err(|error| Error::Syntax { path: path.to_owned(), reason: error.to_string() })
}

/// An OpenAPI 3 document.
#[derive(Debug)]
pub struct Document<'a> {
    name: String,
    root: &'a Value,
    ref_siblings_apply: bool,
}

impl<'a> Document<'a> {
    /// Checks the version of a document. Error messages call it `name`.
    pub fn new(name: impl Into<String>, root: &'a Value) -> Result<Self, Error> {
        let name = name.into();
        let version = root.get("openapi").or_else(|| root.get("swagger")).map(|version| {
            // Without quotes, `openapi: 3.1` is a number.
            version.as_str().map_or_else(|| version.to_string(), str::to_owned)
        });
        match version {
            Some(version) if version.starts_with("3.") => {
                Ok(Self { name, root, ref_siblings_apply: !version.starts_with("3.0") })
            }
            version => Err(Error::NotOpenApi { document: name, version }),
        }
    }

    /// Returns the whole document.
    pub fn root(&self) -> &'a Value {
        self.root
    }

    /// Returns whether keywords next to `$ref` in a schema apply, as they do since OpenAPI 3.1.
    pub fn ref_siblings_apply(&self) -> bool {
        self.ref_siblings_apply
    }

    /// Resolves a value until it is not a reference.
    pub fn follow(&self, value: &'a Value) -> Result<&'a Value, Error> {
        let mut value = value;
        for _ in 0..MAX_CHAIN {
            match value.get("$ref").and_then(Value::as_str) {
                None => return Ok(value),
                Some(reference) => value = self.target(reference)?,
            }
        }
        let reference = value["$ref"].as_str().unwrap_or_default();
        Err(self.unresolved(reference, "is circular"))
    }

    /// Returns the target of a reference, which may be a reference itself.
    pub fn target(&self, reference: &str) -> Result<&'a Value, Error> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(self.unresolved(reference, "points outside the document"));
        };
        // In a URI fragment, a JSON pointer is also percent-encoded.
        let Some(pointer) = percent_decoded(fragment) else {
            return Err(self.unresolved(reference, "is not validly percent-encoded"));
        };
        self.root.pointer(&pointer).ok_or_else(|| self.unresolved(reference, "has no target"))
    }

    fn unresolved(&self, reference: &str, reason: &'static str) -> Error {
        Error::Reference { document: self.name.clone(), reference: reference.to_owned(), reason }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
            u8::try_from(value).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}
