//! The behaviour cases of `cases.txt` in Rust. Python and Node run the same cases under the same names.

mod bulk_input;
mod cases;
mod compression_and_logging;
mod datasets;
mod deletions;
mod embedded;
mod empty_sources;
mod errors;
mod exact_values;
mod exports;
mod files;
mod hostile_text;
mod imports;
mod judges;
mod line_forms;
mod network;
mod pagers;
mod promises;
mod records;
mod responses;
mod retries;
mod stored_reports;
mod tasks;
mod traffic;
mod unusual_values;
