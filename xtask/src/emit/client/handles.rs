//! Emits the resource handles, and the methods that return them.

use std::fmt::Write;

use super::super::rust_text::{self, doc, identifier, pascal};
use super::{example, preamble};
use crate::model::{Model, last_part};

/// Emits `mod.rs`.
pub(super) fn emit(model: &Model) -> Result<String, String> {
    let groups = model.groups();
    let mut text = preamble("//");
    text.push_str("\n//! The resource handles, and one module per handle with its calls.\n\n");
    text.push_str("mod limits;\n");
    for group in &groups {
        let _ = writeln!(text, "pub mod {};", model.group_name(group));
    }
    text.push_str("\nuse crate::client::Client;\n\n");
    for group in &groups {
        let operations: Vec<_> =
            model.operations_of(group).map(|operation| format!("`{}`", operation.name)).collect();
        let mut about =
            format!("A handle with the operations of `{group}`: {}.", operations.join(", "));
        if let Some(description) = model.group_description(group) {
            let _ = write!(about, "\n\n{description}");
        }
        let _ = writeln!(
            text,
            "{}#[derive(Clone, Debug)]\npub struct {} {{\n    pub(crate) client: Client,\n}}\n",
            doc(&about),
            pascal(&model.group_name(group))
        );
    }
    for parent in std::iter::once(None).chain(groups.iter().map(|group| Some(*group))) {
        let children = model.groups_in(parent);
        if children.is_empty() {
            continue;
        }
        let (owner, client) = match parent {
            None => ("Client".to_owned(), "self.clone()"),
            Some(parent) => (pascal(&model.group_name(parent)), "self.client.clone()"),
        };
        let _ = writeln!(text, "impl {owner} {{");
        for child in children {
            let (name, method) = (pascal(&model.group_name(child)), identifier(last_part(child)));
            let _ = writeln!(
                text,
                "/// Returns a handle with the operations of `{child}`.\n{}pub fn {method}(&self) -> {name} {{\n{name} {{ client: {client} }}\n}}\n",
                example::handle_method(child)
            );
        }
        text.push_str("}\n\n");
    }
    rust_text::format(&text)
}
