//! A document as read: its version, and what its references stand for.
//!
//! References are followed one by one as the comparison reaches them: of a document of tens of
//! thousands of lines only the part that our operations touch is ever looked at.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::error::Error;

/// How many references in a row are followed before they are taken for a circle.
const LONGEST_CHAIN: usize = 64;

/// Reads a YAML or JSON file.
///
/// Keys that are no strings in YAML, such as a status written `200`, become strings.
pub fn load(path: &Path) -> Result<Value, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = text.trim_start_matches('\u{feff}');
    // JSON is nearly a part of YAML, but its own parser is faster and accepts tabs.
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    serde_yaml_ng::from_str(text)
        .map_err(|error| Error::Syntax { path: path.to_owned(), reason: error.to_string() })
}

/// An OpenAPI 3 document whose references can be followed.
#[derive(Debug)]
pub struct Document<'a> {
    name: String,
    root: &'a Value,
    siblings_count: bool,
}

impl<'a> Document<'a> {
    /// Takes a document called `name` in messages; refuses what is not OpenAPI 3.
    pub fn new(name: impl Into<String>, root: &'a Value) -> Result<Self, Error> {
        let name = name.into();
        let version = root.get("openapi").or_else(|| root.get("swagger")).map(|version| {
            // `openapi: 3.1` without quotes is a number in YAML.
            version.as_str().map_or_else(|| version.to_string(), str::to_owned)
        });
        match version {
            Some(version) if version.starts_with("3.") => {
                Ok(Self { name, root, siblings_count: !version.starts_with("3.0") })
            }
            version => Err(Error::NotOpenApi { document: name, version }),
        }
    }

    /// The whole document.
    pub fn root(&self) -> &'a Value {
        self.root
    }

    /// Whether keywords beside a schema's `$ref` mean something: from OpenAPI 3.1 on.
    pub fn siblings_count(&self) -> bool {
        self.siblings_count
    }

    /// The value itself, or what it stands for if it is a reference object.
    pub fn follow(&self, value: &'a Value) -> Result<&'a Value, Error> {
        let mut value = value;
        for _ in 0..LONGEST_CHAIN {
            match value.get("$ref").and_then(Value::as_str) {
                None => return Ok(value),
                Some(reference) => value = self.target(reference)?,
            }
        }
        let reference = value["$ref"].as_str().unwrap_or_default();
        Err(self.unresolved(reference, "only leads in a circle"))
    }

    /// What a local reference points to, one step on.
    pub fn target(&self, reference: &str) -> Result<&'a Value, Error> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(self.unresolved(reference, "leads out of the document"));
        };
        // A pointer in a URI fragment is percent-encoded on top of its own `~0` and `~1`.
        let Some(pointer) = percent_decoded(fragment) else {
            return Err(self.unresolved(reference, "is not properly percent-encoded"));
        };
        self.root.pointer(&pointer).ok_or_else(|| self.unresolved(reference, "points to nothing"))
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
