//! Everything between the socket and the router: connections, limits, timeouts, CORS and the request log.

mod address_limits;
mod allowed_hosts;
mod connection;
mod cors;
mod counting_stream;
mod limiter;
mod listener;
mod request_body;
mod service;

use std::sync::Arc;

use crate::admin::Metrics;

pub(crate) use address_limits::AddressLimits;
pub(crate) use allowed_hosts::check_host;
pub(crate) use connection::{ConnectionControl, Termination};
pub(crate) use cors::Cors;
pub(crate) use limiter::Limiter;
pub(crate) use listener::{Shutdown, serve};
pub(crate) use request_body::RequestBody;
pub(crate) use service::ResponseHook;

/// State shared by all connections.
pub(crate) struct NetContext {
    pub(crate) limiter: Limiter,
    pub(crate) addresses: Arc<AddressLimits>,
    pub(crate) cors: Cors,
    pub(crate) metrics: Arc<Metrics>,
}
