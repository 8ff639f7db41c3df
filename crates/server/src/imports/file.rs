//! Reads an uploaded JSONL file in chunks of bounded size.

use std::io::{self, BufRead, BufReader, Read};

use mistral_datasets_types::RecordSource;

use super::line::{ImportLine, LineRules};
use super::source::{CHUNK_BYTES, CHUNK_RECORDS, Chunk, ImportError};
use crate::content::ContentError;
use crate::storage::{ImportPosition, NewRecord, Progress};

/// Some editors write a byte order mark at the start of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The size in bytes above which the buffer for a line is not kept for the next one.
const MAX_KEPT_BUFFER: usize = 1 << 20;

/// Reads the records of a JSONL file.
pub(crate) struct FileLines {
    reader: BufReader<Box<dyn Read + Send>>,
    rules: LineRules,
    total_bytes: u64,
    read_bytes: u64,
    line: u64,
    buffer: Vec<u8>,
}

impl FileLines {
    /// Reads lines from the content of a file with this size.
    pub(crate) fn new(
        content: impl Read + Send + 'static,
        total_bytes: u64,
        rules: LineRules,
    ) -> Self {
        Self {
            total_bytes,
            reader: BufReader::with_capacity(256 << 10, Box::new(content)),
            rules,
            read_bytes: 0,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// Continues after the lines that were read before. They are read again, so that the checksum of the content can be verified.
    pub(super) fn skip_to(mut self, position: ImportPosition) -> io::Result<Self> {
        io::copy(&mut (&mut self.reader).take(position.offset), &mut io::sink())?;
        (self.read_bytes, self.line) = (position.offset, position.line);
        Ok(self)
    }

    /// Reads the next chunk of records.
    pub(super) fn next_chunk(&mut self) -> Result<Chunk, ImportError> {
        self.read_chunk().map_err(|invalid| {
            // A line may be invalid because the file is damaged, which is only known at its end.
            match io::copy(&mut self.reader, &mut io::sink()).map_err(read_error) {
                Err(damaged @ ImportError::Rejected(_)) => damaged,
                _ => invalid,
            }
        })
    }

    fn read_chunk(&mut self) -> Result<Chunk, ImportError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        while bytes < CHUNK_BYTES && records.len() < CHUNK_RECORDS {
            let Some(line) = self.next_line()? else {
                return Ok(Chunk {
                    records,
                    end: self.position(),
                    progress: Progress::DONE,
                    last: true,
                });
            };
            let record = NewRecord {
                payload: line.payload,
                properties: line.properties,
                source: RecordSource::UploadedFile,
            };
            bytes += record.size();
            records.push(record);
        }
        let progress = Progress::of(self.read_bytes, self.total_bytes);
        Ok(Chunk { records, end: self.position(), progress, last: false })
    }

    fn position(&self) -> ImportPosition {
        ImportPosition { offset: self.read_bytes, line: self.line }
    }

    /// Reads all records. Returns why the file is invalid, if it is.
    pub(crate) fn read_all(mut self) -> Result<Vec<NewRecord>, String> {
        let mut all = Vec::new();
        loop {
            let chunk = self.next_chunk().map_err(|error| error.to_string())?;
            all.extend(chunk.records);
            if chunk.last {
                return Ok(all);
            }
        }
    }

    /// Reads the next line that is not blank.
    fn next_line(&mut self) -> Result<Option<ImportLine>, ImportError> {
        let line = self.read_line();
        // A large line would otherwise stay in memory while its record is written.
        if self.buffer.capacity() > MAX_KEPT_BUFFER {
            self.buffer = Vec::new();
        }
        line
    }

    fn read_line(&mut self) -> Result<Option<ImportLine>, ImportError> {
        loop {
            self.buffer.clear();
            // Read at most one byte more than a line may have, and the line end.
            let read = (&mut self.reader)
                .take(self.rules.bytes + 2)
                .read_until(b'\n', &mut self.buffer)
                .map_err(read_error)?;
            if read == 0 {
                return Ok(None);
            }
            self.read_bytes += read as u64;
            self.line += 1;
            let mut line = self.buffer.trim_ascii_end();
            if self.line == 1 {
                line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            }
            if line.len() as u64 > self.rules.bytes {
                let message = format!("line {}: longer than {} bytes", self.line, self.rules.bytes);
                return Err(ImportError::Rejected(message));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match ImportLine::read(line, self.rules) {
                Ok(line) => Ok(Some(line)),
                Err(error) => Err(ImportError::Rejected(format!("line {}: {error}", self.line))),
            };
        }
    }
}

/// Returns why an import cannot read its file.
pub(super) fn read_error(error: io::Error) -> ImportError {
    match error.downcast::<ContentError>() {
        Ok(error) => content_error(error),
        Err(error) => ImportError::Internal(Box::new(error)),
    }
}

/// Returns why an import cannot read its file.
pub(super) fn content_error(error: ContentError) -> ImportError {
    match error {
        ContentError::Damaged => ImportError::Rejected(
            "the stored file is damaged: its checksum is wrong; upload it again".to_owned(),
        ),
        error => ImportError::Internal(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Generation;
    use crate::json::MAX_DEPTH;

    fn lines(content: &[u8], longest: u64) -> FileLines {
        let rules = LineRules { generation: Generation::G1, bytes: longest, depth: MAX_DEPTH };
        FileLines::new(io::Cursor::new(content.to_vec()), content.len() as u64, rules)
    }

    /// Returns the payloads of a file, or why the file is invalid.
    fn payloads(content: &[u8]) -> Result<Vec<String>, String> {
        let chunk = lines(content, 1_000).next_chunk().map_err(|error| error.to_string())?;
        assert!(chunk.last);
        Ok(chunk.records.into_iter().map(|record| record.payload).collect())
    }

    #[test]
    fn blank_lines_carriage_returns_and_a_byte_order_mark_are_ignored() {
        let content = "\u{feff}{\"messages\": []}\r\n\r\n   \n\n{\"payload\": {\"messages\":[]}}";
        assert_eq!(
            payloads(content.as_bytes()).unwrap(),
            ["{\"messages\":[]}", "{\"messages\":[]}"]
        );
        assert_eq!(payloads(b"").unwrap(), [""; 0]);
        assert_eq!(payloads("\u{feff}\n".as_bytes()).unwrap(), [""; 0]);
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_number() {
        for (content, reason) in [
            (
                &b"\n{\"messages\": []}\n{\"messages\": [}\n"[..],
                "line 3: the line is not JSON: expected value at line 1 column 15",
            ),
            (b"{\"messages\": []}\n\"\xff\"", "line 2: the line is not UTF-8: line 1, column 2"),
            (b"{\"payload\": {}}", "line 1: payload.messages: required"),
        ] {
            assert_eq!(payloads(content).unwrap_err(), reason);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_rejected() {
        let long = format!("{{\"messages\": [], \"x\": \"{}\"}}\n", "y".repeat(100));
        assert!(lines(long.as_bytes(), long.len() as u64 - 1).next_chunk().is_ok());
        let error = lines(long.as_bytes(), long.len() as u64 - 2).next_chunk().err().unwrap();
        assert_eq!(error.to_string(), format!("line 1: longer than {} bytes", long.len() - 2));
    }

    #[test]
    fn the_buffer_of_a_large_line_is_released() {
        let large = format!("{{\"messages\":[],\"x\":\"{}\"}}\n", "y".repeat(2 * CHUNK_BYTES));
        let mut lines = lines(format!("{large}{{\"messages\":[]}}\n").as_bytes(), u64::MAX - 2);
        assert_eq!(lines.next_chunk().unwrap().records[0].payload, large.trim_end());
        assert_eq!(lines.buffer.capacity(), 0);
        // The buffer of a small line is kept.
        assert!(lines.next_chunk().unwrap().last);
        assert!(lines.buffer.capacity() > 0);
    }

    #[test]
    fn a_large_file_is_read_in_chunks() {
        let content = "{\"messages\": []}\n".repeat(CHUNK_RECORDS + 1);
        let mut lines = lines(content.as_bytes(), 1_000);
        let first = lines.next_chunk().unwrap();
        assert_eq!((first.records.len(), first.last), (CHUNK_RECORDS, false));
        let second = lines.next_chunk().unwrap();
        assert_eq!((second.records.len(), second.last), (1, true));
    }

    #[test]
    fn reading_is_resumed_at_the_end_of_a_chunk() {
        let content =
            format!("\u{feff}\n{}[\n", "{\"messages\": []}\n\n".repeat(CHUNK_RECORDS + 10));
        let mut whole = lines(content.as_bytes(), 1_000);
        let first = whole.next_chunk().unwrap();
        let rest = whole.next_chunk().err().unwrap().to_string();
        let mut resumed = lines(content.as_bytes(), 1_000).skip_to(first.end).unwrap();
        assert_eq!(first.end.line, 2 * CHUNK_RECORDS as u64);
        assert_eq!(resumed.total_bytes, content.len() as u64);
        // The error names the line in the whole file.
        assert_eq!(resumed.next_chunk().err().unwrap().to_string(), rest);
        assert!(rest.starts_with(&format!("line {}:", 2 * (CHUNK_RECORDS + 10) + 2)), "{rest}");
    }
}
