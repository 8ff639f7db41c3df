//! Tests that every storage must pass.
//!
//! Each module tests some traits. Its function `check` runs each test on a new and empty storage. `create` also returns a value that is
//! dropped after the storage, or `None` if the database is not available.

pub(crate) mod campaigns;
pub(crate) mod event_filters;
pub(crate) mod events;
pub(crate) mod fixtures;
pub(crate) mod judges;
pub(crate) mod seeds;

/// Runs tests one after another, each on a new storage.
macro_rules! run {
    ($create:ident: $($test:ident),+ $(,)?) => {
        $({
            let Some((storage, _guard)) = $create().await else { return };
            $test(&storage).await;
        })+
    };
}
use run;

use super::{EventFields, NewFixtureEvent};

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
