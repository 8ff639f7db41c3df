//! Tests that every storage must pass.
//!
//! Each module has a function `check`, which runs its tests, each on a new and empty storage.

pub(crate) mod concurrent_records;
pub(crate) mod datasets;
pub(crate) mod record_model;
pub(crate) mod record_stream;
pub(crate) mod records;

/// Runs tests, each on a new storage. Skips them if there is none.
macro_rules! run {
    ($create:expr, $($test:ident),+ $(,)?) => {
        $({
            let Some((storage, _guard)) = $create().await else { return };
            $test(&storage).await;
        })+
    };
}
use run;
