//! The behaviour cases of `cases.txt` in Rust. Python and Node run the same cases by the same names.

mod cases;
mod datasets;
mod embedded;
mod failures;
mod files;
mod imports;
mod records;
mod replies;
