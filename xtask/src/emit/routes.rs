//! The server's table of operations.

use std::fmt::Write;

use super::{preamble, rust_text};
use crate::model::Model;

/// Emits `routes.rs`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! Every operation of the document, for the router and its test.\n\n\
         /// One operation of the document.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\n\
         pub struct OperationRoute {\n\
         /// The document's operation id.\n    pub operation_id: &'static str,\n\
         /// The method in capitals.\n    pub method: &'static str,\n\
         /// The path with `{parameters}`.\n    pub path: &'static str,\n\
         /// The status of success.\n    pub success: u16,\n}\n\n\
         /// Every operation, in the order of the document's groups.\n\
         pub const OPERATIONS: &[OperationRoute] = &[\n",
    );
    for operation in &model.operations {
        let _ = writeln!(
            text,
            "OperationRoute {{ operation_id: {:?}, method: {:?}, path: {:?}, success: {} }},",
            operation.id, operation.method, operation.path, operation.success.status
        );
    }
    text.push_str("];\n");
    rust_text::format(&text)
}
