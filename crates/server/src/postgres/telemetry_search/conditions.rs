//! Compiles tests of values.

use std::cmp::Ordering;

use serde_json::Value;

use super::evaluation::{holds, list_holds, operands, order};
use super::filter::nanoseconds;
use super::literals::required_text;
use super::node::{Node, TextNode};
use crate::pattern;
use crate::postgres::params::storable;
use crate::postgres::query::Query;
use crate::search::{
    Comparison, Condition, Entity, Field, Kind, LikePattern, Number, Operand, Target, Test,
    has_token,
};
use crate::storage::{COLUMN_ATTRIBUTES, attribute_column, fold_case};

/// Integers up to this one are the same as floating point numbers.
const MAX_EXACT: f64 = (1_u64 << 53) as f64;

/// The columns that are indexed by their first [`INDEXED_CHARACTERS`], where they are not empty.
const INDEXED: [&str; 3] = ["request_model", "operation_name", "conversation_id"];

const INDEXED_CHARACTERS: usize = 200;

/// An expression for the value of a target. It is null if the value is missing, except that text is empty, a list is `[]`, and
/// integers are 0.
pub(super) struct ValueSql {
    pub(super) sql: String,
    /// Whether it is the text of an attribute, and not a column.
    pub(super) is_attribute: bool,
}

impl ValueSql {
    /// Returns an expression for the number that the value is, or null.
    pub(super) fn number(&self) -> String {
        if self.is_attribute { format!("number_of({})", self.sql) } else { self.sql.clone() }
    }
}

fn bind_text(query: &mut Query<'_>, text: &str) -> String {
    query.bind(storable(text).into_owned())
}

pub(super) fn value(query: &mut Query<'_>, table: &str, target: &Target) -> ValueSql {
    let column = format!("{table}.{}", target.field.name);
    let Some(key) = &target.key else { return ValueSql { sql: column, is_attribute: false } };
    let bound = bind_text(query, key);
    let text = format!("json_of({column}) ->> {bound}");
    let sql = match stored_column(target, key) {
        Some(stored) => format!(
            "((CASE WHEN json_of({column}) ? {bound} THEN {text} ELSE nullif({table}.{stored}, '') END) COLLATE \"C\")"
        ),
        None => format!("(({text}) COLLATE \"C\")"),
    };
    ValueSql { sql, is_attribute: true }
}

/// Compiles a test of a row `t`.
pub(super) fn test(query: &mut Query<'_>, entity: Entity, test: &Test) -> Node {
    if entity != Entity::Traces || test.target.key.is_none() {
        return test_of(query, "t", entity, test);
    }
    let spans = "spans s WHERE s.workspace = t.workspace AND s.trace_id = t.trace_id";
    any_span(test_of(query, "s", Entity::Spans, test), spans)
}

/// Converts a test of a span to one of any span of a trace.
fn any_span(node: Node, spans: &str) -> Node {
    match node {
        Node::Text(TextNode { value, known, test, .. }) => {
            let spans = format!("{spans} AND ({known}) IS NOT FALSE");
            Node::Text(TextNode {
                value: format!("ARRAY (SELECT {value} FROM {spans})"),
                is_array: true,
                known: if_possible(&format!("EXISTS (SELECT 1 FROM {spans})")),
                test,
            })
        }
        node => Node::Sql(format!("EXISTS (SELECT 1 FROM {spans} AND {})", node.sql())),
    }
}

fn test_of(query: &mut Query<'_>, table: &str, entity: Entity, test: &Test) -> Node {
    let Test { target, condition } = test;
    let value = value(query, table, target);
    match (value_condition(query, table, target.field, &value, condition), target.field.kind) {
        (Node::Sql(sql), Kind::Map) => {
            let contained = contained_condition(query, table, test);
            let indexed = indexed_condition(query, table, entity, test);
            Node::Sql(format!("{indexed}{contained}({sql}) IS TRUE"))
        }
        (Node::Sql(sql), Kind::Real) => Node::Sql(format!("({sql}) IS TRUE")),
        (Node::Text(node), Kind::Map) => {
            let contained = contained_condition(query, table, test);
            Node::Text(TextNode { known: if_possible(&(contained + "TRUE")), ..node })
        }
        (node, _) => node,
    }
}

/// Returns a condition that follows from that of an attribute, and that finds most other rows without parsing JSON: attributes are
/// written by the server, so a key and its value always have the same form, which nothing else in the text can have.
fn contained_condition(query: &mut Query<'_>, table: &str, test: &Test) -> String {
    let Test { target, condition } = test;
    let Some(key) = target.key.as_deref().filter(|key| stored_column(target, key).is_none()) else {
        return String::new();
    };
    let mut text = Value::from(key).to_string() + ":";
    if let Condition::Compare(Comparison::Eq, Operand::Text(value)) = condition {
        text += &Value::from(value.as_str()).to_string();
    }
    format!("strpos({table}.{}, {}) > 0 AND ", target.field.name, query.bind(text))
}

/// Returns the column that has the text of an attribute.
fn stored_column(target: &Target, key: &str) -> Option<&'static str> {
    let stored = COLUMN_ATTRIBUTES.iter().find(|(attribute, _)| *attribute == key);
    stored.filter(|_| target.field.name == "span_attributes").map(|(_, column)| *column)
}

/// Returns a condition that follows from that of an attribute, if the attribute has a column, which may have an index.
fn indexed_condition(query: &mut Query<'_>, table: &str, entity: Entity, test: &Test) -> String {
    let column = attribute_column(entity, &test.target);
    match (column, &test.condition) {
        (Some(column), Condition::Compare(Comparison::Eq, Operand::Text(text))) => {
            format!("{} AND ", equals(query, table, column.name, text))
        }
        _ => String::new(),
    }
}

/// Returns the condition that a column is equal to a text, so that its index can be used.
fn equals(query: &mut Query<'_>, table: &str, column: &str, text: &str) -> String {
    let bound = bind_text(query, text);
    if INDEXED.contains(&column) && !text.is_empty() {
        let start: String = storable(text).chars().take(INDEXED_CHARACTERS).collect();
        let start = query.bind(start);
        format!(
            "left({table}.{column}, {INDEXED_CHARACTERS}) = {start} AND {table}.{column} = {bound}"
        )
    } else {
        format!("{table}.{column} = {bound}")
    }
}

/// Compiles a condition to one that may be null, or to a test of the text.
fn value_condition(
    query: &mut Query<'_>,
    table: &str,
    field: &Field,
    value: &ValueSql,
    condition: &Condition,
) -> Node {
    use Condition::*;

    let sql = &value.sql;
    if value.is_attribute && !operands(condition).iter().all(is_exact) {
        let condition = condition.clone();
        return text_node(value, move |text| holds(text, &condition));
    }
    Node::Sql(match condition {
        Compare(comparison, operand) => compare(query, table, field, value, *comparison, operand),
        Between(low, high) => {
            let low = compare(query, table, field, value, Comparison::Gte, low);
            let high = compare(query, table, field, value, Comparison::Lte, high);
            format!("{low} AND {high}")
        }
        In(operands) => is_in(query, field, value, operands),
        Like(pattern) => {
            let pattern = bind_text(query, &complete_escape(pattern));
            format!("{sql} LIKE {pattern} ESCAPE '\\'")
        }
        Contains(text) => format!("strpos({sql}, {}) > 0", bind_text(query, text)),
        Exists => match field.kind {
            Kind::Text | Kind::Enum => format!("{sql} <> ''"),
            Kind::List => format!("{sql} <> '[]'"),
            // Zero stands for an attribute that is missing.
            Kind::Integer if field.source.is_some() => format!("{sql} <> 0"),
            Kind::Integer | Kind::Time | Kind::Real | Kind::Map => format!("{sql} IS NOT NULL"),
        },
        Has(_) | HasAny(_) | HasAll(_) if !value.is_attribute => has(query, value, condition),
        Has(_) | HasAny(_) | HasAll(_) => {
            let condition = condition.clone();
            return text_node(value, move |text| list_holds(text, &condition));
        }
        ILike(pattern) => {
            let folded = fold_case(&storable(pattern));
            let bound = bind_text(query, &complete_escape(&folded));
            // The cases of other letters depend on the version of Unicode.
            let known = format!(
                "CASE WHEN octet_length({sql}) = char_length({sql}) THEN lower({sql} COLLATE \"C\") LIKE {bound} ESCAPE '\\' END"
            );
            let pattern = LikePattern::new(&folded);
            return known_node(value, known, move |text| pattern.matches(&fold_case(text)));
        }
        Regexp(pattern) => {
            let required = required_text(pattern).map(|text| bind_text(query, &text));
            let required = required.map(|text| format!("strpos({sql}, {text}) > 0"));
            // The parser has compiled it.
            let pattern = pattern::compile(pattern).ok();
            let matches = move |text: &str| pattern.as_ref().is_some_and(|one| one.is_match(text));
            return known_node(value, if_possible(required.as_deref().unwrap_or("TRUE")), matches);
        }
        HasToken(token) => {
            let required = format!("strpos({sql}, {}) > 0", bind_text(query, token));
            let token = token.clone();
            return known_node(value, if_possible(&required), move |text| has_token(&token, text));
        }
    })
}

/// Returns a condition that is false or null: whether a test can hold.
fn if_possible(required: &str) -> String {
    format!("CASE WHEN {required} THEN NULL::boolean ELSE FALSE END")
}

/// Creates a test of a text of which nothing else is known.
fn text_node(value: &ValueSql, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Node {
    known_node(value, "NULL::boolean".to_owned(), test)
}

fn known_node(
    value: &ValueSql,
    known: String,
    test: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Node {
    Node::Text(TextNode { value: value.sql.clone(), is_array: false, known, test: Box::new(test) })
}

/// Lets a backslash at the end of a pattern stand for itself, which is an error in SQL.
fn complete_escape(pattern: &str) -> String {
    let backslashes = pattern.len() - pattern.trim_end_matches('\\').len();
    let end = if backslashes % 2 == 1 { "\\" } else { "" };
    format!("{pattern}{end}")
}

fn compare(
    query: &mut Query<'_>,
    table: &str,
    field: &Field,
    value: &ValueSql,
    comparison: Comparison,
    operand: &Operand,
) -> String {
    let (symbol, sql) = (comparison.symbol(), &value.sql);
    match operand {
        Operand::Text(text) if comparison == Comparison::Eq && !value.is_attribute => {
            equals(query, table, field.name, text)
        }
        Operand::Text(text) => format!("{sql} {symbol} {}", bind_text(query, text)),
        Operand::Integer(number) if field.kind == Kind::Integer => {
            format!("{sql} {symbol} {}", query.bind(*number))
        }
        // As exact as the integers are.
        Operand::Real(number) if field.kind == Kind::Integer && number.fract() == 0.0 => {
            format!("{sql} {symbol} '{number:.0}'::numeric")
        }
        Operand::Integer(_) | Operand::Real(_) => {
            format!("{} {symbol} {}", value.number(), query.bind(real(operand)))
        }
        // All nanoseconds of a microsecond are equal to it.
        Operand::Time(time) => {
            let first = nanoseconds(time.micros());
            let last = first.saturating_add(999);
            match comparison {
                Comparison::Eq => {
                    format!("{sql} BETWEEN {} AND {}", query.bind(first), query.bind(last))
                }
                Comparison::Lt | Comparison::Gte => format!("{sql} {symbol} {}", query.bind(first)),
                Comparison::Lte | Comparison::Gt => format!("{sql} {symbol} {}", query.bind(last)),
            }
        }
    }
}

fn is_in(query: &mut Query<'_>, field: &Field, value: &ValueSql, operands: &[Operand]) -> String {
    let (mut texts, mut integers, mut reals, mut times) = (vec![], vec![], vec![], vec![]);
    for operand in operands {
        match operand {
            Operand::Text(text) => texts.push(storable(text).into_owned()),
            Operand::Time(time) => times.push(time.micros()),
            Operand::Integer(number) if field.kind == Kind::Integer => integers.push(*number),
            // Others are equal to no integer.
            Operand::Real(number) if field.kind == Kind::Integer => {
                let integer = Some(*number as i64);
                integers.extend(integer.filter(|one| {
                    order(Number::Integer(*one), operand).is_some_and(Ordering::is_eq)
                }));
            }
            Operand::Integer(_) | Operand::Real(_) => reals.push(real(operand)),
        }
    }
    let sql = &value.sql;
    let mut any = Vec::new();
    if !texts.is_empty() {
        any.push(format!("{sql} = ANY ({})", query.bind(texts)));
    }
    if !integers.is_empty() {
        any.push(format!("{sql} = ANY ({})", query.bind(integers)));
    }
    if !reals.is_empty() {
        any.push(format!("{} = ANY ({})", value.number(), query.bind(reals)));
    }
    if !times.is_empty() {
        // Times of rows are not negative.
        any.push(format!("{sql} / 1000 = ANY ({})", query.bind(times)));
    }
    if any.is_empty() { "FALSE".to_owned() } else { any.join(" OR ") }
}

/// Compiles a test of a list, whose items are texts.
fn has(query: &mut Query<'_>, value: &ValueSql, condition: &Condition) -> String {
    let texts = operands(condition).into_iter().filter_map(|operand| match operand {
        Operand::Text(text) => Some(storable(text).into_owned()),
        Operand::Integer(_) | Operand::Real(_) | Operand::Time(_) => None,
    });
    let operator = if matches!(condition, Condition::HasAll(_)) { "?&" } else { "?|" };
    format!("json_of({}) {operator} {}", value.sql, query.bind(texts.collect::<Vec<_>>()))
}

/// Returns whether an operand is the same as floating point number, and so are all numbers that are near it.
fn is_exact(operand: &&Operand) -> bool {
    match operand {
        Operand::Integer(_) | Operand::Real(_) => real(operand).abs() < MAX_EXACT,
        Operand::Text(_) | Operand::Time(_) => true,
    }
}

fn real(operand: &Operand) -> f64 {
    match operand {
        Operand::Integer(number) => *number as f64,
        Operand::Real(number) => *number,
        Operand::Text(_) | Operand::Time(_) => f64::NAN,
    }
}
