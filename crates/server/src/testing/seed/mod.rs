//! The seed: what every workspace of a server begins with.

mod entities;
mod place;
mod read;
mod seeder;

use std::io;
use std::path::{Path, PathBuf};

pub(super) use entities::{campaign, conversation, event};
pub(crate) use read::read_seed;
pub(crate) use seeder::Seeder;

/// Why a seed cannot be planted. It tells the file and the place, and nothing of what stands there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory has nothing to plant.
    #[error("{}: no file in it ends with .json or .jsonl", .0.display())]
    Nothing(PathBuf),
    /// Something in a file is not what it has to be.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
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
