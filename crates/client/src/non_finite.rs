//! Finds floats that JSON cannot represent. serde_json silently writes them as null.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{self, Serializer};

/// The longest key that is quoted in a path, in characters.
const MAX_KEY: usize = 64;

/// Returns the path and the problem of the first NaN or infinity in a value, such as `.messages[0].score: NaN is not a JSON
/// number`, or `None` if all floats are finite.
pub(crate) fn find(value: &(impl Serialize + ?Sized)) -> Option<String> {
    match value.serialize(&mut Finder { path: String::new() }) {
        Err(Stop::Found(problem)) => Some(problem),
        // Any other failure is one of serde_json's as well.
        Ok(()) | Err(Stop::Failed) => None,
    }
}

/// Why the search ended early.
#[derive(Debug)]
enum Stop {
    Found(String),
    Failed,
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the search has ended")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self::Failed
    }
}

/// A serializer that writes nothing.
struct Finder {
    path: String,
}

impl Finder {
    /// Searches a value at a path below the current one.
    fn visit(&mut self, step: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Stop> {
        let length = self.path.len();
        self.path.push_str(step);
        value.serialize(&mut *self)?;
        self.path.truncate(length);
        Ok(())
    }

    fn inside(&mut self, variant: &'static str) -> Compound<'_> {
        let length = self.path.len();
        self.path.push_str(&member(variant));
        Compound { finder: self, length, index: 0, key: String::new() }
    }

    fn compound(&mut self) -> Result<Compound<'_>, Stop> {
        let length = self.path.len();
        Ok(Compound { finder: self, length, index: 0, key: String::new() })
    }
}

/// Formats a key for a path.
fn member(key: &str) -> String {
    let is_short = key.chars().count() <= MAX_KEY;
    let is_name = key.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    if is_short && is_name {
        return format!(".{key}");
    }
    let shown: String = key.chars().take(MAX_KEY).collect();
    let rest = if is_short { "" } else { "…" };
    format!("[{}]", serde_json::Value::from(shown + rest))
}

/// Ignores values that are not floats.
macro_rules! ignore {
    ($($method:ident: $ty:ty,)+) => {
        $(fn $method(self, _: $ty) -> Result<(), Stop> {
            Ok(())
        })+
    };
}

impl<'a> Serializer for &'a mut Finder {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    ignore! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        let name = match value {
            value if value.is_finite() => return Ok(()),
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        };
        Err(Stop::Found(format!("{}: {name} is not a JSON number", self.path)))
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        self.visit(&member(variant), value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Stop> {
        self.compound()
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Stop> {
        self.compound()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Stop> {
        self.compound()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Stop> {
        Ok(self.inside(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Stop> {
        self.compound()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Stop> {
        self.compound()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Stop> {
        Ok(self.inside(variant))
    }
}

/// An array or object.
struct Compound<'a> {
    finder: &'a mut Finder,
    /// The length of the path outside of the value.
    length: usize,
    index: usize,
    key: String,
}

impl Compound<'_> {
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Stop> {
        let step = format!("[{}]", self.index);
        self.index += 1;
        self.finder.visit(&step, value)
    }

    fn finish(self) -> Result<(), Stop> {
        self.finder.path.truncate(self.length);
        Ok(())
    }
}

/// Implements the traits of arrays and of objects with known keys.
macro_rules! compound {
    ($($array:ident $item:ident,)+; $($object:ident,)+) => {
        $(impl ser::$array for Compound<'_> {
            type Ok = ();
            type Error = Stop;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(value)
            }

            fn end(self) -> Result<(), Stop> {
                self.finish()
            }
        })+

        $(impl ser::$object for Compound<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Stop> {
                self.finder.visit(&member(key), value)
            }

            fn end(self) -> Result<(), Stop> {
                self.finish()
            }
        })+
    };
}

compound! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
    ;
    SerializeStruct,
    SerializeStructVariant,
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = match serde_json::to_value(key) {
            Ok(serde_json::Value::String(key)) => key,
            Ok(key) => key.to_string(),
            Err(_) => return Err(Stop::Failed),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let step = member(&self.key);
        self.finder.visit(&step, value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Pair(f64, f64),
        Named { x: f32 },
        One(Option<f64>),
    }

    #[test]
    fn the_path_of_the_first_float_that_is_not_finite_is_found() {
        let map = |key: &str, value: f64| BTreeMap::from([(key.to_owned(), vec![Some(value)])]);
        assert_eq!(find(&f64::NAN).unwrap(), ": NaN is not a JSON number");
        assert_eq!(find(&map("a", f64::INFINITY)).unwrap(), ".a[0]: Infinity is not a JSON number");
        assert_eq!(find(&map("a b", f64::NAN)).unwrap(), r#"["a b"][0]: NaN is not a JSON number"#);
        let long = find(&map(&"x".repeat(100), f64::NAN)).unwrap();
        assert!(long.starts_with(r#"["xxx"#) && long.contains("x…\"]"), "{long}");
        let shapes = [Shape::Pair(1.0, 2.0), Shape::Pair(1.0, f64::NAN)];
        assert_eq!(find(&shapes).unwrap(), "[1].Pair[1]: NaN is not a JSON number");
        let named = (Shape::One(Some(1.0)), Shape::Named { x: f32::NEG_INFINITY });
        assert_eq!(find(&named).unwrap(), "[1].Named.x: -Infinity is not a JSON number");
        assert_eq!(find(&Shape::One(Some(f64::NAN))).unwrap(), ".One: NaN is not a JSON number");
    }

    #[test]
    fn other_values_are_accepted() {
        assert_eq!(find(&json!({"a": [null, 1.5, "NaN", {"b": true}]})), None);
        assert_eq!(find(&(Shape::Pair(0.0, 1.0), (), 'x', 1_u8)), None);
    }
}
