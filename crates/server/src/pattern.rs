//! Regular expressions in filters and search expressions.
//!
//! The syntax is that of the `regex` crate, which like RE2 has no backreferences and no lookaround, and matches in linear time.
//! Patterns are unanchored.

use regex::{Regex, RegexBuilder};

/// The maximum length of a pattern, in bytes.
pub(crate) const MAX_PATTERN_BYTES: usize = 1_000;

/// The maximum size of a compiled pattern, and of the cache that matching with it uses, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The maximum nesting depth of a pattern.
const MAX_PATTERN_DEPTH: u32 = 50;

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("the regular expression has more than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
    #[error("the regular expression needs too much memory; use smaller repetitions")]
    TooLarge,
    #[error(
        "invalid regular expression; the syntax is RE2's, without lookaround and backreferences"
    )]
    Invalid,
}

/// Compiles a pattern of limited size.
pub(crate) fn compile(pattern: &str) -> Result<Regex, PatternError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(PatternError::TooLong);
    }
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(MAX_PATTERN_DEPTH)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            _ => PatternError::Invalid,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_unanchored_and_know_unicode() {
        assert!(compile("(?i)É.É").unwrap().is_match("l'été"));
        assert!(compile(r"^\p{Greek}+$").unwrap().is_match("ΟΔΟΣ"));
        assert!(compile(r"\bfür\b").unwrap().is_match("nicht für mich"));
    }

    #[test]
    fn unusable_patterns_are_rejected() {
        for (pattern, error) in [
            ("(".to_owned(), PatternError::Invalid),
            (r"(a)\1".to_owned(), PatternError::Invalid),
            ("a(?=b)".to_owned(), PatternError::Invalid),
            ("((a{100}){100}){100}".to_owned(), PatternError::TooLarge),
            (format!("{}a{}", "(".repeat(60), ")".repeat(60)), PatternError::Invalid),
            ("a".repeat(MAX_PATTERN_BYTES + 1), PatternError::TooLong),
        ] {
            assert_eq!(compile(&pattern).unwrap_err(), error, "{pattern}");
        }
    }
}
