//! Running a judge over all records of a dataset.
//!
//! - `answers_file`, `properties`: the two places where answers are stored
//! - `judge_record`: judging one record and storing the answer
//! - `run`: the call; see [`Judges::run`](crate::calls::Judges::run)

mod answers_file;
mod judge_record;
mod properties;
mod run;

pub use run::RunJudge;
