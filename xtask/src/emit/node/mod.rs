//! The Node binding: native methods in Rust, classes in JavaScript and declarations in TypeScript.

mod encoders;
mod esm_names;
mod inputs;
mod inputs_dts;
mod models;
mod models_dts;
mod native_methods;
mod resources;
mod resources_dts;
mod spelling;
#[cfg(test)]
mod tests;

pub use spelling::camel;

use super::Output;
use crate::model::Model;

/// Emits all generated files of the Node package.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut outputs = native_methods::emit(model)?;
    for (file, text) in [
        ("inputs.js", inputs::emit(model)?),
        ("inputs.d.ts", inputs_dts::emit(model)?),
        ("models.js", models::emit(model)?),
        ("models.d.ts", models_dts::emit(model)?),
        ("names.mjs", esm_names::emit(model)?),
        ("resources.js", resources::emit(model)?),
        ("resources.d.ts", resources_dts::emit(model)?),
    ] {
        outputs.push(Output::new(&format!("bindings/node/lib/generated/{file}"), text));
    }
    Ok(outputs)
}
