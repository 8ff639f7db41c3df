//! Forwards the client's log events to Python's logger `mistral_datasets`.
//!
//! The logger's level is looked up when a call is created, while the interpreter is attached, and cached in an atomic. A disabled
//! event therefore costs one comparison on any thread.
//!
//! An event on the thread of a blocking call runs Python code on that thread, where it may also run a signal handler. An exception
//! raised there belongs to the call; see [`Interruptible`].

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

use crate::interpreter;
use crate::log_context;

/// The name of the logger, and of the crate whose events it receives.
const NAME: &str = "mistral_datasets";

/// The effective level of the logger. No event is enabled until the program has imported `logging`.
static MIN_LEVEL: AtomicUsize = AtomicUsize::new(usize::MAX);

static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Installs the subscriber that forwards events to Python.
pub fn install() {
    // Fails if another native module in the process has installed a subscriber, which then receives these events too.
    let _ = tracing::subscriber::set_global_default(Forward);
}

/// Updates the cached level.
///
/// # Errors
/// An exception that a signal handler raised in the meantime.
pub fn refresh_level(py: Python<'_>) -> PyResult<()> {
    if let Some(level) = effective_level(py)? {
        MIN_LEVEL.store(level, Ordering::Relaxed);
    }
    Ok(())
}

fn effective_level(py: Python<'_>) -> PyResult<Option<usize>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    if LOGGER.get(py).is_none() {
        let modules = MODULES.import(py, "sys", "modules")?;
        // A program that configures logging has already imported `logging`. For other programs, importing it would take longer
        // than importing this package.
        let Some(logging) = modules.get_item(intern!(py, "logging"))? else { return Ok(None) };
        // Another thread may still be importing it.
        let Some(get_logger) = logging.getattr_opt(intern!(py, "getLogger"))? else {
            return Ok(None);
        };
        let _ = LOGGER.set(py, get_logger.call1((NAME,))?.unbind());
    }
    let Some(logger) = LOGGER.get(py) else { return Ok(None) };
    logger.call_method0(py, intern!(py, "getEffectiveLevel"))?.extract(py).map(Some)
}

/// Converts a level to the number that `logging` uses for it.
fn python_level(level: Level) -> usize {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

thread_local! {
    /// Whether this thread runs a blocking call.
    static INTERRUPTIBLE: Cell<bool> = const { Cell::new(false) };

    /// The exception that interrupts the call.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// A guard for a blocking call on the current thread.
///
/// While it exists, exceptions raised during logging are kept for the call: those of signal handlers, and those of log handlers that
/// do not derive from `Exception`, such as `SystemExit`.
pub struct Interruptible(());

impl Interruptible {
    /// Marks the start of a call.
    pub fn begin() -> Self {
        INTERRUPTIBLE.set(true);
        Self(())
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        INTERRUPTIBLE.set(false);
        RAISED.set(None);
    }
}

/// Takes the exception that interrupts the call of this thread.
pub fn interruption() -> Option<PyErr> {
    RAISED.take()
}

/// Keeps an exception for the call of this thread. Without a call, it is reported through `sys.unraisablehook`.
fn interrupt(py: Python<'_>, raised: PyErr) {
    if INTERRUPTIBLE.get() {
        RAISED.set(Some(raised));
    } else {
        raised.write_unraisable(py, None);
    }
}

/// Forwards the client's events. The only spans are those of [`log_context`].
struct Forward;

impl Subscriber for Forward {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_event(metadata) || is_context(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        python_level(*metadata.level()) >= MIN_LEVEL.load(Ordering::Relaxed)
            && (is_event(metadata) || is_context(metadata))
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let level = python_level(*event.metadata().level());
        // Events are lost while the interpreter is shutting down.
        interpreter::attach(|py| {
            // Handles a pending signal first, so that its exception is not mistaken for a failure of a log handler.
            if let Err(raised) = py.check_signals() {
                return interrupt(py, raised);
            }
            let Some(logger) = LOGGER.get(py) else { return };
            match message.log(py, logger.bind(py), level) {
                Ok(()) => {}
                // A failing log handler does not fail the call.
                Err(failure) if failure.is_instance_of::<PyException>(py) => {
                    failure.write_unraisable(py, None);
                }
                Err(raised) => interrupt(py, raised),
            }
        });
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        log_context::create(attributes.metadata())
    }

    fn clone_span(&self, id: &Id) -> Id {
        log_context::retain(id)
    }

    fn try_close(&self, id: Id) -> bool {
        log_context::release(&id);
        false
    }

    fn enter(&self, id: &Id) {
        log_context::enter(id);
    }

    fn exit(&self, id: &Id) {
        log_context::exit(id);
    }

    fn current_span(&self) -> Current {
        log_context::current()
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

fn is_event(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target().split("::").next() == Some(NAME)
}

fn is_context(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == log_context::TARGET
}

/// The message of an event, followed by its other fields as `name=value`.
#[derive(Default)]
struct Message {
    message: String,
    fields: String,
}

impl Message {
    fn log(&self, py: Python<'_>, logger: &Bound<'_, PyAny>, level: usize) -> PyResult<()> {
        let text = format!("{}{}", self.message, self.fields);
        match log_context::copy(py)? {
            Some(context) => {
                let log = logger.getattr(intern!(py, "log"))?;
                context.call_method1(intern!(py, "run"), (log, level, "%s", text))?;
            }
            None => {
                logger.call_method1(intern!(py, "log"), (level, "%s", text))?;
            }
        }
        Ok(())
    }
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a `String` does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
