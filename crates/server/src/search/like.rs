//! Patterns of `LIKE`.

/// A pattern in which `%` stands for any text and `_` for any character, unless a backslash precedes them.
#[derive(Debug)]
pub(crate) struct LikePattern {
    /// What is between the `%`.
    parts: Vec<Part>,
}

/// The characters of a part; `None` stands for any character.
#[derive(Debug, Default)]
struct Part {
    characters: Vec<Option<char>>,
    /// The same as text, if there is no `_`, to find it faster.
    text: Option<String>,
}

impl LikePattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let mut parts = vec![Part::default()];
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let character = match character {
                '%' => {
                    parts.push(Part::default());
                    continue;
                }
                '_' => None,
                // A backslash at the end stands for itself.
                '\\' => Some(characters.next().unwrap_or('\\')),
                character => Some(character),
            };
            if let Some(part) = parts.last_mut() {
                part.characters.push(character);
            }
        }
        for part in &mut parts {
            part.text = part.characters.iter().copied().collect();
        }
        Self { parts }
    }

    /// Returns whether the pattern matches the entire text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts[0].prefix(text) == Some(text.len());
        };
        let Some(start) = first.prefix(text) else { return false };
        let mut rest = &text[start..];
        // Taking the first match of each part leaves the most text for the others.
        for part in middle {
            let Some(end) = part.find(rest) else { return false };
            rest = &rest[end..];
        }
        last.is_suffix(rest)
    }
}

impl Part {
    /// Returns where the part ends in a text that starts with it.
    fn prefix(&self, text: &str) -> Option<usize> {
        if let Some(own) = &self.text {
            return text.starts_with(own.as_str()).then_some(own.len());
        }
        let mut rest = text.chars();
        for expected in &self.characters {
            let character = rest.next()?;
            if expected.is_some_and(|expected| expected != character) {
                return None;
            }
        }
        Some(text.len() - rest.as_str().len())
    }

    /// Returns where the first match of the part ends.
    fn find(&self, text: &str) -> Option<usize> {
        if let Some(own) = &self.text {
            return text.find(own.as_str()).map(|start| start + own.len());
        }
        let starts = text.char_indices().map(|(start, _)| start);
        starts.into_iter().find_map(|start| self.prefix(&text[start..]).map(|end| start + end))
    }

    fn is_suffix(&self, text: &str) -> bool {
        let Some(before) = self.characters.len().checked_sub(1) else { return true };
        let start = text.char_indices().rev().nth(before).map(|(start, _)| start);
        start.is_some_and(|start| self.prefix(&text[start..]).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_characters_and_text() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%", "a\nb", true),
            ("a%", "ab", true),
            ("a%", "ba", false),
            ("%a", "ba", true),
            ("%a", "ab", false),
            ("%a%b%", "xaxbx", true),
            ("%a%b%", "xbxax", false),
            ("a%a", "a", false),
            ("_", "é", true),
            ("_", "", false),
            ("__", "é", false),
            ("é_é_", "été!", true),
            ("%_b_%", "abcb", true),
            ("%_b_", "abcb", false),
            ("%_b_", "bbc", true),
            ("A", "a", false),
            (r"100\%", "100%", true),
            (r"100\%", "1000", false),
            (r"a\_b", "a_b", true),
            (r"a\_b", "axb", false),
            (r"a\\", r"a\", true),
            (r"a\", r"a\", true),
            (r"\a", "a", true),
        ] {
            assert_eq!(LikePattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
    }
}
