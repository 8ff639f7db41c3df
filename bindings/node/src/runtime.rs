//! The tokio runtime under everything but single calls, which have lanes of their own (`lanes`).

use std::ops::RangeInclusive;
use std::thread;

use napi::bindgen_prelude::create_custom_tokio_runtime;
use tokio::runtime::Builder;

/// So many threads move bytes and read responses at least and at most.
const THREADS: RangeInclusive<usize> = 2..=4;

/// How many threads move bytes and read responses at a time: half as many as processors, for JavaScript wants some too; but with
/// one alone, a response would wait while another is read.
pub(crate) fn threads() -> usize {
    let processors = thread::available_parallelism().map_or(2, |number| number.get());
    (processors / 2).clamp(*THREADS.start(), *THREADS.end())
}

/// Makes the runtime when the module is loaded. Where none can be made Node-API's own takes its place, as it does when a
/// worker ends that had loaded the module.
#[napi_derive::module_init]
fn make_runtime() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads())
        .thread_name("mistral-datasets")
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}
