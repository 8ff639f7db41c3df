//! Splits a source into parts, each of which is uploaded as one file.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::shared_file::SharedFile;
use crate::error::{Error, ErrorKind, temporary_directory_hint};

/// The size of the chunks in which parts are uploaded and the temporary file is written.
const CHUNK_SIZE: usize = 256 << 10;

/// The bytes that parts are ranges of.
#[derive(Clone, Debug)]
pub(super) enum Content {
    File(SharedFile),
    Memory(Bytes),
}

impl Content {
    /// Streams the bytes of a part.
    pub(super) fn read(&self, part: &Part) -> BoxStream<'static, io::Result<Bytes>> {
        match self {
            Self::Memory(bytes) => {
                let mut rest = bytes.slice(part.start as usize..part.end as usize);
                let chunks = std::iter::from_fn(move || {
                    let chunk = rest.split_to(rest.len().min(CHUNK_SIZE));
                    (!chunk.is_empty()).then_some(Ok(chunk))
                });
                stream::iter(chunks).boxed()
            }
            Self::File(file) => {
                let section = file.section(part.start..part.end);
                stream::try_unfold(section, |mut section| async {
                    let reading = tokio::task::spawn_blocking(move || {
                        let mut chunk = Vec::with_capacity(CHUNK_SIZE);
                        section.by_ref().take(CHUNK_SIZE as u64).read_to_end(&mut chunk)?;
                        Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), section)))
                    });
                    reading.await.unwrap_or_else(|error| Err(error.into()))
                })
                .boxed()
            }
        }
    }

    /// Returns whether the content is this open file.
    pub(super) fn is(&self, other: &SharedFile) -> bool {
        matches!(self, Self::File(file) if file.is(other))
    }

    /// Copies the first `length` bytes to a writer.
    fn copy_to(&self, length: u64, writer: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Memory(content) => writer.write_all(&content[..length as usize]),
            Self::File(file) => match io::copy(&mut file.section(0..length), writer)? {
                copied if copied == length => Ok(()),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        }
    }
}

/// A range of the content that is uploaded as one file, and the lines of the source that it covers, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) first_line: u64,
    pub(super) last_line: u64,
    pub(super) records: u64,
}

impl Part {
    pub(super) fn bytes(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn lines(&self) -> u64 {
        self.last_line + 1 - self.first_line
    }
}

/// Groups lines into parts of limited size.
///
/// As long as the lines of each part are contiguous in the source and need no changes, parts are ranges of the source
/// itself. The first line for which that is not the case switches to a temporary file.
pub(super) struct PartsBuilder {
    max_part_bytes: u64,
    parts: Vec<Part>,
    /// Whether lines can be added to the last part.
    last_is_open: bool,
    /// The last skipped line.
    last_skipped: u64,
    storage: Storage,
}

enum Storage {
    Source(Content),
    TempFile(BufWriter<File>),
}

impl PartsBuilder {
    /// Creates a builder whose parts are ranges of the source where possible.
    pub(super) fn over_source(source: Content, max_part_bytes: u64) -> Self {
        Self::new(Storage::Source(source), max_part_bytes)
    }

    /// Creates a builder that writes all lines to an unnamed temporary file.
    pub(super) fn in_temp_file(max_part_bytes: u64) -> io::Result<Self> {
        Ok(Self::new(Storage::TempFile(new_temp_file()?), max_part_bytes))
    }

    fn new(storage: Storage, max_part_bytes: u64) -> Self {
        Self { max_part_bytes, parts: Vec::new(), last_is_open: false, last_skipped: 0, storage }
    }

    /// Excludes a line from all parts.
    pub(super) fn skip_line(&mut self, line: u64) {
        self.close_last(line - 1);
        self.last_skipped = line;
    }

    /// Adds a line of the source unchanged. `span` is its range including the line break. `text` is written if the line has to
    /// be copied.
    pub(super) fn add_verbatim(
        &mut self,
        line: u64,
        span: Range<u64>,
        text: &[u8],
    ) -> io::Result<()> {
        if matches!(self.storage, Storage::Source(_)) {
            let length = span.end - span.start;
            let needs_new_part = self.needs_new_part(length);
            let is_contiguous = needs_new_part || span.start == self.end();
            if length <= self.max_part_bytes && is_contiguous {
                self.add_span(line, span, needs_new_part, 1);
                return Ok(());
            }
        }
        self.add_rewritten(line, &[text])
    }

    /// Writes a line that consists of these slices to the temporary file.
    pub(super) fn add_rewritten(&mut self, line: u64, slices: &[&[u8]]) -> io::Result<()> {
        self.add_joined(line, slices, 1)
    }

    /// Writes slices to the temporary file that consist of several records but come from one line of the source. They are never
    /// split between two parts, so that a resumed import sends all or none of them.
    pub(super) fn add_joined(
        &mut self,
        line: u64,
        slices: &[&[u8]],
        records: u64,
    ) -> io::Result<()> {
        let end = self.end();
        let writer = self.temp_file()?;
        for slice in slices {
            writer.write_all(slice)?;
        }
        writer.write_all(b"\n")?;
        let length = slices.iter().map(|slice| slice.len() as u64).sum::<u64>() + 1;
        let needs_new_part = self.needs_new_part(length);
        self.add_span(line, end..end + length, needs_new_part, records);
        Ok(())
    }

    /// Returns the content and its parts. `lines` is the number of lines of the source.
    pub(super) fn finish(mut self, lines: u64) -> io::Result<(Content, Vec<Part>)> {
        self.close_last(lines);
        let content = match self.storage {
            Storage::Source(source) => source,
            Storage::TempFile(writer) => Content::File(SharedFile::new(writer.into_inner()?)),
        };
        Ok((content, self.parts))
    }

    /// Returns the end of the last part.
    fn end(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// Returns the temporary file, switching to it first if necessary.
    fn temp_file(&mut self) -> io::Result<&mut BufWriter<File>> {
        if let Storage::Source(source) = &self.storage {
            // The content before this line is copied to the same offsets, so existing parts stay valid.
            let mut writer = new_temp_file()?;
            source.copy_to(self.end(), &mut writer)?;
            self.storage = Storage::TempFile(writer);
        }
        match &mut self.storage {
            Storage::TempFile(writer) => Ok(writer),
            Storage::Source(_) => unreachable!("the source was replaced"),
        }
    }

    fn needs_new_part(&self, additional_bytes: u64) -> bool {
        !self.last_is_open
            || self
                .parts
                .last()
                .is_none_or(|part| part.bytes() + additional_bytes > self.max_part_bytes)
    }

    /// Closes the last part, if it is open, with this as its last line.
    fn close_last(&mut self, line: u64) {
        if let Some(part) = self.parts.last_mut()
            && std::mem::take(&mut self.last_is_open)
        {
            part.last_line = line;
        }
    }

    fn add_span(&mut self, line: u64, span: Range<u64>, in_new_part: bool, records: u64) {
        if in_new_part {
            // Blank and invalid lines between two parts are covered by the first part.
            let first_line = if self.last_is_open { line } else { self.last_skipped + 1 };
            self.close_last(line - 1);
            let Range { start, end } = span;
            self.parts.push(Part { start, end, first_line, last_line: line, records });
            self.last_is_open = true;
        } else if let Some(part) = self.parts.last_mut() {
            part.end = span.end;
            part.last_line = line;
            part.records += records;
        }
    }
}

/// Returns the error for a temporary file that cannot be created or written.
pub(super) fn temp_file_error(error: io::Error) -> Error {
    let message = format!("cannot write the records to a temporary file: {error}");
    Error::new(ErrorKind::Configuration, message)
        .with_hint(temporary_directory_hint())
        .with_source(error)
}

fn new_temp_file() -> io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(CHUNK_SIZE, tempfile::tempfile()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether the content was copied, and for each part its first and last line, its record count and its text.
    async fn read(parts: PartsBuilder, lines: u64) -> (bool, Vec<(u64, u64, u64, String)>) {
        let (content, parts) = parts.finish(lines).unwrap();
        let mut read = Vec::new();
        for part in parts {
            let chunks: Vec<_> = content.read(&part).collect().await;
            let bytes = chunks.into_iter().collect::<io::Result<Vec<Bytes>>>().unwrap().concat();
            assert_eq!(bytes.len() as u64, part.bytes());
            let text = String::from_utf8(bytes).unwrap();
            read.push((part.first_line, part.last_line, part.records, text));
        }
        (matches!(content, Content::File(_)), read)
    }

    fn source(text: &'static str) -> Content {
        Content::Memory(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn contiguous_lines_are_not_copied() {
        let mut parts = PartsBuilder::over_source(source("one\r\ntwo\n\nthree\n\n"), 9);
        parts.add_verbatim(1, 0..5, b"one").unwrap();
        parts.add_verbatim(2, 5..9, b"two").unwrap();
        parts.add_verbatim(4, 10..16, b"three").unwrap();
        let (copied, read) = read(parts, 5).await;
        assert!(!copied);
        assert_eq!(read, [(1, 3, 2, "one\r\ntwo\n".into()), (4, 5, 1, "three\n".into())]);
    }

    #[tokio::test]
    async fn a_rewritten_line_is_copied_with_everything_before_it() {
        for from_file in [false, true] {
            let text = "\none\n\ntwo\nthree";
            let source = if from_file {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(text.as_bytes()).unwrap();
                Content::File(SharedFile::new(file))
            } else {
                source(text)
            };
            let mut parts = PartsBuilder::over_source(source, 10);
            parts.add_verbatim(2, 1..5, b"one").unwrap();
            parts.add_verbatim(4, 6..10, b"two").unwrap();
            parts.add_rewritten(5, &[b"<", b"three", b">"]).unwrap();
            let (copied, read) = read(parts, 5).await;
            assert!(copied);
            assert_eq!(read, [(1, 4, 2, "one\ntwo\n".into()), (5, 5, 1, "<three>\n".into())]);
        }
    }

    #[tokio::test]
    async fn a_line_that_only_fits_without_white_space_is_copied() {
        let mut parts = PartsBuilder::over_source(source("one       \ntwo\n"), 4);
        parts.add_verbatim(1, 0..11, b"one").unwrap();
        parts.add_verbatim(2, 11..15, b"two").unwrap();
        let (copied, read) = read(parts, 2).await;
        assert!(copied);
        assert_eq!(read, [(1, 1, 1, "one\n".into()), (2, 2, 1, "two\n".into())]);
    }

    #[tokio::test]
    async fn skipped_lines_are_in_no_part() {
        let mut parts = PartsBuilder::over_source(source("1\n2\n3\n4\n5\n6\n\n"), 100);
        parts.skip_line(1);
        parts.skip_line(2);
        parts.add_verbatim(4, 6..8, b"4").unwrap();
        parts.skip_line(5);
        parts.add_verbatim(6, 10..12, b"6").unwrap();
        let (copied, read) = read(parts, 7).await;
        assert!(!copied);
        assert_eq!(read, [(3, 4, 1, "4\n".into()), (6, 7, 1, "6\n".into())]);
    }
}
