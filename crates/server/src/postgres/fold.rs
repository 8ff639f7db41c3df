//! Case folding in SQL.
//!
//! PostgreSQL's `lower` depends on the locale and differs from [`fold_case`]. To search for a folded text, it is enough to fold those
//! characters of a column that the text contains, which `translate` does one by one.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::query::Query;
use crate::storage::fold_case;

/// The inverse of case folding.
struct Unfolded {
    /// For each folded character, those that become it.
    single: HashMap<char, Vec<char>>,
    /// The characters that become several, and what they become.
    expanded: Vec<(char, String)>,
}

fn unfolded() -> &'static Unfolded {
    static UNFOLDED: OnceLock<Unfolded> = OnceLock::new();
    UNFOLDED.get_or_init(|| {
        let mut unfolded = Unfolded { single: HashMap::new(), expanded: Vec::new() };
        for original in '\0'..=char::MAX {
            let folded = fold_case(original.encode_utf8(&mut [0; 4]));
            let mut characters = folded.chars();
            match (characters.next(), characters.next()) {
                (Some(same), None) if same == original => {}
                (Some(single), None) => unfolded.single.entry(single).or_default().push(original),
                _ => unfolded.expanded.push((original, folded)),
            }
        }
        unfolded
    })
}

/// Returns an expression for a text with folded case, to search it for another folded text. Characters that `searched` does not
/// contain may be left as they are.
pub(super) fn folded_for(query: &mut Query<'_>, text: &str, searched: &str) -> String {
    let Unfolded { single, expanded } = unfolded();
    let mut expression = text.to_owned();
    for (original, folded) in expanded {
        if folded.chars().any(|character| searched.contains(character)) {
            let (original, folded) = (query.bind(original.to_string()), query.bind(folded.clone()));
            expression = format!("replace({expression}, {original}, {folded})");
        }
    }
    let (mut from, mut to) = (String::new(), String::new());
    for folded in searched.chars() {
        if to.contains(folded) {
            continue;
        }
        for original in single.get(&folded).into_iter().flatten() {
            from.push(*original);
            to.push(folded);
        }
    }
    if from.is_empty() {
        return expression;
    }
    let (from, to) = (query.bind(from), query.bind(to));
    format!("translate({expression}, {from}, {to})")
}

#[cfg(test)]
mod tests {
    use super::super::params::storable;
    use super::super::testing;
    use super::*;

    #[test]
    fn folded_text_is_not_changed_by_folding() {
        for character in '\0'..=char::MAX {
            let folded = fold_case(&character.to_string());
            assert_eq!(fold_case(&folded), folded);
        }
    }

    /// Every character whose case can be folded is found by what it becomes, next to others.
    #[tokio::test]
    async fn every_character_is_folded_as_in_memory() {
        let Some(storage) = testing::storage().await else { return };
        let originals: Vec<char> =
            ('\0'..=char::MAX).filter(|c| fold_case(&c.to_string()) != c.to_string()).collect();
        assert!(originals.len() > 1_000 && originals.contains(&'İ') && originals.contains(&'ς'));
        let mut connection = storage.database.connection().await.unwrap();
        let transaction = connection.read().await.unwrap();
        for characters in originals.chunks(100) {
            let text: String = characters.iter().collect();
            for searched in [&text, &text[..characters[0].len_utf8()], "i\u{307}", "i", "x"] {
                let searched = fold_case(&storable(searched));
                let mut query = Query::default();
                let bound = query.bind(text.clone());
                let folded = folded_for(&mut query, &bound, &searched);
                let searched_bound = query.bind(searched.clone());
                query.push(&format!("SELECT strpos({folded}, {searched_bound}) > 0"));
                let row = transaction.query_typed_one(&query.sql, &query.parameters()).await;
                let found: bool = row.unwrap().get(0);
                assert_eq!(found, fold_case(&text).contains(&searched), "{text} {searched}");
            }
        }
    }
}
