//! A JSONL file of answers, which a later call continues.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use mistral_datasets_types::JudgeAnswer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::run::OPERATION;
use crate::error::{AnswerSummary, Error};
use crate::path::{printable, write_error};

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) record_id: Uuid,
    pub(super) judge_id: Uuid,
    /// The version of the judge: its `updated_at`.
    pub(super) judge_updated_at: DateTime<Utc>,
    pub(super) answer: JudgeAnswer,
    pub(super) analysis: String,
}

/// The judge whose answers the file contains.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgeVersion {
    pub(super) id: Uuid,
    pub(super) updated_at: DateTime<Utc>,
}

/// A file to which answers are appended. It is locked, so that two calls cannot write to it at the same time.
#[derive(Debug)]
pub(super) struct AnswersFile {
    path: PathBuf,
    file: File,
    /// The records that the file has an answer for.
    answered: HashSet<Uuid>,
}

impl AnswersFile {
    /// Opens or creates a file, and adds the answers in it to the summary.
    ///
    /// An incomplete last line, which a killed process leaves behind, is removed.
    pub(super) fn open(
        path: &Path,
        judge: JudgeVersion,
        answers: &mut AnswerSummary,
    ) -> Result<Self, Error> {
        let cannot_write = |error| write_error(path, error);
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true);
        let mut file = options.open(path).map_err(cannot_write)?;
        if !file.metadata().map_err(cannot_write)?.is_file() {
            return Err(unusable(path, "is not a regular file"));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(unusable(path, "is being written by another process"));
            }
            // Not every file system supports locks.
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, "cannot lock the file of answers");
            }
        }
        let (answered, end) = read(&file, path, judge, answers)?;
        file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).map_err(cannot_write)?;
        Ok(Self { path: path.to_owned(), file, answered })
    }

    /// Returns whether the file has an answer for a record.
    pub(super) fn has(&self, record_id: &Uuid) -> bool {
        self.answered.contains(record_id)
    }

    /// Appends an answer. It is written at once, so that a killed process loses only the answers that it is waiting for.
    pub(super) fn append(&mut self, line: &Line) -> Result<(), Error> {
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|mut json| {
            json.push(b'\n');
            self.file.write_all(&json)
        });
        written.map_err(|error| write_error(&self.path, error))
    }
}

/// Reads the answers of earlier calls. Returns the records that have one, and the end of the last complete line.
fn read(
    file: &File,
    path: &Path,
    judge: JudgeVersion,
    answers: &mut AnswerSummary,
) -> Result<(HashSet<Uuid>, u64), Error> {
    let mut reader = BufReader::new(file);
    let (mut answered, mut end, mut text) = (HashSet::new(), 0, Vec::new());
    for number in 1.. {
        text.clear();
        let length =
            reader.read_until(b'\n', &mut text).map_err(|error| write_error(path, error))?;
        if !text.ends_with(b"\n") {
            break;
        }
        end += length as u64;
        // The error of the parser could repeat the line.
        let Ok(line) = serde_json::from_slice::<Line>(&text) else {
            return Err(unusable(path, &format!("line {number} is not an answer of a judge")));
        };
        if line.judge_id != judge.id {
            let other = line.judge_id;
            return Err(unusable(
                path,
                &format!("line {number} is an answer of the judge {other}"),
            ));
        }
        if line.judge_updated_at != judge.updated_at {
            return Err(unusable(
                path,
                &format!("line {number} was answered before the judge was updated"),
            ));
        }
        if answered.insert(line.record_id) {
            answers.add(&line.answer);
        }
    }
    // A file of something else that is a single line without an end must not be emptied.
    if answered.is_empty() && !text.is_empty() && !is_start_of_line(&text) {
        return Err(unusable(path, "line 1 is not an answer of a judge"));
    }
    Ok((answered, end))
}

/// Returns whether text is the beginning of a line that this module writes.
fn is_start_of_line(text: &[u8]) -> bool {
    const START: &[u8] = b"{\"record_id\":\"";
    text.starts_with(START) || START.starts_with(text)
}

fn unusable(path: &Path, problem: &str) -> Error {
    let path = printable(path, "the file");
    Error::invalid(OPERATION, format!("cannot continue {path}: {problem}"))
        .with_hint("write the answers to another file")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const JUDGE: JudgeVersion =
        JudgeVersion { id: Uuid::from_u128(1), updated_at: DateTime::UNIX_EPOCH };

    fn line(record: u128, answer: &str) -> Line {
        Line {
            record_id: Uuid::from_u128(record),
            judge_id: JUDGE.id,
            judge_updated_at: JUDGE.updated_at,
            answer: JudgeAnswer::String(answer.to_owned()),
            analysis: "été".to_owned(),
        }
    }

    #[test]
    fn a_file_is_continued_after_its_last_complete_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answers.jsonl");
        let mut file = AnswersFile::open(&path, JUDGE, &mut AnswerSummary::default()).unwrap();
        file.append(&line(10, "good")).unwrap();
        file.append(&line(11, "bad")).unwrap();
        let locked = AnswersFile::open(&path, JUDGE, &mut AnswerSummary::default()).unwrap_err();
        assert!(locked.message().contains("another process"), "{locked}");
        drop(file);

        let complete = fs::read(&path).unwrap();
        fs::write(&path, [&complete[..], &complete[..complete.len() / 3]].concat()).unwrap();
        let mut answers = AnswerSummary::default();
        let mut file = AnswersFile::open(&path, JUDGE, &mut answers).unwrap();
        assert_eq!(fs::read(&path).unwrap(), complete);
        assert!(file.has(&Uuid::from_u128(10)) && !file.has(&Uuid::from_u128(12)));
        assert_eq!((answers.labels()["good"], answers.labels()["bad"]), (1, 1));
        file.append(&line(12, "good")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_first_line_that_was_cut_off_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answers.jsonl");
        for start in ["{\"rec", "{\"record_id\":\"0000"] {
            fs::write(&path, start).unwrap();
            AnswersFile::open(&path, JUDGE, &mut AnswerSummary::default()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "");
        }
    }

    #[test]
    fn other_files_are_rejected_and_left_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answers.jsonl");
        let other_judge = Line { judge_id: Uuid::from_u128(2), ..line(10, "good") };
        let older =
            Line { judge_updated_at: DateTime::from_timestamp_nanos(-1), ..line(10, "good") };
        let lines = |line: &Line| format!("{}\n", serde_json::to_string(line).unwrap());
        for (content, problem) in [
            (
                lines(&line(10, "good")) + "{\"messages\": [\"secret\"]}\n",
                "line 2 is not an answer",
            ),
            ("secret notes".to_owned(), "line 1 is not an answer"),
            (lines(&other_judge), "line 1 is an answer of the judge 00000000"),
            (lines(&older), "before the judge was updated"),
        ] {
            fs::write(&path, &content).unwrap();
            let error = AnswersFile::open(&path, JUDGE, &mut AnswerSummary::default()).unwrap_err();
            assert!(error.message().contains(problem), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }
}
