//! The behaviour cases of `cases.txt` in Rust. Python and Node run the same cases by the same names.

mod bulk_in;
mod bulk_out;
mod cases;
mod datasets;
mod embedded;
mod failures;
mod files;
mod hostile;
mod imports;
mod pagers;
mod records;
mod responses;
mod retries;
mod tasks;
