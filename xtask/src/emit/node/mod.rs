//! The Node binding: the native methods in Rust, the classes in JavaScript, and the declarations in TypeScript.

mod calls;
mod crossing_models;
mod models;
mod models_dts;
mod names;
mod resources;
mod resources_dts;
mod spelling;
#[cfg(test)]
mod tests;

use super::Output;
use crate::model::Model;

/// Emits every generated file of the Node package.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut outputs = calls::emit(model)?;
    for (file, text) in [
        ("models.js", models::emit(model)?),
        ("models.d.ts", models_dts::emit(model)?),
        ("names.mjs", names::emit(model)?),
        ("resources.js", resources::emit(model)?),
        ("resources.d.ts", resources_dts::emit(model)?),
    ] {
        outputs.push(Output::new(&format!("bindings/node/lib/generated/{file}"), text));
    }
    Ok(outputs)
}
