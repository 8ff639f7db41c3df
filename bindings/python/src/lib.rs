//! The native module of the Python package `mistral_datasets`: it converts what Python gives, calls the client, and
//! converts what comes back. Rules live in the client alone.
//!
//! What follows from the OpenAPI document, one class a reply and one pair of methods an operation, lies in `generated`.
//! By hand are the runtime under the blocking calls and the awaitables, errors, lazily parsed JSON, and the transfer
//! of files.

#![allow(missing_debug_implementations, reason = "Python shows its classes by their `__repr__`")]

mod argument;
mod client;
mod error;
mod file;
mod free_object;
mod generated;
mod json;
mod member;
mod model;
mod runtime;
mod session;

use pyo3::prelude::*;

/// The native part of `mistral_datasets`. Import what you need from the package instead.
#[pymodule(name = "_native", gil_used = false)]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ERROR_KINDS", error::kinds())?;
    module.add_class::<client::Client>()?;
    module.add_class::<file::Content>()?;
    module.add_function(wrap_pyfunction!(model::restore, module)?)?;
    generated::register(module)
}
