//! A line of a source as it is imported: verbatim, wrapped in an object, or split where files were joined.

use std::io;

use memchr::memmem;

use super::json_array;
use super::line_reader::{BYTE_ORDER_MARK, Line, LineContent};
use super::upload_parts::PartsBuilder;
use super::validate_line::{Form, Problem, UnknownKeys, ValidLine, validate};

/// Turns an array of messages into an object, together with a closing `}`.
const MESSAGES_PREFIX: &[u8] = br#"{"messages":"#;

/// A valid line of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImportableLine<'a> {
    first: (Form, &'a [u8]),
    /// The records that follow the first one, if the line consists of several.
    joined: Vec<(Form, &'a [u8])>,
    pub(super) unknown_keys: Vec<String>,
}

impl<'a> ImportableLine<'a> {
    /// Validates a line. Returns `None` if it is blank.
    pub(super) fn read(
        line: &Line<'a>,
        max_line: usize,
        unknown_keys: UnknownKeys,
    ) -> Result<Option<Self>, Problem> {
        let bytes = match line.content {
            LineContent::Blank => return Ok(None),
            LineContent::TooLong { is_array } => return Err(too_long(max_line, is_array)),
            LineContent::Bytes(bytes) => bytes,
        };
        let read = match validate(bytes, unknown_keys) {
            Ok(ValidLine { form, unknown_keys }) => {
                Self { first: (form, bytes), joined: Vec::new(), unknown_keys }
            }
            Err(problem) => Self::read_joined(bytes, unknown_keys).ok_or(problem)?,
        };
        if read.slices().iter().map(|slice| slice.len()).sum::<usize>() > max_line {
            return Err(too_long(max_line, false));
        }
        Ok(Some(read))
    }

    /// Reads the records of a line in which a file that starts with a byte order mark follows one that does not end with a line
    /// break, as `cat` joins them.
    fn read_joined(line: &'a [u8], unknown_keys: UnknownKeys) -> Option<Self> {
        let (mut records, mut ignored) = (Vec::new(), Vec::new());
        let mut start = 0;
        let marks = memmem::find_iter(line, BYTE_ORDER_MARK).chain([line.len()]);
        for end in marks {
            let record = line[start..end].trim_ascii();
            start = (end + BYTE_ORDER_MARK.len()).min(line.len());
            if !record.is_empty() {
                let valid = validate(record, unknown_keys).ok()?;
                ignored.extend(valid.unknown_keys);
                records.push((valid.form, record));
            }
        }
        if records.is_empty() {
            return None;
        }
        let joined = records.split_off(1);
        Some(Self { first: records[0], joined, unknown_keys: ignored })
    }

    /// Returns the number of records.
    pub(super) fn records(&self) -> u64 {
        1 + self.joined.len() as u64
    }

    /// Adds the line to the parts to upload.
    pub(super) fn add_to(&self, parts: &mut PartsBuilder, line: &Line<'_>) -> io::Result<()> {
        match self.first {
            (Form::Record, bytes) if self.joined.is_empty() => {
                parts.add_verbatim(line.number, line.start..line.end, bytes)
            }
            _ => parts.add_joined(line.number, &self.slices(), self.records()),
        }
    }

    /// Returns the text to import, without the last line break.
    fn slices(&self) -> Vec<&'a [u8]> {
        let mut slices = Vec::new();
        for (index, (form, bytes)) in [self.first].iter().chain(&self.joined).enumerate() {
            if index > 0 {
                slices.push(&b"\n"[..]);
            }
            match form {
                Form::Record => slices.push(bytes),
                Form::Messages => slices.extend([MESSAGES_PREFIX, bytes, b"}"]),
            }
        }
        slices
    }
}

fn too_long(max_line: usize, is_array: bool) -> Problem {
    let advice = if is_array { format!("; is it {}?", json_array::PROBLEM) } else { String::new() };
    Problem {
        column: 1,
        message: format!("longer than {max_line} bytes{advice}"),
        concerns_source: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], max_line: usize) -> Result<Vec<String>, Problem> {
        let line = Line { number: 1, start: 0, end: 0, content: LineContent::Bytes(bytes) };
        let line = ImportableLine::read(&line, max_line, UnknownKeys::Reject)?.unwrap();
        let text = line.slices().concat();
        let lines: Vec<_> = String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, line.records());
        Ok(lines)
    }

    #[test]
    fn files_joined_without_a_line_break_are_split() {
        let object = r#"{"messages": []}"#;
        let joined = format!("{object} \u{feff}{object}\u{feff}\u{feff}[{{\"role\": \"user\"}}]");
        assert_eq!(
            read(joined.as_bytes(), 100).unwrap(),
            [object, object, r#"{"messages":[{"role": "user"}]}"#]
        );
        // A byte order mark inside a string is content.
        let inside = "{\"messages\": [], \"text\": \"}\u{feff}{\"}";
        assert_eq!(read(inside.as_bytes(), 100).unwrap(), [inside]);
        let invalid = format!("{object}\u{feff}{{\"messages\": 1}}");
        assert!(read(invalid.as_bytes(), 100).unwrap_err().message.contains("trailing characters"));
    }

    #[test]
    fn the_length_is_that_of_the_imported_text() {
        let messages = br#"[{"role": "user"}]"#;
        let length = messages.len() + MESSAGES_PREFIX.len() + 1;
        assert!(read(messages, length).is_ok());
        assert_eq!(read(messages, length - 1).unwrap_err().message, "longer than 30 bytes");
    }
}
