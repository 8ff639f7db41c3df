//! What the client tells about its work, as messages of Python's `logging` under `mistral_datasets`.
//!
//! How much Python wants to hear is looked up when a call is made, while the interpreter is at hand, and kept in a number. So a
//! message that nobody wants costs a comparison, on whatever thread it comes up.
//!
//! A message that comes up on the thread of a blocking call runs Python's code there, so that a signal finds its handler there.
//! What that raises belongs to the call, see [`Interruptible`].

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

use crate::runtime;

/// The name of the logger, and of the crate whose messages it gets.
const NAME: &str = "mistral_datasets";

/// The least level that Python wants to hear of; until somebody imports `logging` nobody listens.
static WANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Makes messages go to Python.
pub fn install() {
    // Another module in the process may have been faster, which then hears of the client too.
    let _ = tracing::subscriber::set_global_default(Forward);
}

/// Looks up how much Python wants to hear.
///
/// # Errors
/// What the handler of a signal raised meanwhile.
pub fn refresh(py: Python<'_>) -> PyResult<()> {
    if let Some(level) = level(py)? {
        WANTED.store(level, Ordering::Relaxed);
    }
    Ok(())
}

fn level(py: Python<'_>) -> PyResult<Option<usize>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    if LOGGER.get(py).is_none() {
        let modules = MODULES.import(py, "sys", "modules")?;
        // Importing it takes longer than importing this package; who wants to hear has imported it.
        let Some(logging) = modules.get_item(intern!(py, "logging"))? else { return Ok(None) };
        // Another thread may be importing it, and has not got that far.
        let Some(get_logger) = logging.getattr_opt(intern!(py, "getLogger"))? else {
            return Ok(None);
        };
        let _ = LOGGER.set(py, get_logger.call1((NAME,))?.unbind());
    }
    let Some(logger) = LOGGER.get(py) else { return Ok(None) };
    logger.call_method0(py, intern!(py, "getEffectiveLevel"))?.extract(py).map(Some)
}

/// A level as `logging` counts them.
fn number(level: Level) -> usize {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

thread_local! {
    /// Whether this thread carries out a call that can be interrupted.
    static INTERRUPTIBLE: Cell<bool> = const { Cell::new(false) };

    /// What was raised to interrupt it.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// As long as it lives, what is raised on its thread while that tells of a call is kept for the call to end with: what the handler
/// of a signal raised, and what a handler of messages let through that is no failure, such as `SystemExit`.
pub struct Interruptible(());

impl Interruptible {
    /// The thread begins a call.
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

/// What was raised to interrupt the call of this thread.
pub fn interruption() -> Option<PyErr> {
    RAISED.take()
}

/// Keeps an exception for the call that this thread carries out.
fn interrupt(py: Python<'_>, raised: PyErr) {
    if INTERRUPTIBLE.get() {
        RAISED.set(Some(raised));
    } else {
        raised.write_unraisable(py, None);
    }
}

/// Forwards the messages of the client; spans it has no use for.
struct Forward;

impl Subscriber for Forward {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let is_ours = metadata.target().split("::").next() == Some(NAME);
        if is_ours && metadata.is_event() { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        number(*metadata.level()) >= WANTED.load(Ordering::Relaxed) && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let level = number(*event.metadata().level());
        // An interpreter that is shutting down hears nothing more.
        runtime::attach(|py| {
            // A signal that is there already must not pass for a failure of `logging`.
            if let Err(raised) = py.check_signals() {
                return interrupt(py, raised);
            }
            let Some(logger) = LOGGER.get(py) else { return };
            match message.send(py, logger.bind(py), level) {
                Ok(()) => {}
                // As with a handler of its own that fails: the call goes on.
                Err(failure) if failure.is_instance_of::<PyException>(py) => {
                    failure.write_unraisable(py, None);
                }
                Err(raised) => interrupt(py, raised),
            }
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A message: its words, then what belongs to it as `name=value`.
#[derive(Default)]
struct Message {
    words: String,
    details: String,
}

impl Message {
    fn send(&self, py: Python<'_>, logger: &Bound<'_, PyAny>, level: usize) -> PyResult<()> {
        let text = format!("{}{}", self.words, self.details);
        logger.call_method1(intern!(py, "log"), (level, "%s", text))?;
        Ok(())
    }
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.words, "{value:?}"),
            name => write!(self.details, " {name}={value:?}"),
        };
    }
}
