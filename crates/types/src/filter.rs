//! Builds filters of chat completion events.
//!
//! [`field`] names a field, its methods compare it with a value, and `&` and `|` combine conditions:
//!
//! ```
//! use mistral_datasets_types::filter::field;
//!
//! let slow = field("model_name").eq("mistral-medium-latest") & field("total_time_elapsed").gt(2.5);
//! let filter = slow | field("invoked_tools").includes("web_search");
//! assert_eq!(
//!     serde_json::to_string(&filter)?,
//!     r#"{"OR":[{"AND":[{"field":"model_name","op":"eq","value":"mistral-medium-latest"},"#.to_owned()
//!         + r#"{"field":"total_time_elapsed","op":"gt","value":2.5}]},"#
//!         + r#"{"field":"invoked_tools","op":"includes","value":"web_search"}]}"#
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! The API cannot negate a filter, so there is no `!`. Use the opposite operator instead, such as [`neq`](FieldName::neq).

use std::ops::{BitAnd, BitOr};

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use uuid::Uuid;

use crate::{Filter, FilterCondition, FilterGroup, FilterOperator, FilterPayload, RawJson};

/// Names a field, to compare it with a value. A key of the metadata is written as `metadata.key`.
pub fn field(name: impl Into<String>) -> FieldName {
    FieldName(name.into())
}

/// The name of a field, with a method for each operator. Returned by [`field`].
#[derive(Clone, Debug)]
#[must_use = "a field is not a filter; call the method of an operator"]
pub struct FieldName(String);

impl FieldName {
    /// Matches events whose field equals a value.
    pub fn eq(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Eq, value.into())
    }

    /// Matches events whose field does not equal a value; an unset field matches.
    pub fn neq(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Neq, value.into())
    }

    /// Matches events whose field is less than a value.
    pub fn lt(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Lt, value.into())
    }

    /// Matches events whose field is at most a value.
    pub fn lte(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Lte, value.into())
    }

    /// Matches events whose field is greater than a value.
    pub fn gt(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Gt, value.into())
    }

    /// Matches events whose field is at least a value.
    pub fn gte(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Gte, value.into())
    }

    /// Matches events whose field contains a text.
    pub fn contains(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Contains, FilterValue::from(value.into()))
    }

    /// Matches events whose field does not contain a text; an unset field matches.
    pub fn notcontains(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Notcontains, FilterValue::from(value.into()))
    }

    /// Matches events whose field contains a text, ignoring case.
    pub fn icontains(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Icontains, FilterValue::from(value.into()))
    }

    /// Matches events whose field does not contain a text, ignoring case; an unset field matches.
    pub fn inotcontains(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Inotcontains, FilterValue::from(value.into()))
    }

    /// Matches events whose field starts with a text.
    pub fn startswith(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Startswith, FilterValue::from(value.into()))
    }

    /// Matches events whose field starts with a text, ignoring case.
    pub fn istartswith(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Istartswith, FilterValue::from(value.into()))
    }

    /// Matches events whose field ends with a text.
    pub fn endswith(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Endswith, FilterValue::from(value.into()))
    }

    /// Matches events whose field ends with a text, ignoring case.
    pub fn iendswith(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Iendswith, FilterValue::from(value.into()))
    }

    /// Matches events whose field matches a regular expression, anywhere in the text.
    pub fn matches(self, value: impl Into<String>) -> Filter {
        self.condition(FilterOperator::Matches, FilterValue::from(value.into()))
    }

    /// Matches events whose field is an array that includes a value.
    pub fn includes(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Includes, value.into())
    }

    /// Matches events whose field is an array that does not include a value; an unset field matches.
    pub fn excludes(self, value: impl Into<FilterValue>) -> Filter {
        self.condition(FilterOperator::Excludes, value.into())
    }

    /// Matches events whose field is an array with this number of items.
    pub fn len_eq(self, length: u32) -> Filter {
        self.condition(FilterOperator::LenEq, length.into())
    }

    /// Matches events whose field is unset, or, with `false`, is set.
    pub fn isnull(self, is_null: bool) -> Filter {
        self.condition(FilterOperator::Isnull, is_null.into())
    }

    fn condition(self, operator: FilterOperator, value: FilterValue) -> Filter {
        FilterCondition::new(self.0, operator, value).into()
    }
}

/// A value to compare a field with.
///
/// Timestamps are written in UTC, and other values as JSON. A number that JSON cannot represent, such as NaN, is refused when the
/// filter is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterValue(RawJson);

impl From<FilterValue> for RawJson {
    fn from(value: FilterValue) -> Self {
        value.0
    }
}

impl From<RawJson> for FilterValue {
    fn from(value: RawJson) -> Self {
        Self(value)
    }
}

macro_rules! filter_values {
    ($($ty:ty)+) => {
        $(impl From<$ty> for FilterValue {
            fn from(value: $ty) -> Self {
                Self(serde_json::Value::from(value).into())
            }
        })+
    };
}

filter_values! { &str String bool i8 i16 i32 i64 u8 u16 u32 u64 serde_json::Value }

impl From<&String> for FilterValue {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}

impl From<f64> for FilterValue {
    fn from(value: f64) -> Self {
        match serde_json::Number::from_f64(value) {
            Some(number) => serde_json::Value::Number(number).into(),
            None => Self(RawJson::invalid(&value.to_string())),
        }
    }
}

impl From<f32> for FilterValue {
    fn from(value: f32) -> Self {
        f64::from(value).into()
    }
}

impl From<Uuid> for FilterValue {
    fn from(value: Uuid) -> Self {
        value.to_string().into()
    }
}

impl<Tz: TimeZone> From<DateTime<Tz>> for FilterValue {
    fn from(value: DateTime<Tz>) -> Self {
        value.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
    }
}

/// Matches what both filters match. Chains become one group.
impl BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        let mut filters = Vec::new();
        for filter in [self, other] {
            match filter {
                Self::Group(FilterGroup { and: Some(and), or: None, extra })
                    if extra.is_empty() =>
                {
                    filters.extend(and);
                }
                filter => filters.push(filter),
            }
        }
        FilterGroup::new().and(filters).into()
    }
}

/// Matches what one of the filters matches. Chains become one group.
impl BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let mut filters = Vec::new();
        for filter in [self, other] {
            match filter {
                Self::Group(FilterGroup { and: None, or: Some(or), extra }) if extra.is_empty() => {
                    filters.extend(or);
                }
                filter => filters.push(filter),
            }
        }
        FilterGroup::new().or(filters).into()
    }
}

impl From<Filter> for FilterPayload {
    fn from(filter: Filter) -> Self {
        Self::new(filter)
    }
}

impl From<FilterCondition> for FilterPayload {
    fn from(condition: FilterCondition) -> Self {
        Self::new(Filter::from(condition))
    }
}

impl From<FilterGroup> for FilterPayload {
    fn from(group: FilterGroup) -> Self {
        Self::new(Filter::from(group))
    }
}

impl FilterPayload {
    /// Creates a filter that matches all events.
    pub fn all() -> Self {
        Self::new(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(filter: &Filter) -> String {
        serde_json::to_string(filter).unwrap()
    }

    #[test]
    fn there_is_a_method_for_every_operator() {
        let f = || field("f");
        let filters = [
            f().eq(1),
            f().neq(1),
            f().lt(1),
            f().lte(1),
            f().gt(1),
            f().gte(1),
            f().contains("a"),
            f().notcontains("a"),
            f().icontains("a"),
            f().inotcontains("a"),
            f().startswith("a"),
            f().istartswith("a"),
            f().endswith("a"),
            f().iendswith("a"),
            f().matches("a"),
            f().includes("a"),
            f().excludes("a"),
            f().len_eq(1),
            f().isnull(true),
        ];
        let operators: Vec<String> = filters
            .into_iter()
            .map(|filter| match filter {
                Filter::Condition(condition) => condition.op.as_str().to_owned(),
                filter => panic!("{filter:?}"),
            })
            .collect();
        assert_eq!(operators, FilterOperator::KNOWN);
    }

    #[test]
    fn values_are_written_as_json() {
        let time = DateTime::parse_from_rfc3339("2026-09-01T14:30:00.25+02:00").unwrap();
        let value = |filter: Filter| match filter {
            Filter::Condition(condition) => condition.value.get().to_owned(),
            filter => panic!("{filter:?}"),
        };
        assert_eq!(value(field("a").eq(time)), r#""2026-09-01T12:30:00.250Z""#);
        assert_eq!(value(field("a").eq("it's \"été\"")), r#""it's \"été\"""#);
        assert_eq!(value(field("a").gt(2.5)), "2.5");
        assert_eq!(value(field("a").eq(u64::MAX)), u64::MAX.to_string());
        assert_eq!(value(field("a").eq(serde_json::Value::Null)), "null");
        let infinite = field("a").lt(f64::INFINITY);
        assert!(serde_json::to_string(&infinite).is_err());
        assert_eq!(value(infinite), "inf");
    }

    #[test]
    fn chains_become_one_group() {
        let [a, b, c] = ["a", "b", "c"].map(|name| field(name).isnull(true));
        let all = a.clone() & b.clone() & c.clone();
        assert!(matches!(&all, Filter::Group(group) if group.and.as_ref().unwrap().len() == 3));
        let any = a.clone() | (b.clone() | c.clone());
        assert!(matches!(&any, Filter::Group(group) if group.or.as_ref().unwrap().len() == 3));
        assert_eq!(
            json(&(a.clone() & (b.clone() | c.clone()))),
            format!(r#"{{"AND":[{},{{"OR":[{},{}]}}]}}"#, json(&a), json(&b), json(&c))
        );
        let payload = FilterPayload::from(all);
        assert_eq!(
            FilterPayload::from_json(&serde_json::to_string(&payload).unwrap()).unwrap(),
            payload
        );
        assert_eq!(serde_json::to_string(&FilterPayload::all()).unwrap(), r#"{"filters":null}"#);
    }
}
