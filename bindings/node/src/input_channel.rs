//! A bounded channel from JavaScript to a Rust stream, with backpressure.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use tokio::sync::mpsc;

/// The sending half. The receiving half is a stream.
pub struct InputChannel<T> {
    sender: Mutex<Option<mpsc::Sender<T>>>,
    /// Error message of the source, if it failed.
    failure: Arc<Mutex<Option<String>>>,
}

impl<T: Send + 'static> InputChannel<T> {
    /// Creates a channel that buffers up to `capacity` items.
    pub fn new(capacity: usize) -> (Self, impl Stream<Item = io::Result<T>> + Send + 'static) {
        let (sender, receiver) = mpsc::channel(capacity);
        let failure = Arc::<Mutex<Option<String>>>::default();
        let state = (receiver, failure.clone());
        let items = futures::stream::unfold(state, |(mut receiver, failure)| async {
            let item = match receiver.recv().await {
                Some(item) => Ok(item),
                // A failed source must not look like the end of the input.
                None => Err(io::Error::other(lock(&failure).take()?)),
            };
            Some((item, (receiver, failure)))
        });
        (Self { sender: Mutex::new(Some(sender)), failure }, items)
    }

    /// Sends an item. Returns `false` if the caller must wait for [`ready`](Self::ready) before sending the next one.
    pub fn push(&self, item: T) -> bool {
        let sender = lock(&self.sender);
        let Some(sender) = &*sender else { return false };
        sender.try_send(item).is_ok() && sender.capacity() > 0
    }

    /// Waits until an item can be sent. Returns `false` if the receiver is gone.
    pub async fn ready(&self) -> bool {
        let sender = lock(&self.sender).clone();
        match sender {
            Some(sender) => sender.reserve().await.is_ok(),
            None => false,
        }
    }

    /// Ends the stream.
    pub fn end(&self) {
        lock(&self.sender).take();
    }

    /// Ends the stream with an error.
    pub fn fail(&self, message: String) {
        *lock(&self.failure) = Some(message);
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
