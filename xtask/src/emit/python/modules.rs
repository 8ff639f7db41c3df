//! Emits the Python modules that re-export the native classes, and the type aliases of the open enums.

use std::fmt::Write;

use super::text::{self, docstring, is_class, returned};
use crate::emit::preamble;
use crate::model::Model;

/// Emits `models.py`.
pub fn models(model: &Model) -> String {
    let names = returned(model).into_iter().filter(|schema| is_class(schema));
    reexport("Responses of the API, one class per schema.", names.map(|schema| schema.name.clone()))
}

fn reexport(doc: &str, names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut text = preamble("#");
    let _ = writeln!(text, "\n\"\"\"{doc}\"\"\"\n\nfrom mistral_datasets._native import (");
    for name in &names {
        let _ = writeln!(text, "    {name},");
    }
    text.push_str(")\n\n__all__ = [\n");
    for name in &names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    text
}

/// Emits `enums.py`.
pub fn enums(model: &Model) -> String {
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"Types of the API's enumerations. They accept any string, because the API may add values.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from typing import Literal, TypeAlias\n\n__all__ = [\n",
    );
    let mut names: Vec<&str> = text::enums(model).map(|(schema, _)| schema.name.as_str()).collect();
    names.sort_unstable();
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    for (schema, values) in text::enums(model) {
        let _ = write!(text, "\n{}: TypeAlias = (\n    Literal[\n", schema.name);
        for value in values {
            let _ = writeln!(text, "        \"{value}\",");
        }
        let _ = write!(
            text,
            "    ]\n    | str\n)\n{}",
            docstring(std::slice::from_ref(&schema.description), 0)
        );
    }
    text
}
