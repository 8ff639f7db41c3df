//! A `serde` deserializer that skips the JSON values stored as text instead of parsing them.
//!
//! `serde_json` parses a raw value to find its end, which dominates the cost of decoding a page of records. This reader finds
//! the end with [`skip`](crate::skip), so skipped text is not validated until it is parsed. Objects, arrays and strings
//! without escapes are read here, everything else is delegated to `serde_json`.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use crate::raw_json::RAW_JSON;
use crate::skip;

/// Deserializes a value from text that contains nothing else.
pub(crate) fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Unreadable> {
    let mut reader = Reader { text, at: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Unreadable),
    }
}

/// The error for text that cannot be read. To find out why, parse it with `serde_json`.
#[derive(Debug)]
pub(crate) struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unreadable")
    }
}

impl std::error::Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// A cursor over the text.
struct Reader<'de> {
    text: &'de str,
    at: usize,
}

impl<'de> Reader<'de> {
    /// Skips white space and returns the next byte without consuming it.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Consumes a byte if it is next.
    fn consume(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        if self.consume(byte) { Ok(()) } else { Err(Unreadable) }
    }

    /// Consumes and returns `length` bytes.
    fn take(&mut self, length: usize) -> Result<&'de str, Unreadable> {
        let end = self.at + length;
        let taken = self.text.get(self.at..end).ok_or(Unreadable)?;
        self.at = end;
        Ok(taken)
    }

    /// Consumes and returns the next value without validating it.
    fn value(&mut self) -> Result<&'de str, Unreadable> {
        self.peek();
        let length = skip::value(&self.text.as_bytes()[self.at..]);
        self.take(length.ok_or(Unreadable)?)
    }

    /// Consumes and returns the next value as text. Scalars are short, so they are validated.
    fn raw(&mut self) -> Result<&'de str, Unreadable> {
        let value = self.value()?;
        if !value.starts_with(['{', '[']) {
            serde_json::from_str::<de::IgnoredAny>(value)?;
        }
        Ok(value)
    }
}

/// Delegates a value to `serde_json`.
macro_rules! read_by_serde_json {
    ($($method:ident($($argument:ident: $type:ty),*))+) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Unreadable> {
            let mut reader = serde_json::Deserializer::from_str(self.value()?);
            let value = reader.$method($($argument,)* visitor)?;
            reader.end()?;
            Ok(value)
        })+
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.expect(b'{')?;
        let mut items = Items::until(b'}', self);
        let value = visitor.visit_map(&mut items)?;
        items.end(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.expect(b'[')?;
        let mut items = Items::until(b']', self);
        let value = visitor.visit_seq(&mut items)?;
        items.end(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.peek() != Some(b'"') {
            return Err(Unreadable);
        }
        let rest = &self.text.as_bytes()[self.at + 1..];
        let (length, is_plain) = skip::string(rest).ok_or(Unreadable)?;
        let quoted = self.take(length + 2)?;
        if is_plain {
            visitor.visit_borrowed_str(&quoted[1..=length])
        } else {
            Ok(serde_json::Deserializer::from_str(quoted).deserialize_str(visitor)?)
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        match self.value()? {
            "null" => visitor.visit_none(),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        if name == RAW_JSON {
            visitor.visit_borrowed_str(self.raw()?)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.raw()?;
        visitor.visit_unit()
    }

    read_by_serde_json! {
        deserialize_any()
        deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64()
        deserialize_char()
        deserialize_bytes() deserialize_byte_buf()
        deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_tuple(length: usize) deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}

/// The contents of an object or array.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    closing: u8,
    is_first: bool,
    has_ended: bool,
}

impl<'r, 'de> Items<'r, 'de> {
    fn until(closing: u8, reader: &'r mut Reader<'de>) -> Self {
        Self { reader, closing, is_first: true, has_ended: false }
    }

    /// Consumes a separator or the closing bracket and returns whether another item follows.
    fn has_next(&mut self) -> Result<bool, Unreadable> {
        if self.has_ended {
            return Ok(false);
        }
        if self.is_first {
            self.is_first = false;
            self.has_ended = self.reader.consume(self.closing);
        } else if !self.reader.consume(b',') {
            self.reader.expect(self.closing)?;
            self.has_ended = true;
        }
        Ok(!self.has_ended)
    }

    /// Returns `value` if every item was consumed.
    fn end<T>(self, value: T) -> Result<T, Unreadable> {
        if self.has_ended { Ok(value) } else { Err(Unreadable) }
    }
}

impl<'de> de::SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
        if self.has_next()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unreadable> {
        if !self.has_next()? {
            return Ok(None);
        }
        if self.reader.peek() != Some(b'"') {
            return Err(Unreadable);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Unreadable> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::de::{DeserializeOwned, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer};

    use super::from_str;

    use crate::{Dataset, DatasetPage, DatasetRecord, Extra, ImportTask};

    const ID: &str = "019b2bd7-96e7-7219-8c0b-45a73da50088";

    /// Asserts that this reader and `serde_json` give the same result for a text.
    fn assert_same<T: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) -> Option<T> {
        let lazy = from_str(text).ok();
        assert_eq!(lazy, serde_json::from_str::<T>(text).ok(), "{text}");
        lazy
    }

    #[test]
    fn responses_decode_as_with_serde_json() {
        let record = format!(
            r#" {{ "id" : "{ID}" ,"dataset_id":"{ID}","created_at":"2025-12-17T10:25:07.818693Z",
            "updated_at":"2025-12-17T10:25:07+02:00","deleted_at":null,"source":"NEW\u0041\"",
            "payload":{{"messages":[{{"role":"user","content":"}}]\""}}]}},"properties":{{}},
            "more":[1, "\n", {{}}],"less":null,"n":-1.5e3,"tr\u00fce":true}} "#
        );
        let read: DatasetRecord = assert_same(&record).unwrap();
        assert_eq!(read.source.as_str(), "NEWA\"");
        assert_eq!(read.payload.get(), r#"{"messages":[{"role":"user","content":"}]\""}]}"#);
        assert_eq!(read.extra["trüe"].get(), "true");
        assert_eq!(read.extra.len(), 4);
        let page =
            assert_same::<DatasetPage>(r#"{"results": [ ], "count": 3, "next": "\u0061", "x": 0}"#);
        assert_eq!(page.unwrap().next.as_deref(), Some("a"));
        for end in 0..record.len() - 1 {
            if record.is_char_boundary(end) {
                assert_same::<DatasetRecord>(&record[..end]);
            }
        }
    }

    #[test]
    fn invalid_json_outside_raw_values_is_rejected_as_by_serde_json() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[]",
            "null",
            "nul",
            "1",
            "\"\"",
            "{}",
            "{} ,",
            "{},",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a" 1}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{a:1}"#,
            r#"{"a":1]"#,
            r#"{"a":[}"#,
            r#"{"a":[1}"#,
            r#"{"a":tru}"#,
            r#"{"a":-}"#,
            r#"{"a":01}"#,
            r#"{"a":1 2}"#,
            r#"{"a":"\x"}"#,
            "{\"a\":\"\n\"}",
            "{\"a\n\":1}",
            r#"{"a\":1}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"\ud800":1}"#,
            "\u{feff}{}",
            "{\"a\":\u{a0}1}",
            r#"{"a":_}"#,
        ] {
            assert_same::<Extra>(text);
            assert_same::<DatasetPage>(text);
            assert_same::<Dataset>(text);
            assert_same::<ImportTask>(text);
        }
        for text in [
            r#"{"count": "1"}"#,
            r#"{"count": 1.5}"#,
            r#"{"count": nu}"#,
            r#"{"count": 1, "results": {}}"#,
            r#"{"count": 1, "results": [null]}"#,
            r#"{"count": 1, "next": nil}"#,
            r#"{"count": 1, "next": 1}"#,
        ] {
            assert_eq!(assert_same::<DatasetPage>(text), None, "{text}");
        }
    }

    #[test]
    fn an_array_yields_nothing_after_its_end() {
        struct Greedy(Vec<u8>);

        impl<'de> Deserialize<'de> for Greedy {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct All;

                impl<'de> Visitor<'de> for All {
                    type Value = Greedy;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an array")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Greedy, A::Error> {
                        let mut all = Vec::new();
                        while let Some(item) = seq.next_element()? {
                            all.push(item);
                        }
                        assert_eq!(seq.next_element::<u8>()?, None);
                        Ok(Greedy(all))
                    }
                }

                deserializer.deserialize_seq(All)
            }
        }

        let arrays: Vec<Greedy> = from_str("[[1, 2], [3]]").unwrap();
        let arrays: Vec<&[u8]> = arrays.iter().map(|Greedy(items)| &items[..]).collect();
        assert_eq!(arrays, [&[1, 2][..], &[3]]);
    }

    #[test]
    fn other_types_decode_as_with_serde_json() {
        #[derive(Debug, PartialEq, Deserialize)]
        enum Kind {
            Plain,
            Sized(u8),
        }

        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            String(String),
            Array(Vec<Option<bool>>),
        }

        type All = (Vec<Kind>, Either, char, (), Option<i64>, serde_json::Value);
        for text in [
            r#"[["Plain", {"Sized": 7}], 1e3, "é", null, -3, {"a": [{}]}]"#,
            r#"[[], "\n", "\n", null, null, [[[1]]]]"#,
            r#"[[], [null, true], "x", null, null, null]"#,
            r#"[[], [null, true], "xy", null, null, null]"#,
            r#"[["None"], 1, "x", null, null, null]"#,
        ] {
            assert_same::<All>(text);
            assert_same::<Vec<Either>>(text);
            assert_same::<Vec<(u8, i128)>>(text);
        }
        assert!(assert_same::<All>(r#"[["Plain"], 1, "x", null, 1, 1]"#).is_some());
    }
}
