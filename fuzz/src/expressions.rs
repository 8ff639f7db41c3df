//! Search expressions.

use mistral_datasets_server::internal_fuzzing::search_expression;

/// Checks that a search expression is either rejected with a position in it, or means the same as its canonical text, whose canonical
/// text is the same.
pub fn expressions(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for canonical in search_expression(text) {
        match canonical {
            Ok(canonical) => assert!(
                search_expression(&canonical).contains(&Ok(canonical.clone())),
                "{canonical}"
            ),
            Err(offset) => assert!(offset <= text.chars().count(), "{offset}"),
        }
    }
}
