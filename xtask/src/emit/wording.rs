//! Adapts descriptions of the document, which are about JSON, to programming languages.

/// Replaces JSON words with those of Rust and Python: an optional value is `None` rather than omitted or null.
pub fn with_none(text: &str) -> String {
    [
        ("that are omitted or null", "that are `None`"),
        ("if omitted or null", "if `None`"),
        ("omitted or null", "`None`"),
        ("if omitted", "if `None`"),
        ("if null", "if `None`"),
        (" null", " `None`"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (json, word)| text.replace(json, word))
}

#[cfg(test)]
mod tests {
    use super::with_none;

    #[test]
    fn optional_values_are_none() {
        assert_eq!(
            with_none("New name; unchanged if omitted or null."),
            "New name; unchanged if `None`."
        );
        assert_eq!(
            with_none("Fields that are omitted or null stay."),
            "Fields that are `None` stay."
        );
    }
}
