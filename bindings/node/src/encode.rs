//! Encodes responses for JavaScript.
//!
//! Building objects through Node-API costs one native call per value, and passing JSON would mean parsing it twice. A response
//! is therefore passed as three values: all strings concatenated, all numbers in one array, and the raw JSON objects
//! (payloads, properties, unknown fields) in one buffer that JavaScript parses lazily. There are no tags: both sides rely on
//! the field order, which is generated from the OpenAPI document. `lib/decoder.js` is the counterpart.

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, Utc};
use mistral_datasets::{Extra, RawJson};
use napi::bindgen_prelude::{Buffer, Float64Array};
use napi_derive::napi;
use serde::Serialize;
use uuid::Uuid;

use crate::options::as_milliseconds;

/// An encoded response.
#[napi(object, object_from_js = false)]
pub struct EncodedResponse {
    /// All strings, concatenated.
    pub strings: String,
    /// String lengths in UTF-16 units, positions of raw JSON, and all values that are encoded as numbers.
    pub numbers: Float64Array,
    /// All raw JSON objects, concatenated, if the response has any.
    pub json: Option<Buffer>,
    /// The HTTP response, if it was requested.
    pub raw_response: Option<RawResponse>,
}

/// An HTTP response.
#[napi(object, object_from_js = false)]
pub struct RawResponse {
    /// HTTP status.
    pub status: u16,
    /// Header names and values, alternating.
    pub headers: Vec<String>,
    /// Request ID from the server.
    pub request_id: Option<String>,
    /// The body, decompressed.
    pub body: Buffer,
    /// Duration of the call including retries.
    pub elapsed_ms: f64,
    /// Number of requests sent.
    pub attempts: u32,
}

impl From<&mistral_datasets::RawResponse> for RawResponse {
    fn from(response: &mistral_datasets::RawResponse) -> Self {
        let headers = response.headers().iter().flat_map(|(name, value)| {
            // Header values are decoded as Latin-1, as in `fetch`.
            let value = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
            [name.as_str().to_owned(), value]
        });
        Self {
            status: response.status(),
            headers: headers.collect(),
            request_id: response.request_id().map(str::to_owned),
            body: response.body().to_vec().into(),
            elapsed_ms: as_milliseconds(response.elapsed()),
            attempts: response.attempts(),
        }
    }
}

/// Encodes a value.
pub fn encode(value: &impl Encode) -> EncodedResponse {
    let mut encoder = Encoder::default();
    value.encode(&mut encoder);
    let Encoder { strings, mut numbers, json, .. } = encoder;
    // JavaScript takes ownership of the allocation, including its spare capacity.
    numbers.shrink_to_fit();
    EncodedResponse {
        strings,
        numbers: numbers.into(),
        json: (!json.is_empty()).then(|| json.concat().into_bytes().into()),
        raw_response: None,
    }
}

/// Upper bound of the capacity reserved for the items of an array, in bytes or elements.
const MAX_RESERVED: usize = 1 << 20;

/// Collects the parts of an [`EncodedResponse`].
#[derive(Default)]
pub struct Encoder<'a> {
    strings: String,
    numbers: Vec<f64>,
    /// Raw JSON is most of a response, so it is copied once, when its total length is known.
    json: Vec<Cow<'a, str>>,
    json_length: usize,
    /// The last string of each slot of [`repeated`](Self::repeated), as a range of `strings`.
    last: Vec<Range<usize>>,
}

impl<'a> Encoder<'a> {
    /// Appends a string.
    pub fn string(&mut self, string: &str) {
        let units = if string.is_ascii() { string.len() } else { string.encode_utf16().count() };
        self.numbers.push(units as f64);
        self.strings.push_str(string);
    }

    /// Appends a value that encodes to one string and is likely equal to the previous one of the same slot. If it is equal,
    /// only the length -1 is written, and JavaScript reuses the previous string object.
    pub fn repeated(&mut self, slot: usize, value: &'a impl Encode) {
        let start = self.strings.len();
        value.encode(self);
        if self.last.len() <= slot {
            self.last.resize(slot + 1, 0..0);
        }
        let (before, string) = self.strings.split_at(start);
        let last = before.get(self.last[slot].clone());
        if last == Some(string) && !string.is_empty() {
            self.strings.truncate(start);
            self.numbers.pop();
            self.numbers.push(-1.0);
        } else {
            self.last[slot] = start..self.strings.len();
        }
    }

    /// Appends the first item of an array and reserves capacity for the others, which are likely of similar size.
    fn first_item(&mut self, item: &'a impl Encode, others: usize) {
        let (strings, numbers, json) = (self.strings.len(), self.numbers.len(), self.json.len());
        item.encode(self);
        let capacity = |length: usize| (length * others).min(MAX_RESERVED);
        self.strings.reserve(capacity(self.strings.len() - strings));
        self.numbers.reserve(capacity(self.numbers.len() - numbers));
        self.json.reserve(capacity(self.json.len() - json));
    }

    /// Appends a number.
    pub fn number(&mut self, number: f64) {
        self.numbers.push(number);
    }

    /// Appends a boolean as 0 or 1.
    fn boolean(&mut self, boolean: bool) {
        self.number(f64::from(u8::from(boolean)));
    }

    /// Appends an optional value that encodes to two numbers; `None` becomes two NaNs. JavaScript reads such fields lazily
    /// by position, so they must have a fixed size.
    pub fn optional_pair(&mut self, value: &'a Option<impl Encode>) {
        match value {
            Some(value) => value.encode(self),
            None => self.numbers.extend([f64::NAN; 2]),
        }
    }

    /// Appends JSON, and its start and end as numbers.
    fn json(&mut self, json: Cow<'a, str>) {
        let start = self.json_length;
        self.json_length += json.len();
        self.numbers.extend([start as f64, self.json_length as f64]);
        self.json.push(json);
    }

    /// Appends a value as JSON, which JavaScript parses on access.
    pub fn serialized(&mut self, value: &impl Serialize) {
        let json = serde_json::to_string(value).expect("values of responses are valid JSON");
        self.json(json.into());
    }
}

/// A value that can be part of an encoded response.
pub trait Encode {
    /// Appends the value.
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>);
}

/// The result of a call without a response body.
impl Encode for () {
    fn encode<'a>(&'a self, _: &mut Encoder<'a>) {}
}

impl Encode for String {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.string(self);
    }
}

impl Encode for Uuid {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        let mut buffer = Uuid::encode_buffer();
        encoder.string(self.hyphenated().encode_lower(&mut buffer));
    }
}

/// Encoded as milliseconds since 1970 and the remaining microseconds, because one `f64` cannot hold microseconds exactly.
impl Encode for DateTime<Utc> {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.number(self.timestamp_millis() as f64);
        encoder.number(f64::from(self.timestamp_subsec_micros() % 1000));
    }
}

impl Encode for u64 {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.number(*self as f64);
    }
}

impl Encode for i64 {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.number(*self as f64);
    }
}

impl Encode for f64 {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.number(*self);
    }
}

impl Encode for bool {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.boolean(*self);
    }
}

impl Encode for RawJson {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.json(self.get().into());
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.boolean(self.is_some());
        if let Some(value) = self {
            value.encode(encoder);
        }
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.number(self.len() as f64);
        if let Some((first, others)) = self.split_first() {
            encoder.first_item(first, others.len());
            others.iter().for_each(|item| item.encode(encoder));
        }
    }
}

impl Encode for Extra {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        encoder.number(self.len() as f64);
        for (name, value) in self {
            encoder.string(name);
            value.encode(encoder);
        }
    }
}
