//! Reading numbers and truth values.

use std::ops::RangeInclusive;

use super::{Problem, Value};

impl Value<'_> {
    /// A whole number between bounds.
    pub(crate) fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, Problem> {
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
    pub(crate) fn boolean(&self) -> Result<bool, Problem> {
        self.text().parse().map_err(|_| self.unexpected("true or false"))
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Document, MAX_DEPTH};

    #[test]
    fn whole_numbers_between_bounds_are_read() {
        let text = br#"{"a": 5, "b": 11, "c": 1.0, "d": "5", "e": -1, "f": true}"#;
        let members = Document::read(text, "the body", MAX_DEPTH).unwrap().members().unwrap();
        let read =
            |name| members.required(name).unwrap().integer(0..=10).map_err(|p| p.to_string());
        assert_eq!(read("a"), Ok(5));
        for name in ["b", "c", "d", "e", "f"] {
            let problem = read(name).unwrap_err();
            assert!(problem.starts_with(&format!("{name}: expected a whole number from 0 to 10")));
        }
        assert_eq!(members.required("f").unwrap().boolean(), Ok(true));
        assert!(members.required("a").unwrap().boolean().is_err());
    }
}
