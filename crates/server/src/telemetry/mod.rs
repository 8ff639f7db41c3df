//! Decodes OTLP requests, and projects spans and log records to the fields of the API.
//!
//! The conventions for GenAI have changed several times. [`span`] and [`messages`] read the current attributes, those before version
//! 1.37, and the message events before version 1.36.

mod attributes;
mod decode;
mod decoded_size;
mod event;
mod items;
mod log;
mod messages;
mod span;

pub(crate) use decode::{DecodeError, Encoding, Reserve, logs, traces};
pub(crate) use event::{conversation_of, fixture_fields, messages};
pub(crate) use items::{Items, Rejected};
