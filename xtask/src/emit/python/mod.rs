//! Everything of the Python package that follows from the document.

mod beyond;
mod modules;
mod native;
mod stubs;
#[cfg(test)]
mod tests;
mod text;

use super::Output;
use crate::model::Model;

/// Where the native module's generated sources lie.
const NATIVE: &str = "bindings/python/src/generated";

/// Where the Python sources lie.
const PACKAGE: &str = "bindings/python/python/mistral_datasets";

/// Emits the native classes, the modules that hand them on, and their stubs.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut outputs = vec![
        Output::new(&format!("{NATIVE}/mod.rs"), native::index(model)?),
        Output::new(&format!("{NATIVE}/models.rs"), native::models(model)?),
    ];
    for group in model.groups() {
        let path = format!("{NATIVE}/{}.rs", text::module(group));
        outputs.push(Output::new(&path, native::resource(model, group)?));
    }
    for (name, text) in [
        ("enums.py", modules::enums(model)),
        ("models.py", modules::models(model)),
        ("models.pyi", stubs::models(model)?),
        ("resources.py", modules::resources(model)),
        ("resources.pyi", stubs::resources(model)?),
    ] {
        outputs.push(Output::new(&format!("{PACKAGE}/{name}"), text));
    }
    Ok(outputs)
}
