//! Validates arguments against the limits in the OpenAPI document before anything is sent.

use std::ops::{Bound, RangeBounds, RangeInclusive};

use mistral_datasets_types::RawJson;
use serde_json::Map;
use uuid::Uuid;

use crate::argument::Json;
use crate::error::Error;
use crate::expression;

/// Validates the arguments of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks {
    operation: &'static str,
}

impl Checks {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation }
    }

    fn reject<T>(self, argument: &str, problem: &str) -> Result<T, Error> {
        Err(Error::invalid(self.operation, format!("{argument}: {problem}")))
    }

    /// Validates a path segment. An empty segment, `.` or `..` would change which resource the URL refers to.
    pub(crate) fn segment(self, argument: &str, value: &str) -> Result<(), Error> {
        match value {
            "" => self.reject(argument, "must not be empty"),
            "." | ".." => self.reject(argument, "must not be `.` or `..`"),
            _ => Ok(()),
        }
    }

    /// Parses a UUID.
    pub(crate) fn uuid(self, argument: &str, value: &str) -> Result<Uuid, Error> {
        Uuid::try_parse(value).or_else(|_| self.reject(argument, "expected a UUID"))
    }

    /// Parses an array of UUIDs.
    pub(crate) fn uuids(self, argument: &str, values: &[String]) -> Result<Vec<Uuid>, Error> {
        values
            .iter()
            .enumerate()
            .map(|(index, value)| self.uuid(&format!("{argument}[{index}]"), value))
            .collect()
    }

    /// Checks the length of a string, in characters.
    pub(crate) fn length(
        self,
        argument: &str,
        value: &str,
        range: RangeInclusive<u64>,
    ) -> Result<(), Error> {
        self.check_range(argument, value.chars().count() as u64, range, " characters")
    }

    /// Checks the number of items of an array.
    pub(crate) fn items<T>(
        self,
        argument: &str,
        values: &[T],
        range: RangeInclusive<u64>,
    ) -> Result<(), Error> {
        self.check_range(argument, values.len() as u64, range, " items")
    }

    /// Checks the range of a number.
    pub(crate) fn number(
        self,
        argument: &str,
        value: i64,
        range: RangeInclusive<i64>,
    ) -> Result<(), Error> {
        if range.contains(&value) {
            return Ok(());
        }
        let (low, high) = (*range.start(), *range.end());
        let expected = match (low, high) {
            (low, i64::MAX) => format!("at least {low}"),
            (i64::MIN, high) => format!("at most {high}"),
            (low, high) => format!("{low} to {high}"),
        };
        self.reject(argument, &format!("expected {expected}, found {value}"))
    }

    /// Checks that JSON can represent a floating-point number, and its range.
    pub(crate) fn float(
        self,
        argument: &str,
        value: f64,
        range: (Bound<f64>, Bound<f64>),
    ) -> Result<(), Error> {
        if !value.is_finite() {
            return self.reject(argument, &format!("expected a finite number, found {value}"));
        }
        if range.contains(&value) {
            return Ok(());
        }
        let low = match range.0 {
            Bound::Included(low) => Some(format!("at least {low}")),
            Bound::Excluded(low) => Some(format!("more than {low}")),
            Bound::Unbounded => None,
        };
        let high = match range.1 {
            Bound::Included(high) => Some(format!("at most {high}")),
            Bound::Excluded(high) => Some(format!("less than {high}")),
            Bound::Unbounded => None,
        };
        let expected: Vec<String> = low.into_iter().chain(high).collect();
        self.reject(argument, &format!("expected {}, found {value}", expected.join(" and ")))
    }

    /// Rejects a value that this version does not know.
    pub(crate) fn unknown(self, argument: &str, expected: &str) -> Result<(), Error> {
        self.reject(argument, &format!("expected {expected}"))
    }

    /// Checks that the texts in a search expression have closing quotes.
    pub(crate) fn expression(self, argument: &str, value: &str) -> Result<(), Error> {
        match expression::unclosed_quote(value) {
            None => Ok(()),
            Some(position) => self.reject(
                argument,
                &format!(
                    "the quote at character {position} has no closing quote; write a quote inside a text as `\\'`"
                ),
            ),
        }
    }

    /// Checks that a value inside an argument is JSON.
    pub(crate) fn valid_json(self, argument: &str, value: &RawJson) -> Result<(), Error> {
        match value.parse::<serde::de::IgnoredAny>() {
            Ok(_) => Ok(()),
            Err(_) => self.reject(argument, "expected a value that JSON can represent"),
        }
    }

    /// Requires JSON.
    pub(crate) fn json(self, argument: &str, value: Json) -> Result<RawJson, Error> {
        value.0.map_err(|problem| Error::invalid(self.operation, format!("{argument}{problem}")))
    }

    /// Requires a JSON array of objects.
    pub(crate) fn objects(self, argument: &str, value: Json) -> Result<Vec<RawJson>, Error> {
        let json = self.json(argument, value)?;
        let values =
            json.parse().or_else(|_| self.reject(argument, "expected an array of objects"))?;
        self.all_objects(argument, values)
    }

    /// Requires that all values are JSON objects.
    pub(crate) fn all_objects(
        self,
        argument: &str,
        values: Vec<RawJson>,
    ) -> Result<Vec<RawJson>, Error> {
        match values.iter().position(|value| !value.is_object()) {
            None => Ok(values),
            Some(index) => self.reject(&format!("{argument}[{index}]"), "expected an object"),
        }
    }

    /// Requires a JSON object.
    pub(crate) fn object(self, argument: &str, value: Json) -> Result<RawJson, Error> {
        match self.json(argument, value)? {
            json if json.is_object() => Ok(json),
            _ => self.reject(argument, "expected an object"),
        }
    }

    /// Requires a JSON object, or null for an empty one.
    pub(crate) fn object_or_null(self, argument: &str, value: Json) -> Result<RawJson, Error> {
        match value.0 {
            Ok(json) if json.get() == "null" => self.object(argument, Json::new(Map::new())),
            value => self.object(argument, Json(value)),
        }
    }

    fn check_range(
        self,
        argument: &str,
        value: u64,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Result<(), Error> {
        if range.contains(&value) {
            return Ok(());
        }
        let expected = match (*range.start(), *range.end()) {
            (0, high) => format!("at most {high}"),
            (low, u64::MAX) => format!("at least {low}"),
            (low, high) => format!("{low} to {high}"),
        };
        self.reject(argument, &format!("expected {expected}{unit}, found {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters() {
        let checks = Checks::new("create_dataset");
        assert!(checks.length("name", &"😀".repeat(50), 5..=50).is_ok());
        let error = checks.length("name", "abcd", 5..=50).unwrap_err();
        assert_eq!(error.message(), "name: expected 5 to 50 characters, found 4");
    }

    #[test]
    fn half_open_ranges_name_one_bound() {
        let checks = Checks::new("list_files");
        let error = checks.number("page", -1, 0..=i64::MAX).unwrap_err();
        assert_eq!(error.message(), "page: expected at least 0, found -1");
        let error = checks.items("ids", &[0; 3], 0..=2).unwrap_err();
        assert_eq!(error.message(), "ids: expected at most 2 items, found 3");
    }

    #[test]
    fn values_that_are_not_objects_are_rejected_without_being_quoted() {
        let error =
            Checks::new("create_record").object("payload", Json::new(["my secret"])).unwrap_err();
        assert_eq!(error.message(), "payload: expected an object");
    }
}
