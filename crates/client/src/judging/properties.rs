//! Reads and sets single properties without changing the text of the others.

use std::fmt;

use mistral_datasets_types::RawJson;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The properties of a record, in order. The text of the values is unchanged, so that numbers keep their format.
#[derive(Debug)]
pub(super) struct Properties(Vec<(String, Box<RawValue>)>);

impl Properties {
    /// Returns the value of a property. If the key occurs twice, the last one counts, as in most JSON parsers.
    pub(super) fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// Sets a property, in its place if it exists, else at the end.
    pub(super) fn set(&mut self, key: &str, value: &impl Serialize) -> serde_json::Result<()> {
        let value = serde_json::value::to_raw_value(value)?;
        match self.0.iter_mut().rev().find(|(name, _)| name == key) {
            Some((_, current)) => *current = value,
            None => self.0.push((key.to_owned(), value)),
        }
        Ok(())
    }
}

/// Parses the properties of a record.
pub(super) fn parse(properties: &RawJson) -> serde_json::Result<Properties> {
    properties.parse()
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Properties(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Properties {
        parse(&RawJson::from_string(text.to_owned()).unwrap()).unwrap()
    }

    fn text(properties: &Properties) -> String {
        serde_json::to_string(properties).unwrap()
    }

    #[test]
    fn other_values_keep_their_text_and_order() {
        let mut properties =
            parsed(r#"{"z": 12345678901234567890123, "a": 1.50, "n": {"b": 1e2}}"#);
        properties.set("grade", &"good").unwrap();
        assert_eq!(
            text(&properties),
            r#"{"z":12345678901234567890123,"a":1.50,"n":{"b": 1e2},"grade":"good"}"#
        );
        properties.set("a", &2).unwrap();
        assert_eq!(properties.get("a").unwrap().get(), "2");
        assert!(text(&properties).starts_with(r#"{"z":12345678901234567890123,"a":2,"#));
    }

    #[test]
    fn null_is_a_value() {
        let properties = parsed(r#"{"grade": null}"#);
        assert_eq!(properties.get("grade").unwrap().get(), "null");
        assert!(properties.get("other").is_none());
    }
}
