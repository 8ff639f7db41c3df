//! Access to the Python interpreter from threads that Python did not start, and its shutdown.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// The number of runtime threads that run Python code or are about to.
static ATTACHED: AtomicUsize = AtomicUsize::new(0);

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
            ATTACHED.fetch_sub(1, Ordering::SeqCst);
        }
    }
    ATTACHED.fetch_add(1, Ordering::SeqCst);
    let _detach = Detach;
    if is_shutting_down() { None } else { Python::try_attach(code) }
}

/// Returns whether the interpreter is shutting down.
pub fn is_shutting_down() -> bool {
    SHUTTING_DOWN.load(Ordering::SeqCst)
}

/// Resets the thread count in a forked child, which has none of its parent's threads.
pub fn reset_after_fork() {
    ATTACHED.store(0, Ordering::SeqCst);
}

/// Waits until no runtime thread runs Python code and prevents further ones from starting. Registered with `atexit`.
#[pyfunction]
pub fn shut_down(py: Python<'_>) {
    SHUTTING_DOWN.store(true, Ordering::SeqCst);
    py.detach(|| {
        let started = Instant::now();
        while ATTACHED.load(Ordering::SeqCst) > 0 && started.elapsed() < SHUTDOWN_TIMEOUT {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
