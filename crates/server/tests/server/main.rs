//! Integration tests that run the server and send requests over real sockets.

mod address_limits;
mod concurrency;
mod concurrent_model;
mod content;
mod cors;
mod datasets;
mod disclosure;
mod earlier_schemas;
mod events;
#[cfg(feature = "explorer")]
mod explorer;
mod exports;
mod faults;
mod files;
mod generations;
mod hostile;
mod import_queue;
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
mod memory;
mod metrics;
mod model;
mod openapi;
mod operations;
mod pagination;
#[cfg(unix)]
mod permissions;
mod properties;
mod records;
mod responses;
mod restart;
mod retention;
mod seed;
mod slugs;
mod support;
mod tasks;
