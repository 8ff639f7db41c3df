//! Parsed expressions, whose fields and values are checked.

use std::fmt;

use super::Field;
use crate::time::Timestamp;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// True if all are; there are at least two.
    And(Vec<Expression>),
    /// True if any is; there are at least two.
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Test(Test),
}

/// A test of a value. It is false if the value is missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Test {
    pub(crate) target: Target,
    pub(crate) condition: Condition,
}

/// A field, or the value of a key in a field with attributes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) field: &'static Field,
    /// Set exactly for fields with attributes.
    pub(crate) key: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Compare(Comparison, Operand),
    /// Both bounds are included.
    Between(Operand, Operand),
    In(Vec<Operand>),
    /// `%` stands for any text and `_` for any character, unless a backslash precedes them.
    Like(String),
    /// Like `Like`, but ignores case.
    ILike(String),
    Contains(String),
    Regexp(String),
    /// The text has this sequence of letters and digits, with neither before or after it.
    HasToken(String),
    Exists,
    /// A list has this item.
    Has(Operand),
    HasAny(Vec<Operand>),
    HasAll(Vec<Operand>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// A value in an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    Integer(i64),
    Real(f64),
    Time(Timestamp),
}

/// Writes an expression that is parsed to an equal one.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => joined(f, parts, " AND "),
            Self::Or(parts) => joined(f, parts, " OR "),
            Self::Not(negated) => match &**negated {
                Self::And(_) | Self::Or(_) => write!(f, "NOT ({negated})"),
                Self::Not(_) => write!(f, "NOT {negated}"),
                Self::Test(test) => test.write_negated(f),
            },
            Self::Test(test) => test.write(f, ""),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expression], operator: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { operator })?;
        match part {
            Expression::And(_) | Expression::Or(_) => write!(f, "({part})")?,
            Expression::Not(_) | Expression::Test(_) => write!(f, "{part}")?,
        }
    }
    Ok(())
}

impl Test {
    /// Writes the form with `NOT` after the field, if there is one: it does not count as a level of the expression.
    fn write_negated(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Condition::*;

        match &self.condition {
            Compare(Comparison::Eq, value) => write!(f, "{} != {value}", self.target),
            Compare(..) | Has(_) | HasAny(_) | HasAll(_) | HasToken(_) => {
                f.write_str("NOT ")?;
                self.write(f, "")
            }
            Between(..) | In(_) | Like(_) | ILike(_) | Contains(_) | Regexp(_) | Exists => {
                self.write(f, "NOT ")
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, not: &str) -> fmt::Result {
        use Condition::*;

        let Self { target, condition } = self;
        match condition {
            Compare(comparison, value) => write!(f, "{target} {} {value}", comparison.symbol()),
            Between(low, high) => write!(f, "{target} {not}BETWEEN {low} AND {high}"),
            In(values) => write!(f, "{target} {not}IN ({})", List(values)),
            Like(pattern) => write!(f, "{target} {not}LIKE {}", Quoted(pattern)),
            ILike(pattern) => write!(f, "{target} {not}ILIKE {}", Quoted(pattern)),
            Contains(text) => write!(f, "{target} {not}CONTAINS {}", Quoted(text)),
            Regexp(pattern) => write!(f, "{target} {not}REGEXP {}", Quoted(pattern)),
            HasToken(token) => write!(f, "hasToken({target}, {})", Quoted(token)),
            Exists => write!(f, "{target} {not}EXISTS"),
            Has(value) => write!(f, "has({target}, {value})"),
            HasAny(values) => write!(f, "hasAny({target}, [{}])", List(values)),
            HasAll(values) => write!(f, "hasAll({target}, [{}])", List(values)),
        }
    }
}

impl Comparison {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}[{}]", self.field.name, Quoted(key)),
            None => f.write_str(self.field.name),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Integer(number) => number.fmt(f),
            // With an exponent, so that it is not read as an integer.
            Self::Real(number) => write!(f, "{number:e}"),
            Self::Time(time) => write!(f, "'{time}'"),
        }
    }
}

struct List<'a>(&'a [Operand]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            value.fmt(f)?;
        }
        Ok(())
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\\', r"\\").replace('\'', r"\'"))
    }
}
