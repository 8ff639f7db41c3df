//! Tests that every storage must pass.
//!
//! Each module has a function `check`, which runs its tests, each on a new and empty storage. Tests that need more traits than the
//! others of a module are run by a second function.

pub(crate) mod counts;
pub(crate) mod exports;
pub(crate) mod file_listing;
pub(crate) mod files;
pub(crate) mod imported_records;
pub(crate) mod imports;
pub(crate) mod reclaim;
pub(crate) mod settings;
mod upkeep;

pub(crate) use upkeep::Upkeep;

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
