//! The native module of the Python package `mistral_datasets`: it converts what Python gives, calls the client, and
//! converts what comes back. Rules live in the client alone.
//!
//! What follows from the OpenAPI document, one class a response and one pair of methods an operation, lies in `generated`.
//! By hand are the runtime under the blocking calls and the awaitables, errors, lazily parsed JSON, the transfer of files, and
//! what makes many calls of one: pagers, waits and bulk transfer.

#![allow(missing_debug_implementations, reason = "Python shows its classes by their `__repr__`")]

mod argument;
mod bulk;
mod call;
mod client;
mod error;
mod exchange;
mod export;
mod file;
mod free_object;
mod generated;
mod json;
mod lane;
mod local;
mod logging;
mod member;
mod model;
mod options;
mod pager;
mod raw;
mod report;
mod runtime;
mod session;
mod task;

use pyo3::prelude::*;

/// The native part of `mistral_datasets`. Import what you need from the package instead.
#[pymodule(name = "_native", gil_used = false)]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ERROR_KINDS", error::kinds())?;
    logging::install();
    let end = wrap_pyfunction!(runtime::end, module)?;
    module.py().import("atexit")?.call_method1("register", (end,))?;
    module.add_class::<session::Session>()?;
    module.add_class::<options::RetryPolicy>()?;
    module.add_class::<file::Content>()?;
    module.add_class::<task::Handle>()?;
    module.add_class::<exchange::Exchange>()?;
    module.add_class::<local::TestServer>()?;
    module.add_class::<local::TestWorkspace>()?;
    module.add_class::<pager::Path>()?;
    module.add_class::<pager::Items>()?;
    module.add_class::<pager::Pages>()?;
    module.add_class::<report::CreateReport>()?;
    module.add_class::<report::ImportReport>()?;
    module.add_class::<export::ExportedRecord>()?;
    module.add_function(wrap_pyfunction!(bulk::create_records, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::import_jsonl, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::give_records, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::give_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(export::export, module)?)?;
    module.add_function(wrap_pyfunction!(export::export_records, module)?)?;
    module.add_function(wrap_pyfunction!(model::restore, module)?)?;
    generated::register(module)
}
