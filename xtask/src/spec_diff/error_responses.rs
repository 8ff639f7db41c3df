//! Compares error responses. Their differences break nobody, because error bodies are parsed leniently.
//!
//! Published documents describe the errors of each operation differently and often incorrectly, so a full comparison would hide
//! the important differences. Only two things are reported: error statuses that our document does not cover, and, once for all
//! operations, enumerated values such as error codes that differ from our error envelope.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;
use super::error::Error;
use super::messages::content;
use super::operations::{Operation, Side};
use super::place::Place;
use super::report::Difference;
use super::shape::Node;
use super::statuses::{Responses, pair};

/// Enumerated values by place.
type Enumerations = BTreeMap<String, BTreeSet<String>>;

/// Returns their error statuses that ours do not cover.
pub fn compare_statuses(ours: &Operation<'_>, theirs: &Operation<'_>) -> Vec<Difference> {
    pair(&Responses::of(ours).errors, &Responses::of(theirs).errors)
        .only_theirs
        .into_iter()
        .map(|status| Difference::new(format!("response {status}"), "error status added", None))
        .collect()
}

/// Returns the differences in the enumerated values of the error responses of all operations.
pub fn compare_values<'d, 'a: 'd>(
    operations: impl Iterator<Item = (Side<'d, 'a>, Side<'d, 'a>)>,
) -> Result<Vec<Difference>, Error> {
    let (mut ours, mut theirs) = (Values::default(), Values::default());
    for (our, their) in operations {
        ours.add_errors(our)?;
        theirs.add_errors(their)?;
    }
    let mut differences = Vec::new();
    for (place, our_values) in &ours.found {
        let Some(their_values) = theirs.found.get(place) else {
            continue;
        };
        let removed = our_values.difference(their_values).map(|value| (value, "removed"));
        let added = their_values.difference(our_values).map(|value| (value, "added"));
        for (value, change) in removed.chain(added) {
            differences.push(Difference::new(place, format!("value {value} {change}"), None));
        }
    }
    Ok(differences)
}

#[derive(Default)]
struct Values<'a> {
    found: Enumerations,
    /// The visited bodies, which operations share.
    known: Vec<Node<'a>>,
    /// The schemas being visited, to detect recursion.
    in_progress: Vec<Node<'a>>,
}

impl<'a> Values<'a> {
    fn add_errors(&mut self, side: Side<'_, 'a>) -> Result<(), Error> {
        for response in Responses::of(side.operation).errors.into_values() {
            for schema in content(side.document.follow(response)?).into_values() {
                if !self.known.contains(&schema) {
                    self.add(side.document, &Place::new("errors"), &schema)?;
                    self.known.push(schema);
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        document: &Document<'a>,
        place: &Place,
        schema: &Node<'a>,
    ) -> Result<(), Error> {
        if self.in_progress.contains(schema) {
            return Ok(());
        }
        self.in_progress.push(schema.clone());
        for variant in document.shape(schema)?.variants {
            let facets = variant.facets;
            if let Some(values) = facets.values {
                let found = self.found.entry(place.to_string()).or_default();
                found.extend(values.into_iter().map(Value::to_string));
            }
            for (name, field) in &facets.properties {
                self.add(document, &place.field(name), field)?;
            }
            if !facets.items.0.is_empty() {
                self.add(document, &place.items(), &facets.items)?;
            }
        }
        self.in_progress.pop();
        Ok(())
    }
}
