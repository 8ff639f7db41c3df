//! What is to be uploaded: parts of a file on the disk or of bytes in memory, each of which becomes one file of the service.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::disk::Disk;
use crate::error::{Error, ErrorKind};

/// In what pieces a part is uploaded.
const PIECE: usize = 256 << 10;

/// Where the bytes of parts are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    File(Disk),
    Memory(Bytes),
}

impl Content {
    /// The bytes of a part, read as they are pulled.
    pub(super) fn read(&self, part: &Part) -> BoxStream<'static, io::Result<Bytes>> {
        match self {
            Self::Memory(bytes) => {
                let mut rest = bytes.slice(part.start as usize..part.end as usize);
                let pieces = std::iter::from_fn(move || {
                    let piece = rest.split_to(rest.len().min(PIECE));
                    (!piece.is_empty()).then_some(Ok(piece))
                });
                stream::iter(pieces).boxed()
            }
            Self::File(disk) => {
                let section = disk.section(part.start..part.end);
                stream::try_unfold(section, |mut section| async {
                    // The disk may keep the thread waiting that reads it.
                    let reading = tokio::task::spawn_blocking(move || {
                        let mut piece = Vec::with_capacity(PIECE);
                        section.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
                        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), section)))
                    });
                    reading.await.unwrap_or_else(|error| Err(error.into()))
                })
                .boxed()
            }
        }
    }

    /// Whether it is this file.
    pub(super) fn is(&self, other: &Disk) -> bool {
        matches!(self, Self::File(disk) if disk.is(other))
    }

    /// Copies the first bytes to a writer.
    fn copy_to(&self, bytes: u64, writer: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Memory(content) => writer.write_all(&content[..bytes as usize]),
            Self::File(disk) => match io::copy(&mut disk.section(0..bytes), writer)? {
                copied if copied == bytes => Ok(()),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        }
    }
}

/// A piece of a content that becomes one uploaded file, and what of its source that stands for. Lines are counted from 1.
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

/// Puts lines into parts, none of which is larger than it may be. As long as the lines lie one behind the other in the content
/// they come from, that is what the parts are of; otherwise they are written to a temporary file.
pub(super) struct Parts {
    /// The bytes a part may have.
    largest: u64,
    parts: Vec<Part>,
    /// Whether the last of them takes more lines.
    open: bool,
    /// The last line that is in no part because it was passed over.
    passed: u64,
    place: Place,
}

enum Place {
    Source(Content),
    Spool(BufWriter<File>),
}

impl Parts {
    /// Parts of the content that the lines come from, as long as that is possible.
    pub(super) fn of(source: Content, largest: u64) -> Self {
        let place = Place::Source(source);
        Self { largest, parts: Vec::new(), open: false, passed: 0, place }
    }

    /// Parts of a temporary file, which nobody else can see and which is gone when it is no longer used.
    pub(super) fn spooled(largest: u64) -> io::Result<Self> {
        let place = Place::Spool(spool()?);
        Ok(Self { largest, parts: Vec::new(), open: false, passed: 0, place })
    }

    /// Passes over a line, which belongs to no part.
    pub(super) fn pass_over(&mut self, line: u64) {
        self.close(line - 1);
        self.passed = line;
    }

    /// Adds a line that lies there in the source and may stay as it is; `text` is what matters of it.
    pub(super) fn add_verbatim(
        &mut self,
        line: u64,
        span: Range<u64>,
        text: &[u8],
    ) -> io::Result<()> {
        let length = span.end - span.start;
        if let Place::Source(source) = &self.place {
            let end = self.parts.last().map_or(0, |part| part.end);
            let new = self.needs_new(length);
            if length <= self.largest && (new || span.start == end) {
                self.note(line, span, new);
                return Ok(());
            }
            // What lies before keeps its place, so the parts so far stay right.
            let mut writer = spool()?;
            source.copy_to(end, &mut writer)?;
            self.place = Place::Spool(writer);
        }
        self.add_written(line, &[text])
    }

    /// Adds a line that consists of these pieces.
    pub(super) fn add_written(&mut self, line: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let end = self.parts.last().map_or(0, |part| part.end);
        if let Place::Source(source) = &self.place {
            let mut writer = spool()?;
            source.copy_to(end, &mut writer)?;
            self.place = Place::Spool(writer);
        }
        if let Place::Spool(writer) = &mut self.place {
            for piece in pieces {
                writer.write_all(piece)?;
            }
            writer.write_all(b"\n")?;
        }
        let length = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>() + 1;
        let new = self.needs_new(length);
        self.note(line, end..end + length, new);
        Ok(())
    }

    /// The parts, when the source has so many lines in all.
    pub(super) fn finish(mut self, lines: u64) -> io::Result<(Content, Vec<Part>)> {
        self.close(lines);
        let content = match self.place {
            Place::Source(source) => source,
            Place::Spool(writer) => Content::File(Disk::new(writer.into_inner()?)),
        };
        Ok((content, self.parts))
    }

    /// Whether so many bytes more need a part of their own.
    fn needs_new(&self, bytes: u64) -> bool {
        !self.open || self.parts.last().is_none_or(|part| part.bytes() + bytes > self.largest)
    }

    /// Ends the last part with this line, if it is still open.
    fn close(&mut self, line: u64) {
        if let Some(part) = self.parts.last_mut()
            && std::mem::take(&mut self.open)
        {
            part.last_line = line;
        }
    }

    fn note(&mut self, line: u64, span: Range<u64>, new: bool) {
        if new {
            // What lies between two parts, which are blank and bad lines, belongs to the first of them.
            let first_line = if self.open { line } else { self.passed + 1 };
            self.close(line - 1);
            let Range { start, end } = span;
            self.parts.push(Part { start, end, first_line, last_line: line, records: 1 });
            self.open = true;
        } else if let Some(part) = self.parts.last_mut() {
            part.end = span.end;
            part.last_line = line;
            part.records += 1;
        }
    }
}

/// A temporary file that cannot be made or used.
pub(super) fn not_spooled(error: io::Error) -> Error {
    let message = format!("cannot keep the records in a temporary file: {error}");
    Error::new(ErrorKind::Configuration, message).with_source(error)
}

fn spool() -> io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(PIECE, tempfile::tempfile()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts as the lines they stand for, their records and their text.
    async fn read(parts: Parts, lines: u64) -> (bool, Vec<(u64, u64, u64, String)>) {
        let (content, parts) = parts.finish(lines).unwrap();
        let mut read = Vec::new();
        for part in parts {
            let pieces: Vec<_> = content.read(&part).collect().await;
            let bytes = pieces.into_iter().collect::<io::Result<Vec<Bytes>>>().unwrap().concat();
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
    async fn lines_that_lie_one_behind_the_other_are_not_copied() {
        let mut parts = Parts::of(source("one\r\ntwo\n\nthree\n\n"), 9);
        parts.add_verbatim(1, 0..5, b"one").unwrap();
        parts.add_verbatim(2, 5..9, b"two").unwrap();
        parts.add_verbatim(4, 10..16, b"three").unwrap();
        let (copied, read) = read(parts, 5).await;
        assert!(!copied);
        assert_eq!(read, [(1, 3, 2, "one\r\ntwo\n".into()), (4, 5, 1, "three\n".into())]);
    }

    #[tokio::test]
    async fn what_must_change_is_copied_with_what_lies_before() {
        for from_file in [false, true] {
            let text = "\none\n\ntwo\nthree";
            let source = if from_file {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(text.as_bytes()).unwrap();
                Content::File(Disk::new(file))
            } else {
                source(text)
            };
            let mut parts = Parts::of(source, 10);
            parts.add_verbatim(2, 1..5, b"one").unwrap();
            parts.add_verbatim(4, 6..10, b"two").unwrap();
            parts.add_written(5, &[b"<", b"three", b">"]).unwrap();
            let (copied, read) = read(parts, 5).await;
            assert!(copied);
            assert_eq!(read, [(1, 4, 2, "one\ntwo\n".into()), (5, 5, 1, "<three>\n".into())]);
        }
    }

    #[tokio::test]
    async fn a_line_that_fits_only_without_white_space_is_copied() {
        let mut parts = Parts::of(source("one       \ntwo\n"), 4);
        parts.add_verbatim(1, 0..11, b"one").unwrap();
        parts.add_verbatim(2, 11..15, b"two").unwrap();
        let (copied, read) = read(parts, 2).await;
        assert!(copied);
        assert_eq!(read, [(1, 1, 1, "one\n".into()), (2, 2, 1, "two\n".into())]);
    }

    #[tokio::test]
    async fn lines_that_are_passed_over_lie_in_no_part() {
        let mut parts = Parts::of(source("1\n2\n3\n4\n5\n6\n\n"), 100);
        parts.pass_over(1);
        parts.pass_over(2);
        parts.add_verbatim(4, 6..8, b"4").unwrap();
        parts.pass_over(5);
        parts.add_verbatim(6, 10..12, b"6").unwrap();
        let (copied, read) = read(parts, 7).await;
        assert!(!copied);
        assert_eq!(read, [(3, 4, 1, "4\n".into()), (6, 7, 1, "6\n".into())]);
    }
}
