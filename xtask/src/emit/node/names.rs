//! The names that `import` finds.

use std::fmt::Write;

use super::{models, resources};
use crate::emit::preamble;
use crate::model::Model;

/// Emits `names.mjs`. Without it, Node.js would look for the names in the text of the CommonJS modules, which takes an `import`
/// longer and more memory than all else that it does.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str("\nimport api from \"../index.js\";\n\nexport const {\n");
    for name in models::names(model)?.into_iter().chain(resources::names(model)) {
        let _ = writeln!(text, "  {name},");
    }
    text.push_str("} = api;\n");
    Ok(text)
}
