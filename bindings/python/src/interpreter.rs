//! Access to the Python interpreter from threads that Python did not start, its shutdown, and the check that it is the
//! main interpreter of its process.
//!
//! A fork copies the memory of the parent but none of its threads. What this module counts is therefore valid only together
//! with the id of the process that counted it.

use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The runtime threads of one process that run Python code or are about to: the id of the process in the upper half, their
/// number in the lower half.
static ATTACHED: AtomicU64 = AtomicU64::new(0);

/// Whether the interpreter is shutting down.
static SHUTTING_DOWN: AtomicBool = AtomicBool::new(false);

/// The longest time that [`shut_down`] waits for attached threads.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs Python code on a runtime thread. Returns `None` if the interpreter is shutting down.
///
/// During finalization, Python kills any thread that tries to acquire the GIL, wherever that thread is in native code.
/// [`shut_down`] therefore waits until no thread is inside this function.
pub fn attach<T>(code: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    struct Detach;
    impl Drop for Detach {
        fn drop(&mut self) {
            set_attached(|number| number.saturating_sub(1));
        }
    }
    set_attached(|number| number + 1);
    let _detach = Detach;
    if is_shutting_down() { None } else { Python::try_attach(code) }
}

/// Returns the number of attached threads of this process, given the value of [`ATTACHED`].
fn attached(value: u64) -> u32 {
    if (value >> 32) as u32 == process::id() { value as u32 } else { 0 }
}

fn set_attached(change: impl Fn(u32) -> u32) {
    let process = u64::from(process::id()) << 32;
    let updated = |value| Some(process | u64::from(change(attached(value))));
    // `updated` never returns `None`.
    let _ = ATTACHED.fetch_update(Ordering::SeqCst, Ordering::SeqCst, updated);
}

/// Checks that the module is imported into the main interpreter. The runtime's threads, and the exit of the process, know
/// only that one.
///
/// # Errors
/// `ImportError` in a subinterpreter.
pub fn check_is_main(_: Python<'_>) -> PyResult<()> {
    #[allow(unsafe_code, reason = "PyO3 has no safe wrapper")]
    // SAFETY: this thread is attached to an interpreter, so there is a current one.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "mistral_datasets does not support subinterpreters; import it in the main interpreter",
    ))
}

/// Returns whether the interpreter is shutting down.
pub fn is_shutting_down() -> bool {
    SHUTTING_DOWN.load(Ordering::SeqCst)
}

/// Waits until no runtime thread runs Python code and prevents further ones from starting. Registered with `atexit`.
#[pyfunction]
pub fn shut_down(py: Python<'_>) {
    SHUTTING_DOWN.store(true, Ordering::SeqCst);
    py.detach(|| {
        let started = Instant::now();
        while attached(ATTACHED.load(Ordering::SeqCst)) > 0 && started.elapsed() < SHUTDOWN_TIMEOUT
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
