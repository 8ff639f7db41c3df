//! The `contextvars` context in which the threads of the runtime log.
//!
//! A `tracing` span carries the context of the caller, so that log handlers and filters see its context variables. The client keeps
//! the span when it sends requests concurrently. Blocking calls that run on the caller's thread need no span.

use std::cell::RefCell;
use std::ptr;
use std::sync::{Arc, OnceLock};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracing::span::Id;
use tracing::{Metadata, Span};
use tracing_core::span::Current;

/// The target of the spans.
pub const TARGET: &str = "mistral_datasets_context";

/// A context, if the interpreter was attached when its span was created.
type Context = Option<Py<PyAny>>;

static METADATA: OnceLock<&'static Metadata<'static>> = OnceLock::new();

thread_local! {
    /// The spans that this thread has entered.
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// Creates a span that carries the current context. It is disabled unless the program has configured logging.
pub fn span() -> Span {
    tracing::error_span!(target: TARGET, "call")
}

/// Stores the current context. The ID is its address, because a map would need a lock, which a fork could leave locked.
pub fn create(metadata: &'static Metadata<'static>) -> Id {
    METADATA.get_or_init(|| metadata);
    let context: Context = Python::try_attach(|py| copy_current(py).ok()).flatten();
    Id::from_u64(Arc::into_raw(Arc::new(context)).expose_provenance() as u64)
}

fn copy_current(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static COPY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(COPY.import(py, "contextvars", "copy_context")?.call0()?.unbind())
}

fn address(id: &Id) -> *const Context {
    ptr::with_exposed_provenance(id.into_u64() as usize)
}

/// Adds a reference to a context.
pub fn retain(id: &Id) -> Id {
    #[allow(unsafe_code, reason = "the ID is an address")]
    // SAFETY: the address comes from `Arc::into_raw`, and the caller's reference keeps the context alive.
    unsafe {
        Arc::increment_strong_count(address(id));
    }
    id.clone()
}

/// Drops a reference to a context.
pub fn release(id: &Id) {
    #[allow(unsafe_code, reason = "the ID is an address")]
    // SAFETY: the address comes from `Arc::into_raw`, and the reference that is dropped was created by `create` or `retain`.
    unsafe {
        Arc::decrement_strong_count(address(id));
    }
}

/// Enters a span on this thread.
pub fn enter(id: &Id) {
    ENTERED.with_borrow_mut(|entered| entered.push(id.clone()));
}

/// Leaves a span on this thread.
pub fn exit(id: &Id) {
    ENTERED.with_borrow_mut(|entered| {
        if let Some(index) = entered.iter().rposition(|entered| entered == id) {
            entered.remove(index);
        }
    });
}

/// Returns the span that this thread entered last.
pub fn current() -> Current {
    let id = ENTERED.with_borrow(|entered| entered.last().cloned());
    match (id, METADATA.get()) {
        (Some(id), Some(metadata)) => Current::new(id, metadata),
        _ => Current::none(),
    }
}

/// Returns a copy of the context of the span that this thread entered last, if any.
///
/// # Errors
/// An exception of Python's.
pub fn copy(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(id) = ENTERED.with_borrow(|entered| entered.last().cloned()) else { return Ok(None) };
    #[allow(unsafe_code, reason = "the ID is an address")]
    // SAFETY: a span that was entered and not left keeps its context alive.
    let context: &Context = unsafe { &*address(&id) };
    // Several threads may log at the same time, and a context can be entered only once.
    context.as_ref().map(|context| context.bind(py).call_method0(intern!(py, "copy"))).transpose()
}
