//! Forms with files.

use mistral_datasets_server::internal_fuzzing::form;

/// A form is the same in whatever pieces it comes, and what is taken is no more than was sent. Of the input, the first line
/// is the header that says what it is.
pub fn forms(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let header = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let whole = form(header, body, usize::MAX);
    if let Ok(fields) = &whole {
        let taken: usize = fields.iter().map(|field| field.content.len()).sum();
        assert!(taken <= body.len());
    }
    for piece in [1, 7] {
        assert_eq!(form(header, body, piece), whole, "in pieces of {piece}");
    }
}
