//! Integration tests that run the server and send requests over real sockets.

mod address_limits;
mod concurrency;
mod concurrent_model;
mod cors;
mod datasets;
mod disclosure;
mod docs;
mod exports;
mod faults;
mod files;
mod hostile;
mod imports;
mod isolation;
mod journal;
mod json_strategies;
mod keys;
mod large_data;
mod limits;
mod linearizability;
mod links;
mod links_listener;
mod locking;
mod metrics;
mod model;
mod operations;
mod pagination;
#[cfg(unix)]
mod permissions;
mod properties;
mod records;
mod responses;
mod restart;
mod seed;
mod slugs;
mod support;
mod tasks;
