//! The server over real sockets: every operation, every kind of failure, and what must hold around them.

mod concurrency;
mod concurrent_model;
mod cors;
mod datasets;
mod docs;
mod exports;
mod faults;
mod files;
mod hostile;
mod imports;
mod journal;
mod json_texts;
mod keys;
mod limits;
mod linear;
mod metrics;
mod links;
mod model;
mod pages;
mod properties;
mod records;
mod replies;
mod restart;
mod seed;
mod support;
mod tasks;
