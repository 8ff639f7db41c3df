//! Compares the constraints of two alternatives.

use serde_json::Value;

use super::error::Error;
use super::flow::{Change, Flow};
use super::place::Place;
use super::schemas::Comparison;
use super::shape::{Kind, Variant};

/// The maximum number of values that a line lists.
const MAX_LISTED_VALUES: usize = 8;

/// The formats that the generated clients parse. Strings of other formats remain strings.
const PARSED_FORMATS: [&str; 5] = ["date", "date-time", "int32", "int64", "uuid"];

impl<'a> Comparison<'_, 'a> {
    /// Compares alternatives of related kinds.
    pub(super) fn variant(
        &mut self,
        place: &Place,
        ours: &Variant<'a>,
        theirs: &Variant<'a>,
    ) -> Result<(), Error> {
        let (kind, their_kind) = (ours.kind, theirs.kind);
        let (ours, theirs) = (&ours.facets, &theirs.facets);
        if kind == their_kind {
            self.format(place, ours.format, theirs.format);
        } else {
            let change =
                if their_kind == Kind::Number { Change::Widened } else { Change::Narrowed };
            let text = format!("type {} → {}", kind.name(), their_kind.name());
            self.report(place, text, self.flow.breaks(change));
        }
        self.values(place, ours.values.as_deref(), theirs.values.as_deref());
        // Enumerations make limits redundant.
        if ours.values.is_none() && theirs.values.is_none() {
            for (text, change) in ours.limits.changes(kind, &theirs.limits, their_kind) {
                self.report(place, text, self.flow.breaks_by_check(change));
            }
        }
        match kind {
            Kind::Array => self.nodes(&place.items(), &ours.items, &theirs.items, true),
            Kind::Object => self.object(place, ours, theirs),
            _ => Ok(()),
        }
    }

    fn format(&mut self, place: &Place, ours: Option<&str>, theirs: Option<&str>) {
        if ours == theirs {
            return;
        }
        let change = match (ours, theirs) {
            (None, _) | (Some("int64"), Some("int32")) | (Some("double"), Some("float")) => {
                Change::Narrowed
            }
            (_, None) | (Some("int32"), Some("int64")) | (Some("float"), Some("double")) => {
                Change::Widened
            }
            (Some(_), Some(_)) => Change::Different,
        };
        let is_parsed = ours.is_some_and(|format| PARSED_FORMATS.contains(&format));
        let breaks = match self.flow {
            Flow::Response if !is_parsed => None,
            flow => flow.breaks(change),
        };
        let (ours, theirs) = (ours.unwrap_or("none"), theirs.unwrap_or("none"));
        self.report(place, format!("format {ours} → {theirs}"), breaks);
    }

    fn values(&mut self, place: &Place, ours: Option<&[&Value]>, theirs: Option<&[&Value]>) {
        let (ours, theirs) = match (ours, theirs) {
            (None, None) => return,
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, Some(theirs)) => {
                let breaks = self.flow.breaks_by_check(Change::Narrowed);
                self.report(place, format!("values any → {}", listed(theirs)), breaks);
                return;
            }
            (Some(ours), None) => {
                let breaks = self.flow.breaks_by_check(Change::Widened);
                self.report(place, format!("values {} → any", listed(ours)), breaks);
                return;
            }
        };
        for value in ours.iter().filter(|value| !theirs.contains(value)) {
            let breaks = self.flow.breaks_by_check(Change::Narrowed);
            self.report(place, format!("value {value} removed"), breaks);
        }
        for value in theirs.iter().filter(|value| !ours.contains(value)) {
            let breaks = self.flow.breaks_by_check(Change::Widened);
            self.report(place, format!("value {value} added"), breaks);
        }
    }
}

fn listed(values: &[&Value]) -> String {
    let named: Vec<String> =
        values.iter().take(MAX_LISTED_VALUES).map(|value| value.to_string()).collect();
    match values.len().saturating_sub(MAX_LISTED_VALUES) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
