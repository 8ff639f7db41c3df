//! Serializes a page of records.

use super::{RecordFormat, RecordHead};
use crate::json::single_line;

/// The maximum capacity reserved in advance for a page, in bytes.
const MAX_RESERVE: usize = 1 << 20;

/// Appends the records of a page to a body, up to a size.
pub(crate) struct PageWriter {
    format: RecordFormat,
    body: Vec<u8>,
    max_bytes: usize,
    /// The maximum number of records that follow.
    wanted: usize,
}

impl PageWriter {
    /// Starts a page of at most `wanted` records with `body`.
    pub(crate) fn new(
        format: RecordFormat,
        body: Vec<u8>,
        max_bytes: usize,
        wanted: usize,
    ) -> Self {
        Self { format, body, max_bytes, wanted }
    }

    /// Appends a record. Returns whether the body still has at most `max_bytes`.
    pub(crate) fn push(&mut self, head: RecordHead<'_>, payload: &[u8], properties: &[u8]) -> bool {
        let before = self.body.len();
        (self.format.begin)(&mut self.body, head);
        self.format.write_value(&mut self.body, payload);
        (self.format.middle)(&mut self.body);
        self.format.write_value(&mut self.body, properties);
        (self.format.end)(&mut self.body, head);
        if self.body.len() > self.max_bytes {
            return false;
        }
        self.wanted = self.wanted.saturating_sub(1);
        // Records of a dataset usually have similar sizes, so this avoids reallocations. The additional eighth is for larger ones.
        let record = self.body.len() - before;
        if self.body.capacity() - self.body.len() < record {
            self.body.reserve((record * (self.wanted + 1) / 8 * 9).min(MAX_RESERVE));
        }
        true
    }

    /// Returns the body.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl RecordFormat {
    /// Appends a payload or properties.
    pub(crate) fn write_value(self, out: &mut Vec<u8>, value: &[u8]) {
        if self.single_line {
            out.extend_from_slice(&single_line(value));
        } else {
            out.extend_from_slice(value);
        }
    }
}
