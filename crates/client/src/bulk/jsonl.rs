//! Sources of JSONL.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::path::printable;

/// The size of the chunks in which a reader is read.
const CHUNK_SIZE: usize = 64 << 10;

/// A source of JSONL to import: a file, bytes in memory, a reader or a stream. It may be compressed; see
/// [`ImportJsonl::compression`](crate::ImportJsonl::compression).
///
/// ```
/// use mistral_datasets::Jsonl;
///
/// let from_disk = Jsonl::path("conversations.jsonl.gz");
/// let from_memory = Jsonl::bytes("{\"messages\": []}\n").name("conversations.jsonl");
/// let from_stdin = Jsonl::reader(tokio::io::empty());
/// ```
pub struct Jsonl {
    pub(super) source: Source,
    name: Option<String>,
}

pub(super) enum Source {
    Path(PathBuf),
    Bytes(Bytes),
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

impl Jsonl {
    /// Reads a file. It is opened when the call is awaited, and must not change until the call has ended.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { source: Source::Path(path.into()), name: None }
    }

    /// Reads from memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self { source: Source::Bytes(bytes.into()), name: None }
    }

    /// Reads from a reader. The content is copied to a temporary file while it is validated.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::stream(ReaderStream::with_capacity(reader, CHUNK_SIZE))
    }

    /// Reads from a stream. The content is copied to a temporary file while it is validated.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { source: Source::Stream(stream.boxed()), name: None }
    }

    /// Sets the name of the uploaded file. Default: the name of the source file, or `records.jsonl`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the name of the source in error messages.
    pub(super) fn title(&self) -> String {
        match &self.source {
            Source::Path(path) => printable(path, "the source").into_owned(),
            Source::Bytes(_) | Source::Stream(_) => "the source".to_owned(),
        }
    }

    /// Returns the name of the uploaded files, without `.gz` and `.zst` because they are not compressed.
    pub(super) fn file_name(&self) -> FileName {
        let explicit = self.name.as_deref().map(Path::new);
        let path = explicit.or(match &self.source {
            Source::Path(path) => Some(path),
            Source::Bytes(_) | Source::Stream(_) => None,
        });
        let name = path.and_then(Path::file_name).and_then(OsStr::to_str).unwrap_or_default();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        match name.rsplit_once('.') {
            _ if name.is_empty() => FileName::new("records", ".jsonl"),
            Some((stem, extension)) if !stem.is_empty() => {
                FileName::new(stem, &format!(".{extension}"))
            }
            _ => FileName::new(name, ""),
        }
    }
}

impl fmt::Debug for Jsonl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Path(path) => printable(path, "a path").into_owned(),
            Source::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Source::Stream(_) => "a stream".to_owned(),
        };
        f.debug_struct("Jsonl").field("source", &source).field("name", &self.name).finish()
    }
}

/// The name of the uploaded files of one import.
#[derive(Clone, Debug)]
pub(super) struct FileName {
    stem: String,
    extension: String,
}

impl FileName {
    pub(super) fn new(stem: &str, extension: &str) -> Self {
        Self { stem: stem.to_owned(), extension: extension.to_owned() }
    }

    /// Returns the name of file `number` (from 1) of `total`, which is numbered if there is more than one.
    pub(super) fn nth(&self, number: usize, total: usize) -> String {
        let Self { stem, extension } = self;
        if total == 1 {
            format!("{stem}{extension}")
        } else {
            format!("{stem}-{number}{extension}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploaded_files_are_named_after_their_source() {
        let names = |jsonl: Jsonl| {
            let name = jsonl.file_name();
            [name.nth(1, 1), name.nth(2, 3)]
        };
        assert_eq!(names(Jsonl::path("/data/week 1.jsonl.gz")), ["week 1.jsonl", "week 1-2.jsonl"]);
        assert_eq!(names(Jsonl::path("chats")), ["chats", "chats-2"]);
        assert_eq!(names(Jsonl::path(".jsonl")), [".jsonl", ".jsonl-2"]);
        assert_eq!(names(Jsonl::bytes("")), ["records.jsonl", "records-2.jsonl"]);
        assert_eq!(names(Jsonl::bytes("").name("a/b.txt.zst")), ["b.txt", "b-2.txt"]);
        assert_eq!(names(Jsonl::path("/")), ["records.jsonl", "records-2.jsonl"]);
    }

    #[test]
    fn debug_output_contains_no_content() {
        for jsonl in [Jsonl::bytes("secret"), Jsonl::path("{\"content\": \"secret\"}")] {
            assert!(!format!("{jsonl:?}{}", jsonl.title()).contains("secret"));
        }
    }
}
