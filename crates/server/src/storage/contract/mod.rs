//! Tests that every storage must pass.

pub(crate) mod telemetry;
pub(crate) mod telemetry_aggregation;
pub(crate) mod telemetry_filter;
pub(crate) mod telemetry_search;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

/// Runs tests, each on a new and empty storage. Returns from the function if there is no storage.
macro_rules! run {
    ($create:ident: $($test:ident),+ $(,)?) => {
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
