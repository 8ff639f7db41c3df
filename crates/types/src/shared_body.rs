//! The response body that raw JSON values hold a reference to, instead of copying their text.

use std::cell::RefCell;
use std::sync::Arc;

use bytestring::ByteString;

thread_local! {
    /// The body being decoded on this thread by [`with`].
    static BODY: RefCell<Option<Arc<ByteString>>> = const { RefCell::new(None) };
}

/// Returns the body that raw JSON values decoded on this thread should refer to.
pub(crate) fn current() -> Option<Arc<ByteString>> {
    BODY.with_borrow(Clone::clone)
}

/// Runs `decode` with `body` as the current body of this thread.
pub(crate) fn with<T>(body: Arc<ByteString>, decode: impl FnOnce() -> T) -> T {
    /// Clears the thread-local even if a `Deserialize` implementation panics.
    struct Reset;

    impl Drop for Reset {
        fn drop(&mut self) {
            BODY.set(None);
        }
    }

    BODY.set(Some(body));
    let _reset = Reset;
    decode()
}
