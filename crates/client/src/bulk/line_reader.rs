//! Splits content into lines, using memory proportional to the longest line.

use std::io::{self, Read};

use memchr::memchr;

/// The number of bytes read at once, and the initial size of the buffer.
const CHUNK_SIZE: usize = 256 << 10;

/// The byte order mark that some editors write at the start of a file. Concatenated files have it at the start of later lines.
pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Returns a line without the byte order marks at its start.
pub(super) fn strip_byte_order_marks(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_prefix(BYTE_ORDER_MARK) {
        line = rest;
    }
    line
}

/// Reads content line by line.
pub(super) struct LineReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// The range of the buffer that holds unread content.
    start: usize,
    end: usize,
    /// The position of `start` in the content.
    offset: u64,
    number: u64,
    max_length: usize,
    ended: bool,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The line number, from 1.
    pub(super) number: u64,
    /// The range of the line in the content, including the line break but not byte order marks.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) content: LineContent<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineContent<'a> {
    /// Only white space.
    Blank,
    /// Longer than the maximum length.
    TooLong {
        /// Whether the line is a JSON array.
        is_array: bool,
    },
    /// The bytes of the line, without trailing white space and byte order marks.
    Bytes(&'a [u8]),
}

impl<R: Read> LineReader<R> {
    /// Creates a reader for lines of at most `max_length` bytes, not counting trailing white space.
    pub(super) fn new(input: R, max_length: usize) -> Self {
        let buffer = vec![0; CHUNK_SIZE];
        Self { input, buffer, start: 0, end: 0, offset: 0, number: 0, max_length, ended: false }
    }

    /// Reads the next line. Returns `None` at the end of the content.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let (length, too_long) = self.find_line_end()?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let start = self.offset;
        if too_long {
            let is_array = is_array(&self.buffer[self.start..self.end]);
            self.skip_line()?;
            let (number, end) = (self.number, self.offset);
            return Ok(Some(Line {
                number,
                start,
                end,
                content: LineContent::TooLong { is_array },
            }));
        }
        let range = self.start..self.start + length;
        self.consume(length);
        let bytes = self.buffer[range].trim_ascii_end();
        let trimmed = bytes.len();
        let bytes = strip_byte_order_marks(bytes);
        // A line without its mark does not follow the previous one, so it is uploaded from a copy.
        let start = start + (trimmed - bytes.len()) as u64;
        let content = if bytes.len() > self.max_length {
            LineContent::TooLong { is_array: is_array(bytes) }
        } else if bytes.trim_ascii().is_empty() {
            LineContent::Blank
        } else {
            LineContent::Bytes(bytes)
        };
        Ok(Some(Line { number: self.number, start, end: self.offset, content }))
    }

    /// Reads until the buffer contains a line break. Returns the length of the line including the line break, and `true` if
    /// the line is too long and its end was not found.
    fn find_line_end(&mut self) -> io::Result<(usize, bool)> {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(position) = memchr(b'\n', &unread[searched..]) {
                return Ok((searched + position + 1, false));
            }
            searched = unread.len();
            if self.ended {
                return Ok((searched, false));
            }
            // Trailing white space does not count toward the maximum, but only a limited amount of it is buffered.
            if searched > self.max_length + CHUNK_SIZE {
                return Ok((searched, true));
            }
            self.fill()?;
        }
    }

    /// Skips the rest of a line that is too long, without buffering it.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(position) = memchr(b'\n', unread) {
                self.consume(position + 1);
                return Ok(());
            }
            self.consume(unread.len());
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.offset += length as u64;
    }

    /// Reads more content into the buffer.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // Double the buffer, up to the size needed to detect that a line is too long.
            let max_size = self.max_length.saturating_add(2 * CHUNK_SIZE);
            self.buffer.resize((self.buffer.len() * 2).min(max_size).max(self.end + 1), 0);
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.ended = read == 0;
        Ok(())
    }
}

/// Returns whether the start of a line is that of a JSON array.
fn is_array(start: &[u8]) -> bool {
    strip_byte_order_marks(start).trim_ascii_start().starts_with(b"[")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns a few bytes at a time.
    struct SlowReader<'a>(&'a [u8], usize);

    impl Read for SlowReader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            (&mut self.0).take(length as u64).read(buffer)
        }
    }

    /// Formats each line as its number, its end and its content.
    fn lines(content: &[u8], max_length: usize, read_size: usize) -> Vec<String> {
        let mut lines = LineReader::new(SlowReader(content, read_size), max_length);
        let mut read = Vec::new();
        let mut end = 0;
        while let Some(line) = lines.next().unwrap() {
            let mark = if line.start > end { "marked " } else { "" };
            end = line.end;
            let text = match line.content {
                LineContent::Blank => "blank".to_owned(),
                LineContent::TooLong { .. } => "too long".to_owned(),
                LineContent::Bytes(bytes) => format!("{mark}{}", String::from_utf8_lossy(bytes)),
            };
            read.push(format!("{} {} {text}", line.number, line.end));
        }
        assert_eq!(end, content.len() as u64);
        read
    }

    #[test]
    fn lines_do_not_depend_on_read_sizes() {
        let content = "\u{feff}one\r\n\n  \t\ntwo  \n\u{feff}\u{feff}three".as_bytes();
        for read_size in [1, 2, 5, 1_000] {
            assert_eq!(
                lines(content, 100, read_size),
                ["1 8 marked one", "2 9 blank", "3 13 blank", "4 19 two", "5 30 marked three"]
            );
        }
        assert_eq!(lines(b"", 100, 1), [""; 0]);
        assert_eq!(lines(b"\n", 100, 1), ["1 1 blank"]);
    }

    #[test]
    fn lines_that_are_too_long_are_skipped_without_buffering() {
        assert_eq!(lines(b"abc\nabcd\nab", 3, 2), ["1 4 abc", "2 9 too long", "3 11 ab"]);
        let long = [b"a\n", &[b'x'; 3 * CHUNK_SIZE][..], b"\nb"].concat();
        let end = long.len() - 1;
        for read_size in [1_000, 10 * CHUNK_SIZE] {
            let expected =
                ["1 2 a".to_owned(), format!("2 {end} too long"), format!("3 {} b", end + 1)];
            assert_eq!(lines(&long, 10, read_size), expected);
        }
        let mut reader = LineReader::new(&long[..], 10);
        while reader.next().unwrap().is_some() {}
        assert!(reader.buffer.len() <= 4 * CHUNK_SIZE);
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_read_completely() {
        let long = "y".repeat(5 * CHUNK_SIZE + 7);
        let content = format!("a\n{long}\nb\n");
        let read = lines(content.as_bytes(), 10 * CHUNK_SIZE, CHUNK_SIZE / 3);
        assert_eq!(read.len(), 3);
        assert!(read[1].ends_with(&long));
    }
}
