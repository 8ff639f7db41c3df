//! Where single calls run.
//!
//! A runtime of several threads that gets a task from outside wakes a second thread to look for more, and what one of them has
//! begun the other goes on with. That is much of what a call costs that is made alone. So a call runs in a lane: one thread,
//! which also works the connections of its calls. It takes the lane in which fewest are under way; what calls one at a time
//! stays in the first, and there is no other.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mistral_datasets::Client;
use napi::bindgen_prelude::spawn;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::runtime;

/// What the threads are called, in the fifteen letters that Linux keeps.
const NAME: &str = "mistral-calls";

/// How long the end of a lane waits for what blocks it, such as the name of a host being looked up.
const PATIENCE: Duration = Duration::from_millis(100);

/// The lanes for the JavaScript of one thread.
pub struct Lanes {
    lanes: Vec<Lane>,
}

/// A thread that carries out calls, once there was one.
#[derive(Default)]
struct Lane {
    calls: AtomicUsize,
    /// Absent where no thread could be made; then calls run in the common runtime.
    runtime: OnceLock<Option<Handle>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A lane that a call has taken.
pub struct Taken {
    lanes: Arc<Lanes>,
    number: usize,
}

impl Lanes {
    pub fn new() -> Arc<Self> {
        let lanes = (0..runtime::threads()).map(|_| Lane::default()).collect();
        Arc::new(Self { lanes })
    }

    /// Takes the lane with the fewest calls.
    pub fn take(self: &Arc<Self>) -> Taken {
        let calls = |number: &usize| self.lanes[*number].calls.load(Ordering::Relaxed);
        let number = (0..self.lanes.len()).min_by_key(calls).unwrap_or_default();
        self.lanes[number].calls.fetch_add(1, Ordering::Relaxed);
        Taken { lanes: self.clone(), number }
    }

    /// Drops all calls that are under way, and waits until the threads have ended.
    pub fn stop(&self) {
        let running = self
            .lanes
            .iter()
            .filter_map(|lane| lane.running.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads: Vec<_> = running
            .map(|Running { stop, thread }| {
                let _ = stop.send(());
                thread
            })
            .collect();
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Lane {
    /// Starts the thread, if it can be.
    fn start(&self) -> Option<Handle> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(PATIENCE);
        };
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(work).ok()?;
        let running = Running { stop, thread };
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Some(handle)
    }
}

impl Taken {
    /// Carries out a call, and leaves the lane when it has ended.
    pub fn spawn(self, call: impl Future<Output = ()> + Send + 'static) {
        let lane = &self.lanes.lanes[self.number];
        let runtime = lane.runtime.get_or_init(|| lane.start()).clone();
        let call = async move {
            call.await;
            drop(self);
        };
        match runtime {
            Some(runtime) => drop(runtime.spawn(call)),
            None => drop(spawn(call)),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.lanes.lanes[self.number].calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections that a client and all that are made from it use, by lane. A connection that two threads work costs more than
/// two connections.
#[derive(Clone)]
pub struct Connections {
    /// A client of which these are the connections. The first lane uses those of the client itself.
    others: Arc<[OnceLock<Client>]>,
}

impl Connections {
    pub fn new() -> Self {
        Self { others: (1..runtime::threads()).map(|_| OnceLock::new()).collect() }
    }

    /// The client for calls in this lane.
    pub fn of(&self, client: &Client, lane: &Taken) -> Client {
        let Some(other) = lane.number.checked_sub(1).map(|number| &self.others[number]) else {
            return client.clone();
        };
        if let Some(other) = other.get() {
            return client.with_connection_pool_of(other);
        }
        // Where the environment allows no more of them, those that are there serve.
        let Ok(own) = client.with_own_connection_pool() else { return client.clone() };
        client.with_connection_pool_of(other.get_or_init(|| own))
    }
}
