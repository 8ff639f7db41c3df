//! Local paths in arguments and errors.
//!
//! Text that contains JSON is easily passed where a path is expected. It may be a conversation, so text that contains a line
//! break or starts with `{` or `[` is never part of a message. If no such file can be opened, the error says that the text looks
//! like JSONL. Files may still have such names.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Returns whether a path looks like JSONL, so that it must not be printed.
///
/// Hidden because only the command-line interface needs it.
#[doc(hidden)]
pub fn looks_like_jsonl(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let start = text.trim_ascii_start();
    let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start).trim_ascii_start();
    start.starts_with(b"{")
        || start.starts_with(b"[")
        || text.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
}

/// Returns a path for messages, or `placeholder` if it looks like JSONL.
pub(crate) fn printable<'a>(path: &'a Path, placeholder: &'a str) -> Cow<'a, str> {
    if looks_like_jsonl(path) { placeholder.into() } else { path.to_string_lossy() }
}

/// Returns the error for a file that cannot be read.
pub(crate) fn read_error(path: &Path, error: io::Error) -> Error {
    access_error("read", path, error, "pass bytes or a stream instead")
}

/// Returns the error for a file that cannot be written.
pub(crate) fn write_error(path: &Path, error: io::Error) -> Error {
    access_error("write", path, error, "pass the path of a file")
}

fn access_error(action: &str, path: &Path, error: io::Error, remedy: &str) -> Error {
    if !looks_like_jsonl(path) {
        let message = format!("cannot {action} {}: {error}", path.display());
        return Error::new(ErrorKind::Validation, message).with_source(error);
    }
    let message = match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::InvalidInput => {
            format!("this looks like JSONL, not a path; {remedy}")
        }
        kind => format!("cannot {action} the file: {kind}"),
    };
    // The error of a temporary file contains its path.
    let error =
        error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
    Error::new(ErrorKind::Validation, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsonl_is_recognized() {
        for text in ["{\"messages\": []}", "[]", " \t{", "\u{feff}[", "a\nb", "a\rb", "\u{feff} {"]
        {
            assert!(looks_like_jsonl(Path::new(text)), "{text:?}");
        }
        for text in ["", "a.jsonl", "data/[draft].jsonl", "a {b}.jsonl", "~/chats"] {
            assert!(!looks_like_jsonl(Path::new(text)), "{text:?}");
        }
    }

    #[test]
    fn jsonl_is_never_quoted() {
        let path = Path::new("{\"content\": \"my secret\"}");
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
            let source = || io::Error::new(kind, "at path \"my secret\"");
            for error in [read_error(path, source()), write_error(path, source())] {
                let source = std::error::Error::source(&error).unwrap();
                assert!(!format!("{error} {error:?} {source}").contains("secret"), "{error:?}");
                let is_text = kind == io::ErrorKind::NotFound;
                assert_eq!(error.message().contains("looks like JSONL"), is_text, "{error}");
            }
        }
        let error = read_error(Path::new("chats.jsonl"), io::ErrorKind::NotFound.into());
        assert_eq!(error.message(), "cannot read chats.jsonl: entity not found");
    }
}
