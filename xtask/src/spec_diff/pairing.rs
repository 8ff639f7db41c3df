//! Matches the alternatives of two unions by their contents, because schema names differ between documents.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;
use super::error::Error;
use super::shape::{Kind, Node, Variant};

/// An alternative and the properties that it is matched by.
#[derive(Debug)]
pub struct Candidate<'s, 'a> {
    /// The alternative.
    pub variant: &'s Variant<'a>,
    /// The name in the report, such as `string (uuid)`, `array of integer` or `object (type "text")`.
    pub label: String,
    /// The fields with a constant value, which distinguish the alternatives of a union.
    tags: BTreeMap<&'a str, &'a str>,
}

/// The matched alternatives of two unions, by index.
#[derive(Debug, Default)]
pub struct Pairing {
    /// Pairs of our alternative and theirs.
    pub pairs: Vec<(usize, usize)>,
    /// Our alternatives without a match.
    pub only_ours: Vec<usize>,
    /// Their alternatives without a match.
    pub only_theirs: Vec<usize>,
}

impl<'s, 'a> Candidate<'s, 'a> {
    /// Returns the candidates for the alternatives of a shape.
    pub fn all(document: &Document<'a>, variants: &'s [Variant<'a>]) -> Result<Vec<Self>, Error> {
        variants
            .iter()
            .map(|variant| {
                let tags = tags(document, variant)?;
                let label = label(document, variant, &tags)?;
                Ok(Self { variant, label, tags })
            })
            .collect()
    }

    /// Returns whether both may be the same alternative: their kinds intersect and their tags do not contradict.
    pub fn matches(&self, other: &Self) -> bool {
        let contradicts =
            |(name, value)| other.tags.get(name).is_some_and(|other_value| other_value != value);
        self.is_related(other) && !self.tags.iter().any(contradicts)
    }

    fn is_related(&self, other: &Self) -> bool {
        self.variant.kind.intersect(other.variant.kind).is_some()
    }

    /// Scores how similar two alternatives are.
    fn similarity(&self, other: &Self) -> usize {
        let (facets, other_facets) = (&self.variant.facets, &other.variant.facets);
        let (names, other_names) = (facets.names(), other_facets.names());
        let shared = names.intersection(&other_names).count();
        let all = names.union(&other_names).count().max(1);
        1000 * usize::from(self.variant.kind == other.variant.kind)
            + 500 * usize::from(self.label == other.label)
            + 200 * usize::from(facets.values.is_some() == other_facets.values.is_some())
            + 100 * shared / all
    }
}

/// Matches the alternatives of two unions, the most similar first.
pub fn pair(ours: &[Candidate<'_, '_>], theirs: &[Candidate<'_, '_>]) -> Pairing {
    let mut choices = Vec::new();
    for (i, our) in ours.iter().enumerate() {
        for (j, their) in theirs.iter().enumerate() {
            // If only one match is possible, a contradicting tag is reported as a change of the alternative, not as a removed
            // and an added one.
            let only_choice = theirs.iter().filter(|other| our.is_related(other)).count() == 1
                && ours.iter().filter(|other| their.is_related(other)).count() == 1;
            if our.matches(their) || our.is_related(their) && only_choice {
                choices.push((Reverse(our.similarity(their)), i, j));
            }
        }
    }
    choices.sort_unstable();

    let mut unmatched_ours: BTreeSet<usize> = (0..ours.len()).collect();
    let mut unmatched_theirs: BTreeSet<usize> = (0..theirs.len()).collect();
    let mut pairs = Vec::new();
    for (_, i, j) in choices {
        if unmatched_ours.contains(&i) && unmatched_theirs.contains(&j) {
            unmatched_ours.remove(&i);
            unmatched_theirs.remove(&j);
            pairs.push((i, j));
        }
    }
    pairs.sort_unstable();
    Pairing {
        pairs,
        only_ours: unmatched_ours.into_iter().collect(),
        only_theirs: unmatched_theirs.into_iter().collect(),
    }
}

fn tags<'a>(
    document: &Document<'a>,
    variant: &Variant<'a>,
) -> Result<BTreeMap<&'a str, &'a str>, Error> {
    let mut tags = BTreeMap::new();
    if variant.kind == Kind::Object {
        for (name, node) in &variant.facets.properties {
            if let [Variant { facets, .. }] = document.shape(node)?.variants.as_slice()
                && let Some([Value::String(value)]) = facets.values.as_deref()
            {
                tags.insert(*name, value.as_str());
            }
        }
    }
    Ok(tags)
}

fn label<'a>(
    document: &Document<'a>,
    variant: &Variant<'a>,
    tags: &BTreeMap<&str, &str>,
) -> Result<String, Error> {
    let kind = variant.kind.name();
    Ok(match (variant.kind, variant.facets.format, tags.first_key_value()) {
        (Kind::Array, ..) => format!("array of {}", kinds(document, &variant.facets.items)?),
        (Kind::Object, _, Some((name, value))) => format!("object ({name} {value:?})"),
        // The default formats are omitted.
        (Kind::Integer, Some("int64"), _) | (Kind::Number, Some("double"), _) => kind.to_owned(),
        (Kind::Integer | Kind::Number | Kind::String, Some(format), _) => {
            format!("{kind} ({format})")
        }
        _ => kind.to_owned(),
    })
}

fn kinds<'a>(document: &Document<'a>, node: &Node<'a>) -> Result<String, Error> {
    let shape = document.shape(node)?;
    let mut names: Vec<&str> = shape.variants.iter().map(|variant| variant.kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.join(" or "))
}
