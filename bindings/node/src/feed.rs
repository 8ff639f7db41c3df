//! What JavaScript feeds to a call, item by item, no faster than it is taken.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use tokio::sync::mpsc;

/// Where items are put. The other end is a stream.
pub struct Feed<T> {
    sender: Mutex<Option<mpsc::Sender<T>>>,
    /// Why the source failed, once it has.
    failure: Arc<Mutex<Option<String>>>,
}

impl<T: Send + 'static> Feed<T> {
    /// A feed that holds so many items until they are taken, and what they are taken from.
    pub fn new(room: usize) -> (Self, impl Stream<Item = io::Result<T>> + Send + 'static) {
        let (sender, receiver) = mpsc::channel(room);
        let failure = Arc::<Mutex<Option<String>>>::default();
        let taken = (receiver, failure.clone());
        let items = futures::stream::unfold(taken, |(mut receiver, failure)| async {
            let item = match receiver.recv().await {
                Some(item) => Ok(item),
                // What was broken off must not look like the end.
                None => Err(io::Error::other(lock(&failure).take()?)),
            };
            Some((item, (receiver, failure)))
        });
        (Self { sender: Mutex::new(Some(sender)), failure }, items)
    }

    /// Puts in an item, for which there is room when the feed is new or [`ready`](Self::ready). False when more has to wait.
    pub fn push(&self, item: T) -> bool {
        let sender = lock(&self.sender);
        let Some(sender) = &*sender else { return false };
        sender.try_send(item).is_ok() && sender.capacity() > 0
    }

    /// Waits until there is room. False when no more is wanted.
    pub async fn ready(&self) -> bool {
        let sender = lock(&self.sender).clone();
        match sender {
            Some(sender) => sender.reserve().await.is_ok(),
            None => false,
        }
    }

    /// Says that everything was put in.
    pub fn end(&self) {
        lock(&self.sender).take();
    }

    /// Says that the source has failed.
    pub fn fail(&self, problem: String) {
        *lock(&self.failure) = Some(problem);
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
