//! The seed: the initial contents of every workspace.

mod entities;
mod position;
mod read;
mod seeder;

use std::io;
use std::path::{Path, PathBuf};

pub(super) use entities::{campaign, conversation, event};
pub(crate) use read::read_seed;
pub(crate) use seeder::Seeder;

/// An invalid seed. Messages contain the file and the position, but nothing of the contents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A directory contains no seed files.
    #[error("{}: the directory has no `.json` or `.jsonl` files", .0.display())]
    NoFiles(PathBuf),
    /// The contents of a file are invalid.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The character in the line, counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

impl SeedError {
    fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unreadable { path, source }
    }
}
