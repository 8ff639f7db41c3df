//! Text in regular expressions, which the database can look for.

use regex_syntax::hir::{Hir, HirKind};

/// Returns a text that is part of everything that a pattern matches, if that is known.
pub(super) fn required_text(pattern: &str) -> Option<String> {
    let parsed = regex_syntax::parse(pattern).ok()?;
    let literals = required_literals(&parsed).into_iter();
    let longest =
        literals.filter_map(|literal| str::from_utf8(literal).ok()).max_by_key(|text| text.len());
    longest.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn required_literals(pattern: &Hir) -> Vec<&[u8]> {
    match pattern.kind() {
        HirKind::Literal(literal) => vec![&literal.0],
        HirKind::Capture(capture) => required_literals(&capture.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(required_literals).collect(),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_literals(&repetition.sub),
        HirKind::Empty
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Alternation(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_text_is_found() {
        for (pattern, required) in [
            ("^error: .*timed out$", Some("timed out")),
            ("(connection )+(reset|closed)", Some("connection ")),
            (r"é{2}\d", Some("é")),
            ("a*b?", None),
            ("one|two", None),
            ("(?i)one", None),
            ("", None),
        ] {
            assert_eq!(required_text(pattern).as_deref(), required, "{pattern}");
        }
    }
}
