//! Compares schemas recursively.
//!
//! Compares types, formats, null, enumerations, limits, required and additional fields, items, union alternatives, and the
//! defaults of requests. Ignores titles, descriptions, examples, extensions, and keywords that our document does not use (`not`,
//! `if`, `patternProperties`, `prefixItems`, `dependent…`).

use std::mem;

use serde_json::Value;

use super::document::Document;
use super::error::Error;
use super::flow::{Change, Flow};
use super::pairing::{Candidate, Pairing, pair};
use super::place::Place;
use super::report::{Breaks, Difference};
use super::shape::{Kind, Node, Shape, Variant};

/// A comparison of the schemas of a message.
#[derive(Debug)]
pub struct Comparison<'d, 'a> {
    pub(super) ours: &'d Document<'a>,
    pub(super) theirs: &'d Document<'a>,
    pub(super) flow: Flow,
    /// Whether the message can represent null, which queries, headers and forms cannot.
    has_null: bool,
    /// The schemas being compared, outermost first, to detect recursion.
    in_progress: Vec<(Node<'a>, Node<'a>)>,
    differences: Vec<Difference>,
}

impl<'d, 'a> Comparison<'d, 'a> {
    /// Creates a comparison of JSON messages in one direction.
    pub fn new(ours: &'d Document<'a>, theirs: &'d Document<'a>, flow: Flow) -> Self {
        let (in_progress, differences) = (Vec::new(), Vec::new());
        Self { ours, theirs, flow, has_null: true, in_progress, differences }
    }

    /// Returns the comparison for messages that cannot represent null.
    pub fn without_null(self) -> Self {
        Self { has_null: false, ..self }
    }

    /// Returns the differences between two schemas at the same place.
    pub fn run(
        mut self,
        place: &Place,
        ours: &Node<'a>,
        theirs: &Node<'a>,
    ) -> Result<Vec<Difference>, Error> {
        self.nodes(place, ours, theirs, true)?;
        Ok(self.differences)
    }

    /// Compares two schemas at the same place. `is_required` says whether our readers rely on the value.
    pub(super) fn nodes(
        &mut self,
        place: &Place,
        ours: &Node<'a>,
        theirs: &Node<'a>,
        is_required: bool,
    ) -> Result<(), Error> {
        let pair = (ours.clone(), theirs.clone());
        if self.in_progress.contains(&pair) {
            return Ok(());
        }
        let (our_shape, their_shape) = (self.ours.shape(ours)?, self.theirs.shape(theirs)?);
        self.in_progress.push(pair);
        let result = self.shapes(place, &our_shape, &their_shape, is_required);
        self.in_progress.pop();
        result
    }

    fn shapes(
        &mut self,
        place: &Place,
        ours: &Shape<'a>,
        theirs: &Shape<'a>,
        is_required: bool,
    ) -> Result<(), Error> {
        match (ours.is_any(), theirs.is_any()) {
            (true, true) => {}
            (false, false) => {
                self.null(place, ours, theirs, is_required);
                self.variants(place, &ours.variants, &theirs.variants)?;
            }
            (is_any, _) => {
                let change = if is_any { Change::Narrowed } else { Change::Widened };
                let ours = Candidate::all(self.ours, &ours.variants)?;
                let theirs = Candidate::all(self.theirs, &theirs.variants)?;
                self.kinds(place, &ours, &theirs, change);
            }
        }
        if self.flow == Flow::Request {
            self.defaults(place, ours.default, theirs.default);
        }
        Ok(())
    }

    fn null(&mut self, place: &Place, ours: &Shape<'a>, theirs: &Shape<'a>, is_required: bool) {
        if !self.has_null || ours.nullable == theirs.nullable {
            return;
        }
        let change = if theirs.nullable { Change::Widened } else { Change::Narrowed };
        // Readers treat a null optional value as missing.
        let may_be_missing = self.flow == Flow::Response && !is_required;
        let breaks = if may_be_missing { None } else { self.flow.breaks(change) };
        let named = |nullable: bool| if nullable { "nullable" } else { "not nullable" };
        self.report(
            place,
            format!("{} → {}", named(ours.nullable), named(theirs.nullable)),
            breaks,
        );
    }

    fn defaults(&mut self, place: &Place, ours: Option<&Value>, theirs: Option<&Value>) {
        // Some generators write `default: null` if there is no default.
        let named = |value: Option<&Value>| match value {
            None | Some(Value::Null) => "none".to_owned(),
            Some(value) => value.to_string(),
        };
        let (ours, theirs) = (named(ours), named(theirs));
        if ours != theirs {
            self.report(place, format!("default {ours} → {theirs}"), None);
        }
    }

    fn variants(
        &mut self,
        place: &Place,
        ours: &[Variant<'a>],
        theirs: &[Variant<'a>],
    ) -> Result<(), Error> {
        let ours = Candidate::all(self.ours, ours)?;
        let theirs = Candidate::all(self.theirs, theirs)?;
        let Pairing { pairs, only_ours, only_theirs } = pair(&ours, &theirs);
        if pairs.is_empty() {
            let change = match (ours.is_empty(), theirs.is_empty()) {
                (true, true) => return Ok(()),
                (true, false) => Change::Widened,
                (false, true) => Change::Narrowed,
                (false, false) => Change::Different,
            };
            self.kinds(place, &ours, &theirs, change);
            return Ok(());
        }
        for (i, j) in pairs {
            let (our, their) = (&ours[i], &theirs[j]);
            let has_several = |candidates: &[Candidate<'_, '_>], kind| {
                candidates.iter().filter(|candidate| candidate.variant.kind == kind).count() > 1
            };
            let kind = our.variant.kind;
            if has_several(&ours, kind) || has_several(&theirs, kind) {
                self.variant(&place.alternative(&our.label), our.variant, their.variant)?;
            } else {
                self.variant(place, our.variant, their.variant)?;
            }
        }
        for i in only_ours {
            let is_lost = !self.is_any_compatible(theirs.iter().map(|their| (&ours[i], their)))?;
            let breaks = if is_lost { self.flow.breaks(Change::Narrowed) } else { None };
            self.report(place, format!("alternative {} removed", ours[i].label), breaks);
        }
        for j in only_theirs {
            let is_new = !self.is_any_compatible(ours.iter().map(|our| (our, &theirs[j])))?;
            let breaks = if is_new { self.flow.breaks(Change::Widened) } else { None };
            self.report(place, format!("alternative {} added", theirs[j].label), breaks);
        }
        Ok(())
    }

    /// Returns whether one of the pairs has no breaking difference. An alternative without a match may be part of a wider
    /// alternative.
    fn is_any_compatible<'s>(
        &mut self,
        pairs: impl Iterator<Item = (&'s Candidate<'s, 'a>, &'s Candidate<'s, 'a>)>,
    ) -> Result<bool, Error>
    where
        'a: 's,
    {
        for (our, their) in pairs.filter(|(our, their)| our.matches(their)) {
            let found = mem::take(&mut self.differences);
            let result = self.variant(&Place::new("alternative"), our.variant, their.variant);
            let attempted = mem::replace(&mut self.differences, found);
            result?;
            if attempted.iter().all(|difference| difference.breaks.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reports that the schemas have no kind in common, or that one accepts any value.
    fn kinds(
        &mut self,
        place: &Place,
        ours: &[Candidate<'_, 'a>],
        theirs: &[Candidate<'_, 'a>],
        change: Change,
    ) {
        // A schema that only accepts null has no alternatives.
        let named = |candidates: &[Candidate<'_, 'a>]| match candidates {
            [] => Kind::Null.name().to_owned(),
            _ => {
                candidates.iter().map(|other| other.label.as_str()).collect::<Vec<_>>().join(" or ")
            }
        };
        let text = format!("type {} → {}", named(ours), named(theirs));
        self.report(place, text, self.flow.breaks(change));
    }

    /// Adds a line to the report.
    pub(super) fn report(
        &mut self,
        place: &Place,
        change: impl Into<String>,
        breaks: Option<Breaks>,
    ) {
        self.differences.push(Difference::new(place.to_string(), change, breaks));
    }
}
