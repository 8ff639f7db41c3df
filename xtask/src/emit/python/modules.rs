//! Emits the Python modules that re-export the native classes, and the type aliases of the open enums.

use std::fmt::Write;

use super::text::{self, by_hand, class, docstring, is_class, returned};
use crate::emit::preamble;
use crate::model::Model;

/// Emits `models.py`.
pub fn models(model: &Model) -> String {
    let names = returned(model).into_iter().filter(|schema| is_class(schema));
    reexport("Responses of the API, one class per schema.", names.map(|schema| schema.name.clone()))
}

/// Emits `resources.py`.
pub fn resources(model: &Model) -> String {
    let mut text = preamble("#");
    text.push_str("\n\"\"\"Resources of the API. `Mistral` has an instance of each.\"\"\"\n\n");
    let groups = model.groups();
    for (module, base) in groups.iter().filter_map(|group| by_hand(group)) {
        let _ = writeln!(text, "from mistral_datasets.{module} import {base}");
    }
    let mut names: Vec<String> = groups.iter().map(|group| class(group)).collect();
    names.sort();
    let (extended, plain): (Vec<&str>, Vec<&str>) =
        groups.iter().partition(|group| by_hand(group).is_some());
    for group in extended {
        let _ = writeln!(text, "from mistral_datasets._native import {0} as _{0}", class(group));
    }
    let mut plain: Vec<String> = plain.into_iter().map(class).collect();
    plain.sort();
    if !plain.is_empty() {
        let _ = writeln!(text, "from mistral_datasets._native import {}", plain.join(", "));
    }
    text.push('\n');
    text.push_str("__all__ = [\n");
    for name in &names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    for group in groups {
        if let Some((_, base)) = by_hand(group) {
            let name = class(group);
            let _ = write!(
                text,
                "\n\nclass {name}(_{name}, {base}):\n    __doc__ = _{name}.__doc__\n    __slots__ = ()\n"
            );
        }
    }
    text
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
