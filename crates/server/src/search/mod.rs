//! The language of search expressions, and the fields of spans, traces, log records and evaluations that it refers to.
//!
//! ```text
//! expr  = or ;  or = and { "OR" and } ;  and = not { "AND" not } ;  not = { "NOT" } ( "(" expr ")" | func | pred )
//! pred  = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value | field [ "NOT" ] ( "LIKE" | "ILIKE" | "CONTAINS" | "REGEXP" ) text
//!       | field [ "NOT" ] "BETWEEN" value "AND" value | field [ "NOT" ] "IN" "(" value { "," value } ")" | field [ "NOT" ] "EXISTS"
//! func  = "has" "(" field "," value ")" | ( "hasAny" | "hasAll" ) "(" field "," "[" value { "," value } "]" ")"
//!       | "hasToken" "(" field "," text ")"
//! field = name [ "[" text "]" ] ;  value = number | text
//! ```
//!
//! Text is in single quotes; `\\`, `\'` and `''` are escapes, and any other backslash stands for itself. Keywords and the names of
//! functions may be in any case, names of fields may not.
//!
//! A test is true or false, never unknown: one of a value that is missing is false. The forms with `NOT` and `!=` are negations, so they
//! are true for a missing value.

mod error;
mod expression;
mod fields;
mod lexer;
mod like;
mod matching;
mod parser;
#[cfg(test)]
mod parser_tests;
mod tables;

pub(crate) use error::{SearchError, SearchErrorKind};
pub(crate) use expression::{Comparison, Condition, Expression, Operand, Target, Test};
pub(crate) use fields::{Aggregate, Entity, Field, Kind, Operator};
pub(crate) use like::LikePattern;
pub(crate) use matching::{Number, has_token, is_list};
pub(crate) use parser::{parse, parse_target};
