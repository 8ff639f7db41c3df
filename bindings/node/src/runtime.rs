//! The tokio runtime under the calls.

use std::thread;

use napi::bindgen_prelude::create_custom_tokio_runtime;
use tokio::runtime::Builder;

/// The most threads that move bytes, of which there are half as many as processors. They compute little, JavaScript wants the
/// processors too, and a thread more is woken for every reply only to find that there is nothing to do.
const MOST_THREADS: usize = 4;

/// Makes the runtime when the module is loaded. Where none can be made Node-API's own takes its place, as it does when a
/// worker ends that had loaded the module.
#[napi_derive::module_init]
fn make_runtime() {
    let processors = thread::available_parallelism().map_or(2, |number| number.get());
    let runtime = Builder::new_multi_thread()
        .worker_threads((processors / 2).clamp(1, MOST_THREADS))
        .thread_name("mistral-datasets")
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}
