//! The limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The highest limit that macOS accepts, whose maximum is reported as unlimited.
const MACOS_MAXIMUM: u64 = 10_240;

/// Raises the soft limit of open files to the hard limit.
///
/// Shells and service managers start processes with a soft limit of 1,024 for the sake of programs that use `select`. Each connection
/// is an open file, so a server with many clients needs more.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raise = |current| setrlimit(Resource::Nofile, Rlimit { current, maximum });
    if let Err(error) = raise(maximum).or_else(|_| raise(Some(MACOS_MAXIMUM))) {
        tracing::debug!(%error, "the limit of open files cannot be raised");
    }
}
