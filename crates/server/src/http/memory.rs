//! The memory that request bodies and responses may take in total.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::ApiError;

/// Bodies and responses of up to this size are not counted. The limit on requests bounds their memory, and a server that is busy
/// with large requests still handles small ones.
pub(crate) const UNCOUNTED_BYTES: u64 = 32 << 10;

/// Work on more bytes than this runs on a thread of its own, because it would delay the other requests of its runtime thread. Less
/// work takes less time than a thread switch.
const INLINE_BYTES: u64 = 1 << 20;

/// The unit of the budget, in bytes.
const UNIT: u64 = 1 << 10;

/// How long a request waits for memory before it is rejected.
const WAIT: Duration = Duration::from_secs(1);

/// How often a waiting request tries again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The memory budget of a server. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget {
    free: Arc<Semaphore>,
    /// The size of the budget, in units.
    total: u32,
}

impl MemoryBudget {
    pub(crate) fn new(bytes: u64) -> Self {
        let max = u64::from(u32::MAX).min(Semaphore::MAX_PERMITS as u64);
        let total = (bytes / UNIT).clamp(1, max) as u32;
        Self { free: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Returns the memory of a new request, which has reserved nothing yet.
    pub(crate) fn request(&self) -> RequestMemory {
        RequestMemory { budget: self.clone(), reserved: Arc::default(), holds_body: Arc::default() }
    }
}

/// The memory that a request has reserved. It is released when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory {
    budget: MemoryBudget,
    reserved: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    /// Whether part of it is for a body that is kept until it is complete.
    holds_body: Arc<AtomicBool>,
}

impl RequestMemory {
    /// Returns the memory of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        // Every request of a server has it; requests in unit tests need no limit.
        let known = extensions.get::<Self>().cloned();
        known.unwrap_or_else(|| MemoryBudget::new(u64::MAX).request())
    }

    /// Raises the reservation to `bytes`, unless it is higher already. One request can reserve at most the entire budget, so that
    /// no request is too large for an idle server.
    ///
    /// # Errors
    ///
    /// Returns 503 if other requests do not release enough memory within a second.
    pub(crate) async fn reserve(&self, bytes: u64) -> Result<(), ApiError> {
        let Some(missing) = self.missing(bytes) else { return Ok(()) };
        let deadline = Instant::now() + WAIT;
        // Waiting in the semaphore's queue would make all smaller requests wait behind this one.
        while !self.try_add(missing) {
            if Instant::now() >= deadline {
                return Err(ApiError::busy("large requests"));
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        Ok(())
    }

    /// Like [`reserve`](Self::reserve), for a body that is kept until it is complete. Its client has to send faster from now on.
    pub(crate) async fn reserve_body(&self, bytes: u64) -> Result<(), ApiError> {
        self.holds_body.store(true, Ordering::Relaxed);
        self.reserve(bytes).await
    }

    /// Returns whether memory is or was reserved for a body that is kept until it is complete.
    pub(crate) fn holds_body(&self) -> bool {
        self.holds_body.load(Ordering::Relaxed)
    }

    /// Like [`reserve`](Self::reserve), but returns whether there was enough memory instead of waiting for it.
    pub(crate) fn try_reserve(&self, bytes: u64) -> bool {
        self.missing(bytes).is_none_or(|missing| self.try_add(missing))
    }

    /// Like [`reserve`](Self::reserve), but reserves less instead of failing.
    pub(crate) fn reserve_available(&self, bytes: u64) {
        if let Some(missing) = self.missing(bytes) {
            let free = u32::try_from(self.budget.free.available_permits()).unwrap_or(u32::MAX);
            self.try_add(missing.min(free));
        }
    }

    /// Returns whether anything is reserved.
    pub(crate) fn is_reserved(&self) -> bool {
        self.lock().as_ref().is_some_and(|reserved| reserved.num_permits() > 0)
    }

    /// Lowers the reservation to `bytes`, if it is higher.
    pub(crate) fn release_all_but(&self, bytes: u64) {
        let keep = self.units(bytes) as usize;
        if let Some(reserved) = &mut *self.lock()
            && let Some(excess) = reserved.num_permits().checked_sub(keep)
        {
            drop(reserved.split(excess));
        }
    }

    /// Waits for a result, and keeps the reservation until there is one even if the caller is dropped before.
    ///
    /// Storage operations run to completion when the client disconnects, and hold their input until then.
    pub(crate) async fn hold<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        if !self.is_reserved() {
            return work.await;
        }
        let memory = self.clone();
        let holding = tokio::spawn(async move {
            let result = work.await;
            drop(memory);
            result
        });
        match holding.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that shuts down cancels the task, and it drops this future as well.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Returns how many units are missing for a reservation of `bytes`, or `None` if it is high enough.
    fn missing(&self, bytes: u64) -> Option<u32> {
        let reserved = self.lock().as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        self.units(bytes).checked_sub(reserved as u32).filter(|missing| *missing > 0)
    }

    fn units(&self, bytes: u64) -> u32 {
        let units = bytes.div_ceil(UNIT).min(u64::from(self.budget.total));
        // The total is a `u32`.
        units as u32
    }

    fn try_add(&self, units: u32) -> bool {
        let Ok(permit) = Arc::clone(&self.budget.free).try_acquire_many_owned(units) else {
            return false;
        };
        let mut reserved = self.lock();
        match &mut *reserved {
            Some(reserved) => reserved.merge(permit),
            None => *reserved = Some(permit),
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestMemory {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Runs work on this number of bytes: on the current thread if it is small, or else on a thread for blocking work.
pub(crate) async fn off_runtime<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes as u64 <= INLINE_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(budget: &MemoryBudget) -> usize {
        budget.free.available_permits()
    }

    #[tokio::test]
    async fn memory_is_reserved_until_the_last_clone_is_dropped() {
        let budget = MemoryBudget::new(100 * UNIT);
        let first = budget.request();
        first.reserve(60 * UNIT).await.unwrap();
        first.reserve(10 * UNIT).await.unwrap();
        let second = budget.request();
        assert!(second.reserve(41 * UNIT).await.is_err());
        second.reserve(40 * UNIT).await.unwrap();
        assert_eq!(free(&budget), 0);
        let clone = first.clone();
        drop(first);
        assert_eq!(free(&budget), 0);
        clone.release_all_but(20 * UNIT);
        assert_eq!(free(&budget), 40);
        drop((clone, second));
        assert_eq!(free(&budget), 100);
    }

    #[tokio::test]
    async fn waiting_requests_get_released_memory_and_do_not_block_smaller_ones() {
        let budget = MemoryBudget::new(100 * UNIT);
        let first = budget.request();
        first.reserve(60 * UNIT).await.unwrap();
        let waiting = budget.request();
        let reserving = async { waiting.reserve(80 * UNIT).await };
        let others = async {
            tokio::time::sleep(WAIT / 4).await;
            budget.request().reserve(30 * UNIT).await.unwrap();
            drop(first);
        };
        let (reserved, ()) = tokio::join!(reserving, others);
        reserved.unwrap();
        assert_eq!(free(&budget), 20);
    }

    #[tokio::test]
    async fn a_request_can_always_have_an_idle_budget() {
        let budget = MemoryBudget::new(10 * UNIT);
        let request = budget.request();
        request.reserve(u64::MAX).await.unwrap();
        assert_eq!(free(&budget), 0);
        budget.request().reserve_available(UNIT);
        assert!(!budget.request().try_reserve(UNIT) && budget.request().try_reserve(0));
        drop(request);
        let request = budget.request();
        request.reserve_available(UNIT + 1);
        assert_eq!(free(&budget), 8);
    }

    #[tokio::test]
    async fn memory_is_held_until_the_work_ends_even_if_its_caller_is_dropped() {
        let budget = MemoryBudget::new(10 * UNIT);
        let request = budget.request();
        request.reserve(UNIT).await.unwrap();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        {
            let holding = request.hold(async move { ended.await.unwrap() });
            tokio::select! {
                _ = holding => panic!("not ended yet"),
                () = tokio::task::yield_now() => {}
            }
        }
        drop(request);
        assert_eq!(free(&budget), 9);
        end.send(()).unwrap();
        while free(&budget) < 10 {
            tokio::task::yield_now().await;
        }
    }
}
