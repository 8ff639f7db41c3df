//! Emits the Python module that re-exports the native resources.

use std::fmt::Write;

use super::text::{by_hand, class};
use crate::emit::preamble;
use crate::model::Model;

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
