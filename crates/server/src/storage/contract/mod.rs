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
pub(crate) mod telemetry;
pub(crate) mod telemetry_filter;
pub(crate) mod telemetry_search;
mod upkeep;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

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

/// Tests a property of random values.
fn check_property<T: Debug>(
    cases: u32,
    values: impl Strategy<Value = T>,
    property: impl AsyncFn(T) -> Result<(), TestCaseError>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = Handle::current();
    let check = |value| runtime.block_on(property(value));
    let result = tokio::task::block_in_place(|| TestRunner::new(config).run(&values, check));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
