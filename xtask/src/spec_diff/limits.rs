//! Compares limits on values: bounds, patterns, multiples and unique items.
//!
//! Both spellings of an exclusive bound are supported: `exclusiveMinimum: true` next to `minimum` in 3.0, and
//! `exclusiveMinimum: 5` in 3.1.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

use super::flow::Change;
use super::shape::Kind;

/// The limits of a schema.
#[derive(Clone, Debug, Default)]
pub struct Limits<'a> {
    bounds: BTreeMap<Measure, Bound>,
    patterns: BTreeSet<&'a str>,
    multiple_of: Option<&'a Number>,
    unique_items: bool,
}

/// The quantity that a bound limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    Minimum,
    Maximum,
    MinLength,
    MaxLength,
    MinItems,
    MaxItems,
    MinProperties,
    MaxProperties,
}

#[derive(Clone, Debug, PartialEq)]
struct Bound {
    value: Number,
    exclusive: bool,
}

impl Measure {
    const COUNTS: [Self; 6] = [
        Self::MinLength,
        Self::MaxLength,
        Self::MinItems,
        Self::MaxItems,
        Self::MinProperties,
        Self::MaxProperties,
    ];

    fn keyword(self, exclusive: bool) -> &'static str {
        match (self, exclusive) {
            (Self::Minimum, false) => "minimum",
            (Self::Minimum, true) => "exclusiveMinimum",
            (Self::Maximum, false) => "maximum",
            (Self::Maximum, true) => "exclusiveMaximum",
            (Self::MinLength, _) => "minLength",
            (Self::MaxLength, _) => "maxLength",
            (Self::MinItems, _) => "minItems",
            (Self::MaxItems, _) => "maxItems",
            (Self::MinProperties, _) => "minProperties",
            (Self::MaxProperties, _) => "maxProperties",
        }
    }

    fn is_lower(self) -> bool {
        matches!(self, Self::Minimum | Self::MinLength | Self::MinItems | Self::MinProperties)
    }

    fn limits(self, kind: Kind) -> bool {
        match self {
            Self::Minimum | Self::Maximum => matches!(kind, Kind::Integer | Kind::Number),
            Self::MinLength | Self::MaxLength => kind == Kind::String,
            Self::MinItems | Self::MaxItems => kind == Kind::Array,
            Self::MinProperties | Self::MaxProperties => kind == Kind::Object,
        }
    }

    /// Returns how `theirs` relates to `ours`.
    fn change(self, ours: &Bound, theirs: &Bound) -> Option<Change> {
        let theirs_is_higher = match compare(&theirs.value, &ours.value) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal if theirs.exclusive == ours.exclusive => return None,
            Ordering::Equal => theirs.exclusive == self.is_lower(),
        };
        Some(if theirs_is_higher == self.is_lower() { Change::Narrowed } else { Change::Widened })
    }
}

impl<'a> Limits<'a> {
    /// Adds the limits of a schema that also applies. The tighter of two limits wins.
    pub fn add(&mut self, schema: &'a Map<String, Value>) {
        self.add_value_bound(schema, Measure::Minimum);
        self.add_value_bound(schema, Measure::Maximum);
        for measure in Measure::COUNTS {
            if let Some(value) = number(schema, measure.keyword(false)) {
                // A minimum count of 0 has no effect.
                if !(measure.is_lower() && value.as_u64() == Some(0)) {
                    self.tighten(measure, Bound { value: value.clone(), exclusive: false });
                }
            }
        }
        self.patterns.extend(schema.get("pattern").and_then(Value::as_str));
        self.multiple_of = self.multiple_of.or(number(schema, "multipleOf"));
        self.unique_items |= schema.get("uniqueItems") == Some(&Value::Bool(true));
    }

    fn add_value_bound(&mut self, schema: &Map<String, Value>, measure: Measure) {
        let exclusive_keyword = schema.get(measure.keyword(true));
        if let Some(value) = number(schema, measure.keyword(false)) {
            let exclusive = exclusive_keyword == Some(&Value::Bool(true));
            self.tighten(measure, Bound { value: value.clone(), exclusive });
        }
        if let Some(Value::Number(value)) = exclusive_keyword {
            self.tighten(measure, Bound { value: value.clone(), exclusive: true });
        }
    }

    fn tighten(&mut self, measure: Measure, bound: Bound) {
        match self.bounds.get(&measure) {
            Some(current) if measure.change(current, &bound) != Some(Change::Narrowed) => {}
            _ => {
                self.bounds.insert(measure, bound);
            }
        }
    }

    fn bound(&self, measure: Measure, kind: Kind) -> Option<Bound> {
        let bound = self.bounds.get(&measure)?.clone();
        // For integers, `> 0` equals `>= 1`.
        if let (Kind::Integer, true, Some(value)) = (kind, bound.exclusive, bound.value.as_i64()) {
            let next = if measure.is_lower() { value.checked_add(1) } else { value.checked_sub(1) };
            if let Some(next) = next {
                return Some(Bound { value: next.into(), exclusive: false });
            }
        }
        Some(bound)
    }

    /// Returns the changes from these limits to theirs, for values of the given kinds.
    pub fn changes(&self, kind: Kind, theirs: &Self, their_kind: Kind) -> Vec<(String, Change)> {
        let mut changes = Vec::new();
        let measures = [Measure::Minimum, Measure::Maximum].into_iter().chain(Measure::COUNTS);
        for measure in measures.filter(|measure| measure.limits(kind)) {
            match (self.bound(measure, kind), theirs.bound(measure, their_kind)) {
                (None, None) => {}
                (Some(ours), None) => {
                    changes.push((format!("{} → none", ours.named(measure)), Change::Widened));
                }
                (None, Some(theirs)) => {
                    let keyword = measure.keyword(theirs.exclusive);
                    changes.push((format!("{keyword} none → {}", theirs.value), Change::Narrowed));
                }
                (Some(ours), Some(theirs)) => {
                    if let Some(change) = measure.change(&ours, &theirs) {
                        let target = if ours.exclusive == theirs.exclusive {
                            theirs.value.to_string()
                        } else {
                            theirs.named(measure)
                        };
                        changes.push((format!("{} → {target}", ours.named(measure)), change));
                    }
                }
            }
        }
        match kind {
            Kind::String => changes.extend(self.pattern_changes(theirs)),
            Kind::Integer | Kind::Number => changes.extend(self.multiple_changes(theirs)),
            Kind::Array if self.unique_items != theirs.unique_items => {
                let change = if self.unique_items { Change::Widened } else { Change::Narrowed };
                let (ours, theirs) = (self.unique_items, theirs.unique_items);
                changes.push((format!("uniqueItems {ours} → {theirs}"), change));
            }
            _ => {}
        }
        changes
    }

    fn pattern_changes(&self, theirs: &Self) -> Option<(String, Change)> {
        // Patterns are compared as sets; whether one pattern accepts more than another is not decided.
        let change = match (
            self.patterns.is_subset(&theirs.patterns),
            theirs.patterns.is_subset(&self.patterns),
        ) {
            (true, true) => return None,
            (true, false) => Change::Narrowed,
            (false, true) => Change::Widened,
            (false, false) => Change::Different,
        };
        let listed = |limits: &Self| match limits.patterns.len() {
            0 => "none".to_owned(),
            _ => limits.patterns.iter().copied().collect::<Vec<_>>().join(" and "),
        };
        Some((format!("pattern {} → {}", listed(self), listed(theirs)), change))
    }

    fn multiple_changes(&self, theirs: &Self) -> Option<(String, Change)> {
        let change = match (self.multiple_of, theirs.multiple_of) {
            (None, None) => return None,
            (Some(ours), Some(theirs)) if compare(ours, theirs).is_eq() => return None,
            (None, Some(_)) => Change::Narrowed,
            (Some(_), None) => Change::Widened,
            (Some(_), Some(_)) => Change::Different,
        };
        let named = |value: Option<&Number>| value.map_or("none".to_owned(), Number::to_string);
        let (ours, theirs) = (named(self.multiple_of), named(theirs.multiple_of));
        Some((format!("multipleOf {ours} → {theirs}"), change))
    }
}

impl Bound {
    fn named(&self, measure: Measure) -> String {
        format!("{} {}", measure.keyword(self.exclusive), self.value)
    }
}

fn number<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a Number> {
    match schema.get(keyword) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    }
}

fn compare(left: &Number, right: &Number) -> Ordering {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
    }
}
