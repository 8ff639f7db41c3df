//! Where JSONL comes from.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

/// In what pieces a reader is read.
const PIECE: usize = 64 << 10;

/// JSONL to import, plain or compressed: a file on the disk, bytes, or what a reader or a stream gives.
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
    /// A file on the disk. It is opened when the call is awaited, and must not change until the call has ended.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { source: Source::Path(path.into()), name: None }
    }

    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self { source: Source::Bytes(bytes.into()), name: None }
    }

    /// What a reader gives. It is kept in a temporary file while it is checked.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::stream(ReaderStream::with_capacity(reader, PIECE))
    }

    /// What a stream yields. It is kept in a temporary file while it is checked.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { source: Source::Stream(stream.boxed()), name: None }
    }

    /// The name under which it is uploaded. Default: that of the file on the disk, otherwise `records.jsonl`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What to call the source in an error.
    pub(super) fn title(&self) -> String {
        match &self.source {
            Source::Path(path) => path.display().to_string(),
            Source::Bytes(_) | Source::Stream(_) => "the source".to_owned(),
        }
    }

    /// The name of the nth uploaded file, counted from 1. What is uploaded is never compressed.
    pub(super) fn file_name(&self) -> FileName {
        let given = self.name.as_deref().map(Path::new);
        let path = given.or(match &self.source {
            Source::Path(path) => Some(path),
            Source::Bytes(_) | Source::Stream(_) => None,
        });
        let name = path.and_then(Path::file_name).and_then(OsStr::to_str).unwrap_or_default();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        match name.rsplit_once('.') {
            _ if name.is_empty() => FileName::new("records", ".jsonl"),
            Some((stem, ending)) if !stem.is_empty() => FileName::new(stem, &format!(".{ending}")),
            _ => FileName::new(name, ""),
        }
    }
}

impl fmt::Debug for Jsonl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Path(path) => path.display().to_string(),
            Source::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Source::Stream(_) => "a stream".to_owned(),
        };
        f.debug_struct("Jsonl").field("source", &source).field("name", &self.name).finish()
    }
}

/// How the files of one import are called.
#[derive(Clone, Debug)]
pub(super) struct FileName {
    stem: String,
    ending: String,
}

impl FileName {
    pub(super) fn new(stem: &str, ending: &str) -> Self {
        Self { stem: stem.to_owned(), ending: ending.to_owned() }
    }

    /// The name of the nth file of so many.
    pub(super) fn nth(&self, number: usize, of: usize) -> String {
        let Self { stem, ending } = self;
        if of == 1 { format!("{stem}{ending}") } else { format!("{stem}-{number}{ending}") }
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
    fn debug_shows_no_content() {
        assert!(!format!("{:?}", Jsonl::bytes("secret")).contains("secret"));
    }
}
