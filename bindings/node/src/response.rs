//! Responses on their way to JavaScript.
//!
//! Building objects through Node-API costs a crossing for every value, and JSON would be parsed twice. So a response crosses as
//! three large values: all its text in one string, all its numbers in one array, and the JSON of all raw objects (payloads,
//! properties, members that the document does not know) in one buffer, of which JavaScript parses a piece when somebody
//! looks. What stands where follows from the types: they are written here in the order in which the classes in
//! `lib/generated/models.js` read them, and both are generated from the document.

use std::ops::Range;

use chrono::{DateTime, Utc};
use mistral_datasets::{Extra, RawJson};
use napi::bindgen_prelude::{Buffer, Float64Array};
use napi_derive::napi;
use uuid::Uuid;

/// A response as it crosses.
#[napi(object, object_from_js = false)]
pub struct Response {
    /// All text, end to end.
    pub text: String,
    /// The lengths of the pieces of text, in UTF-16 units, the places of raw objects, and whatever is a number or can be told by
    /// one.
    pub numbers: Float64Array,
    /// The JSON of all raw objects, end to end; absent where there is none.
    pub raw: Option<Buffer>,
    /// What came over the wire, where somebody asked for it.
    pub raw_response: Option<RawResponse>,
}

/// A response as the server sent it.
#[napi(object, object_from_js = false)]
pub struct RawResponse {
    /// The status.
    pub status: u16,
    /// The headers: names and values in turn.
    pub headers: Vec<String>,
    /// The id the server gave the request.
    pub request_id: Option<String>,
    /// The body.
    pub body: Buffer,
    /// How long the call took with all its attempts.
    pub elapsed_ms: f64,
    /// How often it was sent.
    pub attempts: u32,
}

impl From<&mistral_datasets::RawResponse> for RawResponse {
    fn from(response: &mistral_datasets::RawResponse) -> Self {
        let headers = response.headers().iter().flat_map(|(name, value)| {
            // JavaScript reads the bytes of a header as Latin-1, as `fetch` does.
            let value = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
            [name.as_str().to_owned(), value]
        });
        Self {
            status: response.status(),
            headers: headers.collect(),
            request_id: response.request_id().map(str::to_owned),
            body: response.body().to_vec().into(),
            elapsed_ms: response.elapsed().as_secs_f64() * 1000.0,
            attempts: response.attempts(),
        }
    }
}

/// Makes a response of a value.
pub fn cross(value: &impl Cross) -> Response {
    let mut crossing = Crossing::default();
    value.cross(&mut crossing);
    let Crossing { text, mut numbers, raw, .. } = crossing;
    // JavaScript holds the memory itself, with what would be left over in it.
    numbers.shrink_to_fit();
    Response {
        text,
        numbers: numbers.into(),
        raw: (!raw.is_empty()).then(|| raw.concat().into_bytes().into()),
        raw_response: None,
    }
}

/// Room is made for so many bytes, numbers or pieces at most before they are there.
const AHEAD: usize = 1 << 20;

/// Collects the parts of a response.
#[derive(Default)]
pub struct Crossing<'a> {
    text: String,
    numbers: Vec<f64>,
    /// The pieces of JSON. They are the most of a response, so they are put together once it is known how long they are.
    raw: Vec<&'a str>,
    raw_length: usize,
    /// Where the last text of what is likely repeated is, by its number.
    last: Vec<Range<usize>>,
}

impl<'a> Crossing<'a> {
    /// Adds a piece of text.
    pub fn text(&mut self, text: &str) {
        let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
        self.numbers.push(units as f64);
        self.text.push_str(text);
    }

    /// Adds a value that is one piece of text, and likely the same as the last with this number: then only that is said, by a
    /// length below zero, and JavaScript needs no further string.
    pub fn repeated(&mut self, number: usize, value: &'a impl Cross) {
        let start = self.text.len();
        value.cross(self);
        if self.last.len() <= number {
            self.last.resize(number + 1, 0..0);
        }
        let (before, text) = self.text.split_at(start);
        let last = before.get(self.last[number].clone());
        if last == Some(text) && !text.is_empty() {
            self.text.truncate(start);
            self.numbers.pop();
            self.numbers.push(-1.0);
        } else {
            self.last[number] = start..self.text.len();
        }
    }

    /// Adds the first of several values and makes room for the others, since they are much alike.
    fn first(&mut self, value: &'a impl Cross, others: usize) {
        let (text, numbers, raw) = (self.text.len(), self.numbers.len(), self.raw.len());
        value.cross(self);
        let room = |length: usize| (length * others).min(AHEAD);
        self.text.reserve(room(self.text.len() - text));
        self.numbers.reserve(room(self.numbers.len() - numbers));
        self.raw.reserve(room(self.raw.len() - raw));
    }

    /// Adds a number. JavaScript has one kind of number only.
    pub fn number(&mut self, number: f64) {
        self.numbers.push(number);
    }

    /// Adds what is either so or not, as a number.
    fn boolean(&mut self, is_so: bool) {
        self.number(f64::from(u8::from(is_so)));
    }

    /// Adds a value that is two numbers, or says by two that are none that it is missing: what JavaScript reads late has its
    /// place.
    pub fn pair(&mut self, value: &'a Option<impl Cross>) {
        match value {
            Some(value) => value.cross(self),
            None => self.numbers.extend([f64::NAN; 2]),
        }
    }

    /// Adds the JSON of a raw object, as the places where it begins and ends.
    fn raw(&mut self, json: &'a str) {
        let start = self.raw_length;
        self.raw_length += json.len();
        self.numbers.extend([start as f64, self.raw_length as f64]);
        self.raw.push(json);
    }
}

/// What can cross as part of a response.
pub trait Cross {
    /// Adds the value to the parts.
    fn cross<'a>(&'a self, to: &mut Crossing<'a>);
}

/// What a call without a body returns.
impl Cross for () {
    fn cross<'a>(&'a self, _: &mut Crossing<'a>) {}
}

impl Cross for String {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.text(self);
    }
}

impl Cross for Uuid {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        let mut text = Uuid::encode_buffer();
        to.text(self.hyphenated().encode_lower(&mut text));
    }
}

/// As milliseconds since 1970 and the microseconds beyond them: together they would not fit into one number exactly.
impl Cross for DateTime<Utc> {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.number(self.timestamp_millis() as f64);
        to.number(f64::from(self.timestamp_subsec_micros() % 1000));
    }
}

impl Cross for u64 {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.number(*self as f64);
    }
}

impl Cross for i64 {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.number(*self as f64);
    }
}

impl Cross for f64 {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.number(*self);
    }
}

impl Cross for bool {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.boolean(*self);
    }
}

impl Cross for RawJson {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.raw(self.get());
    }
}

impl<T: Cross> Cross for Option<T> {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.boolean(self.is_some());
        if let Some(value) = self {
            value.cross(to);
        }
    }
}

impl<T: Cross> Cross for Vec<T> {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.number(self.len() as f64);
        if let Some((first, others)) = self.split_first() {
            to.first(first, others.len());
            others.iter().for_each(|item| item.cross(to));
        }
    }
}

impl Cross for Extra {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        to.number(self.len() as f64);
        for (name, value) in self {
            to.text(name);
            value.cross(to);
        }
    }
}
