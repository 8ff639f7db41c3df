//! Emits the table of operations in the README.

use std::fmt::Write;

use super::node::camel;
use crate::model::{Model, Operation};

/// Emits a table of all operations with their names in each language.
pub fn emit(model: &Model) -> String {
    let mut text = String::from(
        "| Operation | Request | Rust | Python | Node | Generations |\n|---|---|---|---|---|---|\n",
    );
    for operation in &model.operations {
        let _ = writeln!(
            text,
            "| {} | `{} {}` | `{}` | `{}` | `{}` | {} |",
            operation.summary,
            operation.method,
            operation.path,
            rust(model, operation),
            python(operation),
            node(operation),
            generations(operation)
        );
    }
    text
}

fn generations(operation: &Operation) -> String {
    match operation.generations.as_slice() {
        [] => "all".to_owned(),
        generations => generations.join(", "),
    }
}

fn rust(model: &Model, operation: &Operation) -> String {
    let handle = operation.group.replace('.', "().");
    let arguments: Vec<&str> = match operation.handwritten {
        // The arguments of handwritten calls are not in the model.
        Some(_) => vec!["…"],
        None => operation
            .arguments(model)
            .iter()
            .filter(|argument| argument.field.required)
            .map(|argument| argument.field.name.as_str())
            .collect(),
    };
    format!("{handle}().{}({})", operation.name, arguments.join(", "))
}

fn python(operation: &Operation) -> String {
    format!("{}.{}", operation.group, operation.name)
}

fn node(operation: &Operation) -> String {
    let path = operation.group.split('.').chain([operation.name.as_str()]);
    path.map(camel).collect::<Vec<_>>().join(".")
}
