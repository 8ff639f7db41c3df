//! Query parameters.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::ApiError;

/// The maximum of integers in the OpenAPI document.
pub(crate) const MAX_INTEGER: u64 = i64::MAX as u64;

/// The parameters of a query. Unknown ones are ignored.
pub(crate) struct Query(Vec<(String, Option<String>)>);

impl Query {
    /// Returns the query parameters of a URL.
    pub(crate) fn of(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or_default())
    }

    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)))
        });
        Self(pairs.collect())
    }

    /// Returns a parameter, which must not be given more than once.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(Some(value)), None) => Ok(Some(value)),
            (Some(None), None) => Err(ApiError::validation(format!("{name}: not UTF-8"))),
            (Some(_), Some(_)) => {
                Err(ApiError::validation(format!("{name}: given more than once")))
            }
        }
    }

    /// Returns the values of a parameter that may be given several times.
    pub(crate) fn texts(&self, name: &str, max: usize) -> Result<Vec<String>, ApiError> {
        let given = self.0.iter().filter(|(key, _)| key == name);
        let decoded = given.map(|(_, value)| {
            value.clone().ok_or_else(|| ApiError::validation(format!("{name}: not UTF-8")))
        });
        let values = decoded.collect::<Result<Vec<_>, _>>()?;
        if values.len() > max {
            return Err(ApiError::validation(format!("{name}: given more than {max} times")));
        }
        Ok(values)
    }

    /// Returns a parameter that is an integer in `range`, or `default` if it is not given.
    pub(crate) fn integer(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            let expected = match *max {
                MAX_INTEGER => format!("of at least {min}"),
                _ => format!("from {min} to {max}"),
            };
            ApiError::validation(format!("{name}: expected a whole number {expected}"))
        })
    }

    /// Returns a boolean parameter, or `default` if it is not given.
    pub(crate) fn boolean(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.text(name)? {
            None => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false),
            Some(_) => Err(ApiError::validation(format!("{name}: expected `true` or `false`"))),
        }
    }
}

/// Decodes a percent-encoded name or value. Returns `None` if it is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::of(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Query::parse("q=a+b%20c%26&empty=&bare&&x=1");
        for (name, value) in [("q", "a b c&"), ("empty", ""), ("bare", ""), ("x", "1")] {
            assert_eq!(query.text(name).unwrap(), Some(value));
        }
        assert_eq!(query.text("y").unwrap(), None);
    }

    #[test]
    fn invalid_numbers_are_rejected() {
        let query = Query::parse("a=1&a=2&b=-1&c=1e3&d=99999999999999999999999&e=&f=%ff&g=7");
        for name in ["a", "b", "c", "d", "e", "f"] {
            assert!(query.integer(name, 0..=100, 5).is_err(), "{name}");
        }
        let query = Query::parse("max=9223372036854775807&above=9223372036854775808");
        assert_eq!(query.integer("max", 0..=MAX_INTEGER, 5).unwrap(), MAX_INTEGER);
        assert!(query.integer("above", 0..=MAX_INTEGER, 5).is_err());
        let query = Query::parse("g=7");
        assert_eq!(query.integer("g", 0..=100, 5).unwrap(), 7);
        assert_eq!(query.integer("h", 0..=100, 5).unwrap(), 5);
    }
}
