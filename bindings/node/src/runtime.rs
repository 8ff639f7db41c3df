//! The tokio runtime under the calls.

use std::ops::RangeInclusive;
use std::thread;

use napi::bindgen_prelude::create_custom_tokio_runtime;
use tokio::runtime::Builder;

/// The threads that move bytes and read replies: half as many as processors, but so many at least and at most. JavaScript
/// wants the processors too, and a thread more is often woken only to find that there is nothing to do; but with one alone, a
/// reply would wait while another is read.
const THREADS: RangeInclusive<usize> = 2..=4;

/// Makes the runtime when the module is loaded. Where none can be made Node-API's own takes its place, as it does when a
/// worker ends that had loaded the module.
#[napi_derive::module_init]
fn make_runtime() {
    let processors = thread::available_parallelism().map_or(2, |number| number.get());
    let runtime = Builder::new_multi_thread()
        .worker_threads((processors / 2).clamp(*THREADS.start(), *THREADS.end()))
        .thread_name("mistral-datasets")
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}
