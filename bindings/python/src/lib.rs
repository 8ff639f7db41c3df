//! The native module of the Python package `mistral_datasets`.
//!
//! It converts arguments, calls the Rust client, and converts results. Retries, validation and all other behavior belong to the
//! client.
//!
//! Modules depend only on modules of lower layers, or on earlier modules of their own layer:
//!
//! 1. The interpreter: `interpreter` (threads and shutdown), `log_context`, `logging`, `runtime` (worker threads), `raw_response`.
//! 2. The client: `arguments`, `options`, `error` (exceptions), `blocking` (single-threaded runtimes), `session` (survives forks).
//! 3. Values: `convert` (results), `json`, `json_object`, `fields`, `model` (responses), `report`.
//! 4. Calls: `awaitable`, `call`, `driven_call` (calls with Python callbacks), `file`, `body` (arguments), `pager`, `task`.
//! 5. The API: `generated` (a class per response and resource, from the OpenAPI document), `export`, `bulk`, `judge`
//!    (options of local servers), `client`, `testing`.

#![allow(missing_debug_implementations, reason = "Python classes implement `__repr__` instead")]

mod arguments;
mod awaitable;
mod blocking;
mod body;
mod bulk;
mod call;
mod client;
mod convert;
mod driven_call;
mod error;
mod export;
mod expression;
mod fields;
mod file;
mod generated;
mod interpreter;
mod json;
mod json_object;
mod judge;
mod log_context;
mod logging;
mod model;
mod options;
mod pager;
mod raw_response;
mod report;
mod runtime;
mod session;
mod span_report;
mod task;
mod testing;

use pyo3::prelude::*;

/// Native implementation of `mistral_datasets`. Import from the package instead.
#[pymodule(name = "_native", gil_used = false)]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interpreter::check_is_main(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ERROR_KINDS", error::kinds())?;
    logging::install();
    let shut_down = wrap_pyfunction!(interpreter::shut_down, module)?;
    module.py().import("atexit")?.call_method1("register", (shut_down,))?;
    module.add_class::<session::Session>()?;
    module.add_class::<file::Content>()?;
    module.add_class::<driven_call::DrivenCall>()?;
    module.add_class::<bulk::RecordBatch>()?;
    module.add_class::<testing::TestServer>()?;
    module.add_class::<testing::TestWorkspace>()?;
    module.add_class::<pager::BatchSource>()?;
    module.add_class::<pager::ItemIterator>()?;
    module.add_class::<pager::PageIterator>()?;
    module.add_class::<report::CreateReport>()?;
    module.add_class::<report::ImportReport>()?;
    module.add_class::<span_report::SpanImportReport>()?;
    module.add_class::<export::ExportedRecord>()?;
    module.add_function(wrap_pyfunction!(bulk::create_records, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::import_jsonl, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::import_spans, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::provide_records, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::provide_spans, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::provide_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(export::export, module)?)?;
    module.add_function(wrap_pyfunction!(export::export_records, module)?)?;
    module.add_function(wrap_pyfunction!(convert::restore, module)?)?;
    module.add_class::<json_object::ObjectSource>()?;
    module.add_function(wrap_pyfunction!(json_object::object_to_json, module)?)?;
    module.add_function(wrap_pyfunction!(json_object::object_from_json, module)?)?;
    module.add_function(wrap_pyfunction!(export::payload_json, module)?)?;
    module.add_function(wrap_pyfunction!(arguments::id_text, module)?)?;
    module.add_function(wrap_pyfunction!(options::seconds, module)?)?;
    module.add_function(wrap_pyfunction!(options::retries, module)?)?;
    module.add_function(wrap_pyfunction!(task::refresh_task, module)?)?;
    module.add_function(wrap_pyfunction!(task::refresh_task_async, module)?)?;
    module.add_function(wrap_pyfunction!(task::wait_for_task, module)?)?;
    module.add_function(wrap_pyfunction!(task::wait_for_task_async, module)?)?;
    module.add_function(wrap_pyfunction!(task::watch_task, module)?)?;
    module.add_function(wrap_pyfunction!(task::watch_campaign, module)?)?;
    module.add_function(wrap_pyfunction!(expression::quote, module)?)?;
    module.add_function(wrap_pyfunction!(expression::map_key, module)?)?;
    module.add_function(wrap_pyfunction!(generated::resource, module)?)?;
    generated::register(module)
}
