//! The named exports for `import`.

use std::fmt::Write;

use super::{models, resources};
use crate::emit::preamble;
use crate::model::Model;

/// Emits `names.mjs`. Without it, Node.js would scan the source of all CommonJS modules for their exports, which takes longer
/// and needs more memory than the rest of the `import`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str("\nimport api from \"../index.js\";\n\nexport const {\n");
    for name in models::names(model)?.into_iter().chain(resources::names(model)) {
        let _ = writeln!(text, "  {name},");
    }
    text.push_str("} = api;\n");
    Ok(text)
}
