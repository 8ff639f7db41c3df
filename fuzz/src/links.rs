//! Signed links.

use mistral_datasets_server::internal_fuzzing::{LINKED_FILE, opened_by, signed_link};

/// When the only link that was ever signed expires, in seconds since 1970.
const EXPIRES: i64 = 4_000_000_000;

/// Whatever opens a file is the link that was signed for it.
pub fn links(input: &[u8]) {
    let signed = signed_link(EXPIRES);
    assert_eq!(opened_by(&signed, EXPIRES - 1), Some(LINKED_FILE));
    assert_eq!(opened_by(&signed, EXPIRES), None);
    let Ok(link) = std::str::from_utf8(input) else { return };
    if let Some(file) = opened_by(link, 0) {
        assert_eq!(file, LINKED_FILE);
        // Characters can be written in more ways than one, which makes no other link of it.
        let (_, signature) = signed.split_once("signature=").expect("it is signed");
        assert!(link.contains('%') || link.contains(signature), "{link}");
    }
}
