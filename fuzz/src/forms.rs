//! Multipart uploads.

use mistral_datasets_server::internal_fuzzing::form;

/// Checks that a form has the same fields regardless of how its body is split into chunks, and that they are not larger than the body.
/// The first line of the input is the `Content-Type` header, the rest is the body.
pub fn forms(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let header = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let expected = form(header, body, usize::MAX);
    if let Ok(fields) = &expected {
        let size: usize = fields.iter().map(|field| field.content.len()).sum();
        assert!(size <= body.len());
    }
    for chunk_size in [1, 7] {
        assert_eq!(form(header, body, chunk_size), expected, "in chunks of {chunk_size}");
    }
}
