//! Splitting content into lines, in memory bounded by the longest line.

use std::io::{self, Read};

use memchr::memchr;

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Some editors put it before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Content that is read line by line.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is read and not yet given out lies between these.
    start: usize,
    end: usize,
    /// Where in the content that begins.
    offset: u64,
    number: u64,
    longest: usize,
    ended: bool,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Where in the content its text begins, and where the next line does.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) text: Text<'a>,
}

/// What a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// Nothing but white space.
    Blank,
    /// More bytes than a line may have.
    TooLong,
    /// Its bytes, without white space at their end and a byte order mark before the first of them.
    Bytes(&'a [u8]),
}

impl<R: Read> Lines<R> {
    /// Reads lines of at most so many bytes, white space at their ends not counted.
    pub(super) fn new(input: R, longest: usize) -> Self {
        let buffer = vec![0; CHUNK];
        Self { input, buffer, start: 0, end: 0, offset: 0, number: 0, longest, ended: false }
    }

    /// The next line, if there is one.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let (length, too_long) = self.find_end()?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let start = self.offset;
        if too_long {
            self.skip_line()?;
            let (number, end) = (self.number, self.offset);
            return Ok(Some(Line { number, start, end, text: Text::TooLong }));
        }
        let taken = self.start..self.start + length;
        self.consume(length);
        let whole = self.buffer[taken].trim_ascii_end();
        let marked = self.number == 1 && whole.starts_with(BYTE_ORDER_MARK);
        let bytes = if marked { &whole[BYTE_ORDER_MARK.len()..] } else { whole };
        let text = if bytes.len() > self.longest {
            Text::TooLong
        } else if bytes.trim_ascii().is_empty() {
            Text::Blank
        } else {
            Text::Bytes(bytes)
        };
        let start = if marked { start + BYTE_ORDER_MARK.len() as u64 } else { start };
        Ok(Some(Line { number: self.number, start, end: self.offset, text }))
    }

    /// Reads until the next line's end is in the buffer, and returns the line's length with it; or `true` when the line is
    /// longer than it may be before its end is found.
    fn find_end(&mut self) -> io::Result<(usize, bool)> {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(place) = memchr(b'\n', &unread[searched..]) {
                return Ok((searched + place + 1, false));
            }
            searched = unread.len();
            if self.ended {
                return Ok((searched, false));
            }
            // White space at the end does not count, but a line of it alone need not be kept either.
            if searched > self.longest + CHUNK {
                return Ok((searched, true));
            }
            self.fill()?;
        }
    }

    /// Passes over the rest of a line that is not kept.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(place) = memchr(b'\n', unread) {
                self.consume(place + 1);
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

    /// Reads some more.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // Twice as much, but no more than it takes to see that a line is too long.
            let enough = self.longest.saturating_add(2 * CHUNK);
            self.buffer.resize((self.buffer.len() * 2).min(enough).max(self.end + 1), 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let some = self.1.min(buffer.len());
            (&mut self.0).take(some as u64).read(buffer)
        }
    }

    /// Each line as text: its number, where it ends and what it is.
    fn lines(content: &[u8], longest: usize, piece: usize) -> Vec<String> {
        let mut lines = Lines::new(Drip(content, piece), longest);
        let mut read = Vec::new();
        let mut end = 0;
        while let Some(line) = lines.next().unwrap() {
            let mark = if line.start > end { "marked " } else { "" };
            end = line.end;
            let text = match line.text {
                Text::Blank => "blank".to_owned(),
                Text::TooLong => "too long".to_owned(),
                Text::Bytes(bytes) => format!("{mark}{}", String::from_utf8_lossy(bytes)),
            };
            read.push(format!("{} {} {text}", line.number, line.end));
        }
        assert_eq!(end, content.len() as u64);
        read
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let content = "\u{feff}one\r\n\n  \t\ntwo  \n\u{feff}three".as_bytes();
        for piece in [1, 2, 5, 1_000] {
            assert_eq!(
                lines(content, 100, piece),
                ["1 8 marked one", "2 9 blank", "3 13 blank", "4 19 two", "5 27 \u{feff}three"]
            );
        }
        assert_eq!(lines(b"", 100, 1), [""; 0]);
        assert_eq!(lines(b"\n", 100, 1), ["1 1 blank"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_without_being_kept() {
        assert_eq!(lines(b"abc\nabcd\nab", 3, 2), ["1 4 abc", "2 9 too long", "3 11 ab"]);
        let long = [b"a\n", &[b'x'; 3 * CHUNK][..], b"\nb"].concat();
        let end = long.len() - 1;
        for piece in [1_000, 10 * CHUNK] {
            let expected =
                ["1 2 a".to_owned(), format!("2 {end} too long"), format!("3 {} b", end + 1)];
            assert_eq!(lines(&long, 10, piece), expected);
        }
        let mut reader = Lines::new(&long[..], 10);
        while reader.next().unwrap().is_some() {}
        assert!(reader.buffer.len() <= 4 * CHUNK);
    }

    #[test]
    fn a_line_longer_than_the_buffer_comes_whole() {
        let long = "y".repeat(5 * CHUNK + 7);
        let content = format!("a\n{long}\nb\n");
        let read = lines(content.as_bytes(), 10 * CHUNK, CHUNK / 3);
        assert_eq!(read.len(), 3);
        assert!(read[1].ends_with(&long));
    }
}
