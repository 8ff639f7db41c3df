//! Reading numbers and truth values.

use std::ops::RangeInclusive;

use super::{JsonError, Value};

impl Value<'_> {
    /// A whole number between bounds.
    pub(crate) fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, JsonError> {
        let number = self.text().parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let expected = match (*range.start(), *range.end()) {
                (least, u64::MAX) => format!("of at least {least}"),
                (least, most) => format!("from {least} to {most}"),
            };
            self.unexpected(&format!("a whole number {expected}"))
        })
    }

    /// True or false.
    pub(crate) fn boolean(&self) -> Result<bool, JsonError> {
        self.text().parse().map_err(|_| self.unexpected("true or false"))
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Document, MAX_DEPTH};

    #[test]
    fn whole_numbers_between_bounds_are_read() {
        let text = br#"{"a": 5, "b": 11, "c": 1.0, "d": "5", "e": -1, "f": true}"#;
        let fields = Document::read(text, "the body", MAX_DEPTH).unwrap().fields().unwrap();
        let read = |name| fields.required(name).unwrap().integer(0..=10).map_err(|p| p.to_string());
        assert_eq!(read("a"), Ok(5));
        for name in ["b", "c", "d", "e", "f"] {
            let error = read(name).unwrap_err();
            assert!(error.starts_with(&format!("{name}: expected a whole number from 0 to 10")));
        }
        assert_eq!(fields.required("f").unwrap().boolean(), Ok(true));
        assert!(fields.required("a").unwrap().boolean().is_err());
    }
}
