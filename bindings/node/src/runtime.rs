//! The tokio runtime that all native calls run on.

use std::ops::RangeInclusive;
use std::thread;

use napi::bindgen_prelude::create_custom_tokio_runtime;
use tokio::runtime::Builder;

/// Bounds of the number of worker threads.
const WORKER_THREADS: RangeInclusive<usize> = 2..=4;

/// Returns the number of worker threads: half the number of processors, to leave some for JavaScript, but at least two, so that
/// decoding one response does not delay another.
fn worker_threads() -> usize {
    let processors = thread::available_parallelism().map_or(2, |number| number.get());
    (processors / 2).clamp(*WORKER_THREADS.start(), *WORKER_THREADS.end())
}

/// Creates the runtime when the module is loaded. If that fails, napi falls back to a runtime of its own, as it does after
/// the last environment that loaded the module has ended.
#[napi_derive::module_init]
fn create_runtime() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(worker_threads())
        .thread_name("mistral-datasets")
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}
