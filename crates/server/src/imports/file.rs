//! Reading an uploaded JSONL file, a bounded piece at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use mistral_datasets_types::RecordSource;

use super::line::{ImportLine, LineRules};
use super::source::{CHUNK_BYTES, CHUNK_RECORDS, Chunk, ImportError};
use crate::storage::{NewRecord, Progress};

/// Some editors put it before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A file read line by line.
pub(crate) struct FileLines {
    reader: BufReader<File>,
    rules: LineRules,
    total_bytes: u64,
    read_bytes: u64,
    line: u64,
    buffer: Vec<u8>,
}

impl FileLines {
    pub(crate) fn new(file: File, rules: LineRules) -> io::Result<Self> {
        Ok(Self {
            total_bytes: file.metadata()?.len(),
            reader: BufReader::with_capacity(256 << 10, file),
            rules,
            read_bytes: 0,
            line: 0,
            buffer: Vec::new(),
        })
    }

    /// The records of the next lines.
    pub(super) fn chunk(&mut self) -> Result<Chunk, ImportError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        while bytes < CHUNK_BYTES && records.len() < CHUNK_RECORDS {
            let Some(line) = self.line()? else {
                return Ok(Chunk { records, progress: Progress::DONE, last: true });
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
        Ok(Chunk { records, progress, last: false })
    }

    /// The records of all lines, or the reason why the file is refused.
    pub(crate) fn all(mut self) -> Result<Vec<NewRecord>, String> {
        let mut all = Vec::new();
        loop {
            let chunk = self.chunk().map_err(|error| error.to_string())?;
            all.extend(chunk.records);
            if chunk.last {
                return Ok(all);
            }
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Result<Option<ImportLine>, ImportError> {
        loop {
            self.buffer.clear();
            // One byte more than a line may have, and its end.
            let read = (&mut self.reader)
                .take(self.rules.bytes + 2)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| ImportError::Internal(Box::new(error)))?;
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
                return Err(ImportError::Refused(message));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match ImportLine::read(line, self.rules) {
                Ok(line) => Ok(Some(line)),
                Err(error) => Err(ImportError::Refused(format!("line {}: {error}", self.line))),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;
    use crate::config::Generation;
    use crate::json::MAX_DEPTH;

    fn lines(content: &[u8], longest: u64) -> FileLines {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        let rules = LineRules { generation: Generation::G1, bytes: longest, depth: MAX_DEPTH };
        FileLines::new(file, rules).unwrap()
    }

    /// The payloads of a file, or the reason why it is refused.
    fn payloads(content: &[u8]) -> Result<Vec<String>, String> {
        let chunk = lines(content, 1_000).chunk().map_err(|error| error.to_string())?;
        assert!(chunk.last);
        Ok(chunk.records.into_iter().map(|record| record.payload).collect())
    }

    #[test]
    fn blank_lines_carriage_returns_and_a_byte_order_mark_do_not_matter() {
        let content = "\u{feff}{\"messages\": []}\r\n\r\n   \n\n{\"payload\": {\"messages\":[]}}";
        assert_eq!(
            payloads(content.as_bytes()).unwrap(),
            ["{\"messages\":[]}", "{\"messages\":[]}"]
        );
        assert_eq!(payloads(b"").unwrap(), [""; 0]);
        assert_eq!(payloads("\u{feff}\n".as_bytes()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_in_the_file() {
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
    fn a_line_that_is_too_long_is_refused_and_not_read_to_its_end() {
        let long = format!("{{\"messages\": [], \"x\": \"{}\"}}\n", "y".repeat(100));
        assert!(lines(long.as_bytes(), long.len() as u64 - 1).chunk().is_ok());
        let error = lines(long.as_bytes(), long.len() as u64 - 2).chunk().err().unwrap();
        assert_eq!(error.to_string(), format!("line 1: longer than {} bytes", long.len() - 2));
    }

    #[test]
    fn a_large_file_comes_in_pieces() {
        let content = "{\"messages\": []}\n".repeat(CHUNK_RECORDS + 1);
        let mut lines = lines(content.as_bytes(), 1_000);
        let first = lines.chunk().unwrap();
        assert_eq!((first.records.len(), first.last), (CHUNK_RECORDS, false));
        let second = lines.chunk().unwrap();
        assert_eq!((second.records.len(), second.last), (1, true));
    }
}
