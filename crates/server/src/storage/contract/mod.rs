//! Tests that every storage must pass.
//!
//! Each module has a function `check`, which runs its tests, each on a new and empty storage. `create` also returns a value that is
//! dropped after the storage, or `None` if the database is not available. Tests that need more traits than the others of a module
//! are run by a second function.

pub(crate) mod campaigns;
pub(crate) mod concurrent_records;
pub(crate) mod counts;
pub(crate) mod datasets;
pub(crate) mod event_filters;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod file_listing;
pub(crate) mod files;
pub(crate) mod fixtures;
pub(crate) mod imported_records;
pub(crate) mod imports;
pub(crate) mod judges;
pub(crate) mod reclaim;
pub(crate) mod record_model;
pub(crate) mod record_stream;
pub(crate) mod records;
pub(crate) mod seeds;
pub(crate) mod settings;
pub(crate) mod telemetry;
pub(crate) mod telemetry_aggregation;
pub(crate) mod telemetry_filter;
pub(crate) mod telemetry_search;
mod upkeep;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

use super::{EventFields, NewFixtureEvent};

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

/// Returns an event with an id and a time, and nothing else.
fn event(id: &str, time: i64) -> NewFixtureEvent {
    NewFixtureEvent {
        id: id.to_owned(),
        request_messages: "[]".to_owned(),
        response_messages: "[]".to_owned(),
        extra_fields: "{}".to_owned(),
        fields: EventFields { timestamp: time, ..EventFields::default() },
    }
}
