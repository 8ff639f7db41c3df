//! Fields, and what their kinds support.

use super::tables;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Spans,
    Traces,
    Logs,
    Evaluations,
}

impl Entity {
    pub(crate) const ALL: [Self; 4] = [Self::Spans, Self::Traces, Self::Logs, Self::Evaluations];

    /// Returns all fields, in the order of responses.
    pub(crate) fn fields(self) -> &'static [Field] {
        match self {
            Self::Spans => tables::SPANS,
            Self::Traces => tables::TRACES,
            Self::Logs => tables::LOGS,
            Self::Evaluations => tables::EVALUATIONS,
        }
    }

    /// Returns a field by its name.
    pub(crate) fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// Returns the name of the field that listings are ordered by.
    pub(crate) fn time(self) -> &'static str {
        match self {
            Self::Spans | Self::Traces => "start_time",
            Self::Logs | Self::Evaluations => "timestamp",
        }
    }
}

/// A field. The storage has a column with its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The name to show to people.
    pub(crate) label: &'static str,
    pub(crate) kind: Kind,
    pub(crate) group: &'static str,
    /// The attribute that the field is read from.
    pub(crate) source: Option<&'static str>,
    /// Whether responses have the field. All fields can be searched.
    pub(crate) in_response: bool,
}

/// The kind of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Free text. Empty if it is missing.
    Text,
    /// Text with few values, which are listed as options.
    Enum,
    Integer,
    /// A number, or null.
    Real,
    Time,
    /// A list of strings.
    List,
    /// Attributes: strings by their keys.
    Map,
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $type {
            $($variant),+
        }

        impl $type {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the name in the API.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

names! {
    /// An operator of search expressions.
    Operator {
        Eq = "eq", Neq = "neq", Lt = "lt", Lte = "lte", Gt = "gt", Gte = "gte", Like = "like", ILike = "ilike",
        NotLike = "not_like", NotILike = "not_ilike", Between = "between", NotBetween = "not_between", In = "in",
        NotIn = "not_in", Exists = "exists", NotExists = "not_exists", Regexp = "regexp", NotRegexp = "not_regexp",
        Contains = "contains", NotContains = "not_contains", Has = "has", HasAny = "hasAny", HasAll = "hasAll",
        HasToken = "hasToken",
    }
}

names! {
    /// How the values of a measure are combined.
    Aggregate {
        Count = "count", CountDistinct = "count_distinct", Sum = "sum", Avg = "avg", Min = "min", Max = "max", P50 = "p50",
        P90 = "p90", P95 = "p95", P99 = "p99",
    }
}

impl Aggregate {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|aggregate| aggregate.name() == name)
    }
}

impl Kind {
    /// Returns the name of the type in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Enum => "ENUM",
            Self::Integer => "INT",
            Self::Real => "FLOAT",
            Self::Time => "TIMESTAMP",
            Self::List => "ARRAY",
            Self::Map => "MAP",
        }
    }

    /// Returns the operators that a field of this kind supports; for attributes, those that the value of a key supports.
    pub(crate) fn operators(self) -> &'static [Operator] {
        use Operator::*;

        match self {
            Self::Text | Self::Enum => &[
                Eq,
                Neq,
                Lt,
                Lte,
                Gt,
                Gte,
                Like,
                ILike,
                NotLike,
                NotILike,
                Between,
                NotBetween,
                In,
                NotIn,
                Exists,
                NotExists,
                Regexp,
                NotRegexp,
                Contains,
                NotContains,
                HasToken,
            ],
            Self::Integer | Self::Real | Self::Time => {
                &[Eq, Neq, Lt, Lte, Gt, Gte, Between, NotBetween, In, NotIn, Exists, NotExists]
            }
            Self::List => &[Exists, NotExists, Contains, NotContains, Has, HasAny, HasAll],
            Self::Map => Operator::ALL,
        }
    }

    /// Returns the ways to combine values of this kind.
    pub(crate) fn aggregates(self) -> &'static [Aggregate] {
        match self {
            Self::Integer | Self::Real | Self::Map => Aggregate::ALL,
            Self::Text | Self::Enum | Self::Time | Self::List => {
                &[Aggregate::Count, Aggregate::CountDistinct]
            }
        }
    }
}
