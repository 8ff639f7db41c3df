//! Reads a response without looking into the JSON that stays text.
//!
//! serde_json parses such JSON to find its end, which is most of what a page of records takes. Here it is passed over, and found
//! to be JSON or not when somebody parses it. All else is read as serde_json reads it, and by serde_json where it is more than
//! an object, a list or a string without escapes.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use crate::closing;
use crate::raw_json::STAYS_TEXT;

/// Reads a whole text.
pub(crate) fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Unreadable> {
    let mut reader = Reader { text, at: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.next() {
        None => Ok(value),
        Some(_) => Err(Unreadable),
    }
}

/// The text cannot be read so. Why not, serde_json says, when it is asked to read the text.
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

/// Goes through a text once.
struct Reader<'de> {
    text: &'de str,
    at: usize,
}

impl<'de> Reader<'de> {
    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes over a byte, where it is the next.
    fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        if self.passes(byte) { Ok(()) } else { Err(Unreadable) }
    }

    /// Passes over so many bytes and returns them.
    fn take(&mut self, length: usize) -> Result<&'de str, Unreadable> {
        let end = self.at + length;
        let taken = self.text.get(self.at..end).ok_or(Unreadable)?;
        self.at = end;
        Ok(taken)
    }

    /// Passes over the next value and returns it: something that is one if it is JSON at all.
    fn value(&mut self) -> Result<&'de str, Unreadable> {
        let first = self.next();
        let rest = &self.text.as_bytes()[self.at..];
        let length = match first.ok_or(Unreadable)? {
            b'{' | b'[' => closing::of_brackets(rest),
            b'"' => closing::of_string(&rest[1..]).map(|(length, _)| length + 2),
            _ => rest
                .iter()
                .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r'))
                .or(Some(rest.len())),
        };
        self.take(length.ok_or(Unreadable)?)
    }

    /// Passes over the next value, which stays text. All but objects and lists are short, and looked at.
    fn raw(&mut self) -> Result<&'de str, Unreadable> {
        let value = self.value()?;
        if !value.starts_with(['{', '[']) {
            serde_json::from_str::<de::IgnoredAny>(value)?;
        }
        Ok(value)
    }
}

/// Hands a value to serde_json.
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
        if self.next() != Some(b'"') {
            return Err(Unreadable);
        }
        let rest = &self.text.as_bytes()[self.at + 1..];
        let (length, is_plain) = closing::of_string(rest).ok_or(Unreadable)?;
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
        if self.next() != Some(b'n') {
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
        if name == STAYS_TEXT {
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

/// What stands between two brackets.
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

    /// Whether there is another one, which comes next.
    fn has_next(&mut self) -> Result<bool, Unreadable> {
        if self.has_ended {
            return Ok(false);
        }
        if self.is_first {
            self.is_first = false;
            self.has_ended = self.reader.passes(self.closing);
        } else if !self.reader.passes(b',') {
            self.reader.expect(self.closing)?;
            self.has_ended = true;
        }
        Ok(!self.has_ended)
    }

    /// Returns what was made of all, if it was all.
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

    /// Objects in a list are much alike, so there are about as many as the first has room for in what is left.
    fn size_hint(&self) -> Option<usize> {
        if !self.is_first {
            return None;
        }
        let rest = &self.reader.text.as_bytes()[self.reader.at..];
        closing::of_brackets(rest).map(|first| rest.len() / first)
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
        if self.reader.next() != Some(b'"') {
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
    use crate::response::Extra;
    use crate::types::{Dataset, DatasetPage, DatasetRecord, ImportTask};

    const ID: &str = "019b2bd7-96e7-7219-8c0b-45a73da50088";

    /// Reads a text in both ways; what one refuses, the other refuses too.
    fn same<T: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) -> Option<T> {
        let lazy = from_str(text).ok();
        assert_eq!(lazy, serde_json::from_str::<T>(text).ok(), "{text}");
        lazy
    }

    #[test]
    fn responses_are_what_serde_json_reads() {
        let record = format!(
            r#" {{ "id" : "{ID}" ,"dataset_id":"{ID}","created_at":"2025-12-17T10:25:07.818693Z",
            "updated_at":"2025-12-17T10:25:07+02:00","deleted_at":null,"source":"NEW\u0041\"",
            "payload":{{"messages":[{{"role":"user","content":"}}]\""}}]}},"properties":{{}},
            "more":[1, "\n", {{}}],"less":null,"n":-1.5e3,"tr\u00fce":true}} "#
        );
        let read: DatasetRecord = same(&record).unwrap();
        assert_eq!(read.source.as_str(), "NEWA\"");
        assert_eq!(read.payload.get(), r#"{"messages":[{"role":"user","content":"}]\""}]}"#);
        assert_eq!(read.extra["trüe"].get(), "true");
        assert_eq!(read.extra.len(), 4);
        let page = same::<DatasetPage>(r#"{"results": [ ], "count": 3, "next": "\u0061", "x": 0}"#);
        assert_eq!(page.unwrap().next.as_deref(), Some("a"));
        for end in 0..record.len() - 1 {
            if record.is_char_boundary(end) {
                same::<DatasetRecord>(&record[..end]);
            }
        }
    }

    #[test]
    fn what_is_no_json_outside_of_raw_objects_is_refused_as_by_serde_json() {
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
            same::<Extra>(text);
            same::<DatasetPage>(text);
            same::<Dataset>(text);
            same::<ImportTask>(text);
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
            assert_eq!(same::<DatasetPage>(text), None, "{text}");
        }
    }

    #[test]
    fn there_is_room_for_a_list_of_objects_before_they_are_read() {
        let read = |text: &str| from_str::<Vec<Extra>>(text).unwrap();
        let alike = read(&format!("[{}]", [r#"{"n": 1}"#; 100].join(", ")));
        assert_eq!(alike.len(), 100);
        assert!((100..128).contains(&alike.capacity()), "{} would be grown into", alike.capacity());
        let longer = format!(r#"[{{}}, {{"text": "{}"}}]"#, "x".repeat(4 << 20));
        let longer = read(&longer);
        assert!(longer.capacity() * size_of::<Extra>() <= 1 << 20, "{}", longer.capacity());
        assert_eq!(read(" [ ] ").capacity(), 0);
    }

    #[test]
    fn who_asks_on_after_the_end_takes_nothing_of_what_follows() {
        struct Persistent(Vec<u8>);

        impl<'de> Deserialize<'de> for Persistent {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct All;

                impl<'de> Visitor<'de> for All {
                    type Value = Persistent;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a list")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(
                        self,
                        mut seq: A,
                    ) -> Result<Persistent, A::Error> {
                        let mut all = Vec::new();
                        while let Some(item) = seq.next_element()? {
                            all.push(item);
                        }
                        assert_eq!(seq.next_element::<u8>()?, None);
                        Ok(Persistent(all))
                    }
                }

                deserializer.deserialize_seq(All)
            }
        }

        let lists: Vec<Persistent> = from_str("[[1, 2], [3]]").unwrap();
        let lists: Vec<&[u8]> = lists.iter().map(|Persistent(list)| &list[..]).collect();
        assert_eq!(lists, [&[1, 2][..], &[3]]);
    }

    #[test]
    fn all_else_is_read_as_by_serde_json() {
        #[derive(Debug, PartialEq, Deserialize)]
        enum Kind {
            Plain,
            Sized(u8),
        }

        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
            List(Vec<Option<bool>>),
        }

        type All = (Vec<Kind>, Either, char, (), Option<i64>, serde_json::Value);
        for text in [
            r#"[["Plain", {"Sized": 7}], 1e3, "é", null, -3, {"a": [{}]}]"#,
            r#"[[], "\n", "\n", null, null, [[[1]]]]"#,
            r#"[[], [null, true], "x", null, null, null]"#,
            r#"[[], [null, true], "xy", null, null, null]"#,
            r#"[["None"], 1, "x", null, null, null]"#,
        ] {
            same::<All>(text);
            same::<Vec<Either>>(text);
            same::<Vec<(u8, i128)>>(text);
        }
        assert!(same::<All>(r#"[["Plain"], 1, "x", null, 1, 1]"#).is_some());
    }
}
