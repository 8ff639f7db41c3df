//! Emits the generated parts of the Python package.

mod annotations;
mod arguments;
mod client;
mod extras;
mod native;
mod resources;
mod stubs;
#[cfg(test)]
mod tests;
mod text;
mod values;

use super::Output;
use crate::model::Model;

/// Directory of the native module's generated sources.
const NATIVE: &str = "bindings/python/src/generated";

/// Directory of the Python sources.
const PACKAGE: &str = "bindings/python/python/mistral_datasets";

/// Emits the native classes, the Python modules that re-export them, and their stubs.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut outputs = vec![
        Output::new(&format!("{NATIVE}/mod.rs"), native::index(model)?),
        Output::new(&format!("{NATIVE}/models.rs"), native::models(model)?),
    ];
    for group in model.groups() {
        let path = format!("{NATIVE}/{}.rs", model.group_name(group));
        outputs.push(Output::new(&path, native::resource(model, group)?));
    }
    for (name, text) in [
        ("_groups.py", client::emit(model)),
        ("_json_schemas.py", values::json_schemas(model)),
        ("params.py", values::requests(model)?),
        ("enums.py", values::enums(model)),
        ("models.py", values::models(model)?),
        ("models.pyi", stubs::models(model)?),
        ("resources.py", resources::emit(model)?),
    ] {
        outputs.push(Output::new(&format!("{PACKAGE}/{name}"), text));
    }
    Ok(outputs)
}
