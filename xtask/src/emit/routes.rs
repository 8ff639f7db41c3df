//! Emits the server's table of operations.

use std::fmt::Write;

use super::{preamble, rust_text};
use crate::model::Model;

/// Emits `routes.rs`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! All operations of the OpenAPI document, for the router and its tests.\n\n\
         /// An operation of the OpenAPI document.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\n\
         pub struct OperationRoute {\n\
         /// The operation id.\n    pub operation_id: &'static str,\n\
         /// The HTTP method in upper case.\n    pub method: &'static str,\n\
         /// The path with `{parameters}` in braces.\n    pub path: &'static str,\n\
         /// The success status.\n    pub success: u16,\n\
         /// The generations of the API that have the operation. Empty if all have it.\n    pub generations: &'static [&'static str],\n}\n\n\
         /// All operations, grouped by resource.\n\
         pub const OPERATIONS: &[OperationRoute] = &[\n",
    );
    for operation in &model.operations {
        let _ = writeln!(
            text,
            "OperationRoute {{ operation_id: {:?}, method: {:?}, path: {:?}, success: {}, generations: &{:?} }},",
            operation.id,
            operation.method,
            operation.path,
            operation.success.status,
            operation.generations
        );
    }
    text.push_str("];\n");
    rust_text::format(&text)
}
