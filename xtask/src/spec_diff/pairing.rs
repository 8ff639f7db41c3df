//! Which alternative of our union is which of theirs: names of schemas differ between documents,
//! so alternatives are matched by what they are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;
use super::error::Error;
use super::shape::{Kind, Node, Variant};

/// An alternative and what it is recognised by.
#[derive(Debug)]
pub struct Candidate<'s, 'a> {
    /// The alternative.
    pub variant: &'s Variant<'a>,
    /// What to call it: `string (uuid)`, `array of integer`, `object (type "text")`.
    pub label: String,
    /// The fields that can only have one value: where two unions have such a field, it tells
    /// their alternatives apart.
    tags: BTreeMap<&'a str, &'a str>,
}

/// The alternatives of two unions, by index.
#[derive(Debug, Default)]
pub struct Pairing {
    /// Ours and what it is in theirs.
    pub pairs: Vec<(usize, usize)>,
    /// Those of ours that theirs lacks.
    pub only_ours: Vec<usize>,
    /// Those of theirs that ours lacks.
    pub only_theirs: Vec<usize>,
}

impl<'s, 'a> Candidate<'s, 'a> {
    /// Describes the alternatives of a shape.
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

    /// Whether both can be the same alternative: values of one kind, told apart by no tag.
    pub fn may_be(&self, other: &Self) -> bool {
        let contradicts =
            |(name, value)| other.tags.get(name).is_some_and(|other_value| other_value != value);
        self.is_related(other) && !self.tags.iter().any(contradicts)
    }

    fn is_related(&self, other: &Self) -> bool {
        self.variant.kind.meet(other.variant.kind).is_some()
    }

    /// How alike two alternatives are.
    fn likeness(&self, other: &Self) -> usize {
        let (mine, others) = (&self.variant.facets, &other.variant.facets);
        let (names, other_names) = (mine.names(), others.names());
        let shared = names.intersection(&other_names).count();
        let all = names.union(&other_names).count().max(1);
        1000 * usize::from(self.variant.kind == other.variant.kind)
            + 500 * usize::from(self.label == other.label)
            + 200 * usize::from(mine.values.is_some() == others.values.is_some())
            + 100 * shared / all
    }
}

/// Matches the alternatives of two unions, the most alike first.
pub fn pair(ours: &[Candidate<'_, '_>], theirs: &[Candidate<'_, '_>]) -> Pairing {
    let mut choices = Vec::new();
    for (i, our) in ours.iter().enumerate() {
        for (j, their) in theirs.iter().enumerate() {
            // Where there is no choice, what tells two alternatives apart is the difference to
            // report, rather than that one is gone and another there.
            let only_choice = theirs.iter().filter(|other| our.is_related(other)).count() == 1
                && ours.iter().filter(|other| their.is_related(other)).count() == 1;
            if our.may_be(their) || our.is_related(their) && only_choice {
                choices.push((Reverse(our.likeness(their)), i, j));
            }
        }
    }
    choices.sort_unstable();

    let mut left_ours: BTreeSet<usize> = (0..ours.len()).collect();
    let mut left_theirs: BTreeSet<usize> = (0..theirs.len()).collect();
    let mut pairs = Vec::new();
    for (_, i, j) in choices {
        if left_ours.contains(&i) && left_theirs.contains(&j) {
            left_ours.remove(&i);
            left_theirs.remove(&j);
            pairs.push((i, j));
        }
    }
    pairs.sort_unstable();
    Pairing {
        pairs,
        only_ours: left_ours.into_iter().collect(),
        only_theirs: left_theirs.into_iter().collect(),
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
        // What holds of any number is not worth a word.
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
