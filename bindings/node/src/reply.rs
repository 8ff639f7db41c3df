//! Replies on their way to JavaScript.
//!
//! Building objects through Node-API costs a crossing for every value, and JSON would be parsed twice. So a reply crosses as
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

/// A reply as it crosses.
#[napi(object, object_from_js = false)]
pub struct Reply {
    /// All text, end to end.
    pub text: String,
    /// The lengths of the pieces of text, in UTF-16 units, the places of raw objects, and whatever is a number or can be told by
    /// one.
    pub numbers: Float64Array,
    /// The JSON of all raw objects, end to end; absent where there is none.
    pub raw: Option<Buffer>,
    /// What came over the wire, where somebody asked for it.
    pub raw_reply: Option<RawReply>,
}

/// A reply as the server sent it.
#[napi(object, object_from_js = false)]
pub struct RawReply {
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

impl From<&mistral_datasets::Reply> for RawReply {
    fn from(reply: &mistral_datasets::Reply) -> Self {
        let headers = reply.headers().iter().flat_map(|(name, value)| {
            // JavaScript reads the bytes of a header as Latin-1, as `fetch` does.
            let value = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
            [name.as_str().to_owned(), value]
        });
        Self {
            status: reply.status(),
            headers: headers.collect(),
            request_id: reply.request_id().map(str::to_owned),
            body: reply.body().to_vec().into(),
            elapsed_ms: reply.elapsed().as_secs_f64() * 1000.0,
            attempts: reply.attempts(),
        }
    }
}

/// Makes a reply of a value.
pub fn cross(value: &impl Cross) -> Reply {
    // Measured first: buffers that grow are copied several times, and JavaScript would hold what is left over in them.
    let mut room = Crossing { measures: true, ..Crossing::default() };
    value.cross(&mut room);
    let Room { text, numbers, raw } = room.room;
    let mut crossing = Crossing {
        text: String::with_capacity(text),
        numbers: Vec::with_capacity(numbers),
        raw: Vec::with_capacity(raw),
        ..Crossing::default()
    };
    value.cross(&mut crossing);
    Reply {
        text: crossing.text,
        numbers: crossing.numbers.into(),
        raw: (!crossing.raw.is_empty()).then(|| crossing.raw.into()),
        raw_reply: None,
    }
}

/// Collects the parts of a reply, or only measures them.
#[derive(Default)]
pub struct Crossing {
    measures: bool,
    room: Room,
    text: String,
    numbers: Vec<f64>,
    raw: Vec<u8>,
    /// Where the last text of what is likely repeated is, by its number.
    last: Vec<Range<usize>>,
}

/// How long the parts of a reply are.
#[derive(Default)]
struct Room {
    text: usize,
    numbers: usize,
    raw: usize,
}

impl Crossing {
    /// Adds a piece of text.
    pub fn text(&mut self, text: &str) {
        if self.measures {
            self.room.text += text.len();
            self.room.numbers += 1;
            return;
        }
        let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
        self.numbers.push(units as f64);
        self.text.push_str(text);
    }

    /// Adds a value that is one piece of text, and likely the same as the last with this number: then only that is said, by a
    /// length below zero, and JavaScript needs no further string.
    pub fn repeated(&mut self, number: usize, value: &impl Cross) {
        let start = self.text.len();
        value.cross(self);
        if self.measures {
            return;
        }
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

    /// Adds a number. JavaScript has one kind of number only.
    pub fn number(&mut self, number: f64) {
        if self.measures {
            self.room.numbers += 1;
            return;
        }
        self.numbers.push(number);
    }

    /// Adds a value that is two numbers, or says by two that are none that it is missing: what JavaScript reads late has its
    /// place.
    pub fn pair(&mut self, value: &Option<impl Cross>) {
        match value {
            Some(value) => value.cross(self),
            None => [f64::NAN; 2].into_iter().for_each(|number| self.number(number)),
        }
    }

    /// Adds the JSON of a raw object, as the places where it begins and ends.
    fn raw(&mut self, json: &str) {
        let start = self.raw.len();
        self.number(start as f64);
        self.number((start + json.len()) as f64);
        if self.measures {
            self.room.raw += json.len();
            return;
        }
        self.raw.extend_from_slice(json.as_bytes());
    }
}

/// What can cross as part of a reply.
pub trait Cross {
    /// Adds the value to the parts.
    fn cross(&self, to: &mut Crossing);
}

/// An id, for its length.
const UUID: &str = "00000000-0000-0000-0000-000000000000";

/// What a call without a body returns.
impl Cross for () {
    fn cross(&self, _: &mut Crossing) {}
}

impl Cross for String {
    fn cross(&self, to: &mut Crossing) {
        to.text(self);
    }
}

impl Cross for Uuid {
    fn cross(&self, to: &mut Crossing) {
        let mut text = Uuid::encode_buffer();
        // All are equally long, so that none has to be written to be measured.
        to.text(if to.measures { UUID } else { self.hyphenated().encode_lower(&mut text) });
    }
}

/// As milliseconds since 1970 and the microseconds beyond them: together they would not fit into one number exactly.
impl Cross for DateTime<Utc> {
    fn cross(&self, to: &mut Crossing) {
        to.number(self.timestamp_millis() as f64);
        to.number(f64::from(self.timestamp_subsec_micros() % 1000));
    }
}

impl Cross for u64 {
    fn cross(&self, to: &mut Crossing) {
        to.number(*self as f64);
    }
}

impl Cross for i64 {
    fn cross(&self, to: &mut Crossing) {
        to.number(*self as f64);
    }
}

impl Cross for f64 {
    fn cross(&self, to: &mut Crossing) {
        to.number(*self);
    }
}

impl Cross for bool {
    fn cross(&self, to: &mut Crossing) {
        to.number(f64::from(u8::from(*self)));
    }
}

impl Cross for RawJson {
    fn cross(&self, to: &mut Crossing) {
        to.raw(self.get());
    }
}

impl<T: Cross> Cross for Option<T> {
    fn cross(&self, to: &mut Crossing) {
        self.is_some().cross(to);
        if let Some(value) = self {
            value.cross(to);
        }
    }
}

impl<T: Cross> Cross for Vec<T> {
    fn cross(&self, to: &mut Crossing) {
        to.number(self.len() as f64);
        self.iter().for_each(|item| item.cross(to));
    }
}

impl Cross for Extra {
    fn cross(&self, to: &mut Crossing) {
        to.number(self.len() as f64);
        for (name, value) in self {
            to.text(name);
            value.cross(to);
        }
    }
}
