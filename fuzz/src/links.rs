//! Signed links.

use mistral_datasets_server::internal_fuzzing::{LINKED_FILE, opened_by, signed_link};

/// Expiry time of the only signed link, in seconds since the Unix epoch.
const EXPIRES: i64 = 4_000_000_000;

/// Checks that only the signed link opens the file.
pub fn links(input: &[u8]) {
    let signed = signed_link(EXPIRES);
    assert_eq!(opened_by(&signed, EXPIRES - 1), Some(LINKED_FILE));
    assert_eq!(opened_by(&signed, EXPIRES), None);
    let Ok(link) = std::str::from_utf8(input) else { return };
    if let Some(file) = opened_by(link, 0) {
        assert_eq!(file, LINKED_FILE);
        // Percent-encoding can spell the same signature differently.
        let (_, signature) = signed.split_once("signature=").expect("the link is signed");
        assert!(link.contains('%') || link.contains(signature), "{link}");
    }
}
