//! Slugs: readable identifiers of datasets, derived from their names.
//!
//! Slugs are ASCII, so that they need no encoding in URLs and file names. Other scripts are transliterated.

use deunicode::deunicode_char;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The maximum length of a slug in bytes. A name has at most 50 characters, but some characters have long transliterations.
const MAX_LENGTH: usize = 100;

/// The slug of a name without letters and digits.
const FALLBACK: &str = "dataset";

/// Converts a name to a slug: lower-case ASCII letters and digits, separated by single hyphens.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii() {
            append(&mut slug, character);
            continue;
        }
        // Unassigned and private characters have no transliteration.
        for character in deunicode_char(character).unwrap_or(" ").chars() {
            // Transliterations mark silent letters with quotes: `только` is `tol'ko`.
            if !matches!(character, '\'' | '"' | '`') {
                append(&mut slug, character);
            }
        }
    }
    shorten(&mut slug);
    match slug {
        slug if slug.is_empty() => FALLBACK.to_owned(),
        // A UUID in a path is always an id.
        slug if Uuid::try_parse(&slug).is_ok() => format!("{FALLBACK}-{slug}"),
        slug => slug,
    }
}

/// Returns what is stored instead of the slug of a deleted dataset, so that it is not used again. The slug itself would reveal the
/// name.
pub(crate) fn erased_slug(slug: &str) -> String {
    let digest = Sha256::digest(slug);
    let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("#{hexadecimal}")
}

fn append(slug: &mut String, character: char) {
    if character.is_ascii_alphanumeric() {
        slug.push(character.to_ascii_lowercase());
    } else if !slug.is_empty() && !slug.ends_with('-') {
        slug.push('-');
    }
}

/// Cuts the slug to the maximum length, after a whole word if possible, and removes a trailing hyphen.
fn shorten(slug: &mut String) {
    if slug.len() > MAX_LENGTH {
        let end = slug[..=MAX_LENGTH].rfind('-').unwrap_or(MAX_LENGTH);
        slug.truncate(end);
    }
    slug.truncate(slug.trim_end_matches('-').len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_readable_and_never_empty_or_a_uuid() {
        for (name, expected) in [
            ("Refund requests", "refund-requests"),
            ("  --Q3/2025: Ärger! ", "q3-2025-arger"),
            ("Don't panic", "don-t-panic"),
            ("Größe & Maß", "grosse-mass"),
            ("客服对话", "ke-fu-dui-hua"),
            ("データセット", "detasetuto"),
            ("Только вопросы", "tolko-voprosy"),
            ("مرحبا بالعالم", "mrhb-bllm"),
            ("Ελληνικά ερωτήματα", "ellenika-erotemata"),
            ("한국어 대화", "hangugeo-daehwa"),
            ("😀😀 🚲", "grinning-grinning-bike"),
            ("\u{e000}\u{e001}\u{e002}\u{e003}\u{e004}", "dataset"),
            ("!?!?!", "dataset"),
            (
                "019b2bd7-96e7-7219-8c0b-45a73da50088",
                "dataset-019b2bd7-96e7-7219-8c0b-45a73da50088",
            ),
            // Full-width characters.
            (
                "０１９b2bd7-96e7-7219-8c0b-45a73da50088",
                "dataset-019b2bd7-96e7-7219-8c0b-45a73da50088",
            ),
        ] {
            assert_eq!(slug(name), expected);
        }
    }

    #[test]
    fn long_slugs_end_after_a_word() {
        let slug = super::slug(&"中".repeat(50));
        assert!(slug.starts_with("zhong-zhong-") && slug.ends_with("-zhong"), "{slug}");
        assert!((90..=MAX_LENGTH).contains(&slug.len()), "{slug}");
        assert_eq!(super::slug(&"x".repeat(200)), "x".repeat(MAX_LENGTH));
    }
}
