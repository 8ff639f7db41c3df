//! SQL functions that queries use in addition to those of SQLite.

use std::sync::Arc;

use mistral_datasets_types::skip;
use regex::Regex;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, ffi};

use super::time_limit;
use crate::pattern;
use crate::search::{LikePattern, Number, has_token, is_list};
use crate::storage::fold_case;

/// Registers the functions:
///
/// - `fold_case(text)` returns the text with folded case, for comparisons that ignore case.
/// - `regexp(pattern, text)`, which SQLite also calls for `text REGEXP pattern`, returns whether a text contains a match.
/// - `matches_like(pattern, text)` returns whether a pattern with the wildcards `%` and `_` matches a text. Unlike SQLite's `LIKE`, it
///   minds case, and a backslash escapes.
/// - `has_token(token, text)` returns whether a text has this sequence of letters and digits, with neither before or after it.
/// - `to_number(text)` returns the number that a text is, or null.
/// - `json_text(object, name)` returns the value of a field of a JSON object: the text of a string, and the JSON of other values. It is
///   null if there is no such field, or if its value is null.
/// - `json_list(text)` returns the text if it is a JSON array, or else `[]`.
/// - The aggregate `percentile(number, fraction)` interpolates linearly between the two nearest numbers.
///
/// For anything but text, the scalar functions return null.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("fold_case", 1, flags, |context| {
        Ok(text(context, 0)?.map(fold_case))
    })?;
    connection.create_scalar_function("regexp", 2, flags, |context| {
        let Some(text) = text(context, 1)? else { return Ok(None) };
        // Compiled once per statement, if the pattern is a parameter.
        let pattern: Arc<Regex> = context.get_or_create_aux(0, |value| {
            let pattern = value.as_str().map_err(|error| Error::UserFunctionError(error.into()))?;
            pattern::compile(pattern).map_err(|error| Error::UserFunctionError(error.into()))
        })?;
        check_time()?;
        Ok(Some(pattern.is_match(text)))
    })?;
    connection.create_scalar_function("matches_like", 2, flags, |context| {
        let Some(text) = text(context, 1)? else { return Ok(None) };
        let pattern: Arc<LikePattern> = context.get_or_create_aux(0, |value| {
            value.as_str().map(LikePattern::new).map_err(rusqlite::Error::from)
        })?;
        check_time()?;
        Ok(Some(pattern.matches(text)))
    })?;
    connection.create_scalar_function("has_token", 2, flags, |context| {
        let (Some(token), Some(text)) = (text(context, 0)?, text(context, 1)?) else {
            return Ok(None);
        };
        Ok(Some(has_token(token, text)))
    })?;
    connection.create_scalar_function("to_number", 1, flags, |context| {
        Ok(text(context, 0)?.and_then(number))
    })?;
    connection.create_scalar_function("json_text", 2, flags, |context| {
        let (Some(object), Some(name)) = (text(context, 0)?, text(context, 1)?) else {
            return Ok(None);
        };
        Ok(json_text(object, name))
    })?;
    connection.create_scalar_function("json_list", 1, flags, |context| {
        let Some(text) = text(context, 0)? else { return Ok(None) };
        Ok(Some(if is_list(text) { text } else { "[]" }.to_owned()))
    })?;
    connection.create_aggregate_function("percentile", 2, flags, Percentile)
}

/// Fails if the current read has taken too long.
fn check_time() -> rusqlite::Result<()> {
    match time_limit::is_late() {
        true => Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None)),
        false => Ok(()),
    }
}

/// Returns the number that a text is.
fn number(text: &str) -> Option<Value> {
    Number::parse(text).map(|number| match number {
        Number::Integer(number) => Value::Integer(number),
        Number::Real(number) => Value::Real(number),
    })
}

/// Returns the value of a field of a JSON object as text.
fn json_text(object: &str, name: &str) -> Option<String> {
    let is_named =
        |quoted: &str| serde_json::from_str::<String>(quoted).is_ok_and(|own| own == name);
    let (_, value) = skip::fields(object).find(|(quoted, _)| is_named(quoted))?;
    match value {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        json => Some(json.to_owned()),
    }
}

/// Computes percentiles. The time limit of searches bounds how many numbers there are.
struct Percentile;

#[derive(Default)]
struct Numbers {
    numbers: Vec<f64>,
    fraction: f64,
}

impl Aggregate<Numbers, Option<f64>> for Percentile {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Numbers> {
        Ok(Numbers::default())
    }

    fn step(&self, context: &mut Context<'_>, numbers: &mut Numbers) -> rusqlite::Result<()> {
        numbers.fraction = context.get(1)?;
        numbers.numbers.extend(context.get::<Option<f64>>(0)?);
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        numbers: Option<Numbers>,
    ) -> rusqlite::Result<Option<f64>> {
        Ok(numbers.and_then(Numbers::percentile))
    }
}

impl Numbers {
    fn percentile(mut self) -> Option<f64> {
        let position = self.fraction * self.numbers.len().checked_sub(1)? as f64;
        let (_, low, higher) =
            self.numbers.select_nth_unstable_by(position as usize, f64::total_cmp);
        let low = *low;
        let high = higher.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
        Some(low + (high - low) * position.fract())
    }
}

/// Returns an argument, or `None` if it is not a text.
fn text<'a>(context: &'a Context<'_>, index: usize) -> rusqlite::Result<Option<&'a str>> {
    match context.get_raw(index) {
        ValueRef::Text(bytes) => Ok(Some(std::str::from_utf8(bytes)?)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(sql: &str) -> rusqlite::Result<Option<String>> {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        connection.query_row(&format!("SELECT CAST({sql} AS TEXT)"), [], |row| row.get(0))
    }

    #[test]
    fn functions_can_be_used_in_queries() {
        assert_eq!(value("fold_case('ÄRGER ς')").unwrap().as_deref(), Some("ärger σ"));
        assert_eq!(value("'what a day' REGEXP 'a d[ae]y$'").unwrap().as_deref(), Some("1"));
        assert_eq!(value("'what a day' REGEXP '^a'").unwrap().as_deref(), Some("0"));
        for other in ["fold_case(NULL)", "fold_case(1)", "NULL REGEXP 'a'", "1 REGEXP '1'"] {
            assert_eq!(value(other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn functions_of_search_expressions_can_be_used_in_queries() {
        for (sql, expected) in [
            (r"matches_like('a\_%', 'a_b')", Some("1")),
            (r"matches_like('A%', 'ab')", Some("0")),
            ("has_token('day', 'what a day!')", Some("1")),
            ("has_token('da', 'what a day!')", Some("0")),
            ("to_number(' 12 ')", Some("12")),
            ("to_number('1.5e1')", Some("15.0")),
            ("to_number('inf')", None),
            ("to_number('12 a')", None),
            ("json_list('[1, \"a\"]')", Some("[1, \"a\"]")),
            ("json_list('[1')", Some("[]")),
            (r#"json_text('{"a":"b\n"}', 'a')"#, Some("b\n")),
            (r#"json_text('{"a":1e20,"\"":[1]}', 'a')"#, Some("1e20")),
            (r#"json_text('{"a":1e20,"\"":[1]}', '"')"#, Some("[1]")),
            (r#"json_text('{"a":null}', 'a')"#, None),
            (r#"json_text('{"a":1}', 'b')"#, None),
            ("json_list('1')", Some("[]")),
            (
                "(SELECT percentile(n, 0.5) FROM (SELECT 1 AS n UNION ALL SELECT 4 UNION ALL SELECT NULL))",
                Some("2.5"),
            ),
            ("(SELECT percentile(n, 0.9) FROM (SELECT 7 AS n))", Some("7.0")),
            ("(SELECT percentile(n, 0.9) FROM (SELECT 7 AS n) WHERE n > 7)", None),
            ("matches_like('a', 1)", None),
            ("has_token('a', NULL)", None),
        ] {
            assert_eq!(value(sql).unwrap().as_deref(), expected, "{sql}");
        }
    }

    #[test]
    fn an_invalid_pattern_fails() {
        assert!(value("'a' REGEXP '('").is_err());
    }
}
