//! SQL functions that queries use in addition to those of SQLite.

use std::sync::Arc;

use regex::Regex;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error};

use crate::pattern;
use crate::storage::fold_case;

/// Registers the functions:
///
/// - `fold_case(text)` returns the text with folded case, for comparisons that ignore case.
/// - `regexp(pattern, text)`, which SQLite also calls for `text REGEXP pattern`, returns whether a text contains a match.
///
/// For anything but text, they return null.
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
        Ok(Some(pattern.is_match(text)))
    })
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
    fn an_invalid_pattern_fails() {
        assert!(value("'a' REGEXP '('").is_err());
    }
}
