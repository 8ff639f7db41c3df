//! The parameters of queries, with their types.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A Rust type that always has the same type in SQL.
pub(super) trait SqlType {
    /// The type in SQL.
    const TYPE: Type;
}

macro_rules! sql_types {
    ($($rust:ty => $sql:ident),+ $(,)?) => {
        $(impl SqlType for $rust {
            const TYPE: Type = Type::$sql;
        })+
    };
}

sql_types! {
    bool => BOOL,
    i16 => INT2,
    i64 => INT8,
    f64 => FLOAT8,
    str => TEXT,
    String => TEXT,
    Cow<'_, str> => TEXT,
    [u8] => BYTEA,
    Vec<u8> => BYTEA,
    Uuid => UUID,
    Vec<bool> => BOOL_ARRAY,
    Vec<i16> => INT2_ARRAY,
    Vec<i64> => INT8_ARRAY,
    Vec<Option<i64>> => INT8_ARRAY,
    Vec<f64> => FLOAT8_ARRAY,
    Vec<Option<f64>> => FLOAT8_ARRAY,
    Vec<&str> => TEXT_ARRAY,
    Vec<String> => TEXT_ARRAY,
    Vec<Option<&str>> => TEXT_ARRAY,
    Vec<Option<String>> => TEXT_ARRAY,
    Vec<Cow<'_, str>> => TEXT_ARRAY,
    Vec<Uuid> => UUID_ARRAY,
    Vec<Option<Uuid>> => UUID_ARRAY,
    Vec<Vec<u8>> => BYTEA_ARRAY,
}

impl<T: SqlType + ?Sized> SqlType for &T {
    const TYPE: Type = T::TYPE;
}

impl<T: SqlType> SqlType for Option<T> {
    const TYPE: Type = T::TYPE;
}

/// A parameter and its type, as `query_typed` takes them.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// Returns a parameter with its type.
pub(super) fn param<T: SqlType + ToSql + Sync>(value: &T) -> Param<'_> {
    (value, T::TYPE)
}

/// The parameters of a query: `params![workspace, name]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::postgres::params::param(&$value)),*]
    };
}
pub(super) use params;

/// Returns decoded text as a column can hold it: with U+FFFD for U+0000, which PostgreSQL's `text` cannot contain. JSON that is
/// stored as it was received contains U+0000 only as an escape sequence.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_postgres_cannot_hold_is_replaced() {
        assert_eq!(storable("a\0b\0"), "a\u{fffd}b\u{fffd}");
        assert!(matches!(storable("aé"), Cow::Borrowed("aé")));
    }

    #[test]
    fn references_and_options_have_the_type_of_their_value() {
        assert_eq!(<&str>::TYPE, Type::TEXT);
        assert_eq!(Option::<&Uuid>::TYPE, Type::UUID);
    }
}
