//! Compiles search expressions to SQL.
//!
//! Each test is compiled to a condition that is true or false, never null, so that it can be negated.

use rusqlite::types::Value;

use crate::search::{
    Comparison, Condition, Entity, Expression, Field, Kind, Operand, Target, Test,
};
use crate::sqlite::event_filter::Query;
use crate::storage::{COLUMN_ATTRIBUTES, TelemetryFilter, attribute_column, fold_case, table};

/// Returns what follows FROM in a query for the rows that match a filter. Queries call the table `t`.
///
/// SQLite knows nothing about how selective the indexes are, and prefers one that has the order of the listing. Where a condition
/// selects much fewer rows, its index is named.
pub(super) fn from_clause(filter: &TelemetryFilter) -> String {
    let table = table(filter.entity);
    match index(filter) {
        Some(index) => format!("{table} t INDEXED BY {index}"),
        None => format!("{table} t"),
    }
}

fn index(filter: &TelemetryFilter) -> Option<&'static str> {
    let indexes: &[_] = match filter.entity {
        Entity::Spans => &[
            ("trace_id", "spans_by_trace"),
            ("conversation_id", "spans_by_conversation"),
            ("request_model", "spans_by_model"),
        ],
        Entity::Traces => &[("trace_id", "traces_by_trace")],
        Entity::Logs => &[("trace_id", LOGS_BY_TRACE)],
        Entity::Evaluations => &[("trace_id", "span_evaluations_by_span")],
    };
    let is_required = |name: &str| {
        let of_filter = name == "trace_id" && filter.trace_id.is_some();
        of_filter || filter.expression.as_ref().is_some_and(|expression| requires(expression, name))
    };
    indexes.iter().find(|(name, _)| is_required(name)).map(|(_, index)| *index)
}

/// The index of log records that have a trace.
const LOGS_BY_TRACE: &str = "logs_by_trace";

/// Returns whether everything that matches an expression has a certain text in a field, which is not empty.
fn requires(expression: &Expression, name: &str) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().any(|part| requires(part, name)),
        Expression::Test(Test {
            target,
            condition: Condition::Compare(Comparison::Eq, Operand::Text(text)),
        }) => target.field.name == name && !text.is_empty(),
        Expression::Or(_) | Expression::Not(_) | Expression::Test(_) => false,
    }
}

/// Appends the condition for the rows of a workspace that match a filter.
pub(super) fn push_filter(query: &mut Query, workspace: i64, filter: &TelemetryFilter) {
    let workspace = query.bind(workspace);
    query.push(&format!("t.workspace = {workspace}"));
    if let Some(trace_id) = &filter.trace_id {
        let trace_id = query.bind(trace_id.clone());
        query.push(&format!(" AND t.trace_id = {trace_id}"));
    }
    if index(filter) == Some(LOGS_BY_TRACE) {
        // The index has only these.
        query.push(" AND t.trace_id <> ''");
    }
    let time = filter.entity.time();
    for (bound, operator) in [(filter.from, ">="), (filter.to, "<")] {
        if let Some(bound) = bound {
            let bound = query.bind(nanoseconds(bound.micros()));
            query.push(&format!(" AND t.{time} {operator} {bound}"));
        }
    }
    if filter.only_latest {
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM span_evaluations n WHERE n.workspace = t.workspace AND n.trace_id = t.trace_id \
             AND n.span_id = t.span_id AND n.evaluation_name = t.evaluation_name AND (n.timestamp, n.id) > (t.timestamp, t.id)",
        );
        if let Some(to) = filter.to {
            let to = query.bind(nanoseconds(to.micros()));
            query.push(&format!(" AND n.timestamp < {to}"));
        }
        query.push(")");
    }
    if let Some(expression) = &filter.expression {
        query.push(" AND ");
        push_expression(query, filter.entity, expression);
    }
}

/// Times of rows are nanoseconds, those of the API microseconds.
fn nanoseconds(micros: i64) -> i64 {
    micros.saturating_mul(1_000)
}

fn push_expression(query: &mut Query, entity: Entity, expression: &Expression) {
    match expression {
        Expression::And(parts) => push_joined(query, entity, parts, " AND "),
        Expression::Or(parts) => push_joined(query, entity, parts, " OR "),
        Expression::Not(negated) => {
            query.push("NOT ");
            push_expression(query, entity, negated);
        }
        Expression::Test(test) => {
            let sql = condition(query, entity, test);
            query.push(&format!("({sql})"));
        }
    }
}

fn push_joined(query: &mut Query, entity: Entity, parts: &[Expression], separator: &str) {
    for (index, part) in parts.iter().enumerate() {
        query.push(if index == 0 { "(" } else { separator });
        push_expression(query, entity, part);
    }
    query.push(")");
}

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
        if self.is_attribute { format!("to_number({})", self.sql) } else { self.sql.clone() }
    }
}

pub(super) fn value(query: &mut Query, table: &str, target: &Target) -> ValueSql {
    let column = format!("{table}.{}", target.field.name);
    match &target.key {
        Some(key) => {
            ValueSql { sql: attribute(query, table, target, &column, key), is_attribute: true }
        }
        None => ValueSql { sql: column, is_attribute: false },
    }
}

fn attribute(query: &mut Query, table: &str, target: &Target, column: &str, key: &str) -> String {
    if key.chars().any(|character| character.is_control() || "\"\\".contains(character)) {
        // A path cannot contain such a key.
        let key = query.bind(key.to_owned());
        return format!("(SELECT value FROM json_each({column}) WHERE key = {key})");
    }
    let path = query.bind(format!("$.\"{key}\""));
    let stored = COLUMN_ATTRIBUTES.iter().find(|(attribute, _)| *attribute == key);
    match stored.filter(|_| target.field.name == "span_attributes") {
        Some((_, stored)) => format!(
            "CASE json_type({column}, {path}) WHEN 'text' THEN json_extract({column}, {path}) WHEN 'null' THEN NULL \
             ELSE nullif({table}.{stored}, '') END"
        ),
        None => format!("json_extract({column}, {path})"),
    }
}

fn condition(query: &mut Query, entity: Entity, test: &Test) -> String {
    if entity == Entity::Traces && test.target.key.is_some() {
        let sql = condition_in(query, "s", Entity::Spans, test);
        return format!(
            "EXISTS (SELECT 1 FROM spans s INDEXED BY spans_by_trace WHERE s.workspace = t.workspace AND s.trace_id = t.trace_id AND {sql})"
        );
    }
    condition_in(query, "t", entity, test)
}

fn condition_in(query: &mut Query, table: &str, entity: Entity, test: &Test) -> String {
    let Test { target, condition } = test;
    let value = value(query, table, target);
    let sql = value_condition(query, target.field, &value, condition);
    match target.field.kind {
        Kind::Map => {
            let indexed = indexed_condition(query, table, entity, test);
            format!("{indexed}({sql}) IS TRUE")
        }
        Kind::Real => format!("({sql}) IS TRUE"),
        Kind::Text | Kind::Enum | Kind::Integer | Kind::Time | Kind::List => sql,
    }
}

/// Returns a condition that follows from that of an attribute, if the attribute has a column, which may have an index.
fn indexed_condition(query: &mut Query, table: &str, entity: Entity, test: &Test) -> String {
    let column = attribute_column(entity, &test.target);
    match (column, &test.condition) {
        (Some(column), Condition::Compare(Comparison::Eq, Operand::Text(text))) => {
            let text = query.bind(text.clone());
            format!("{table}.{} = {text} AND ", column.name)
        }
        _ => String::new(),
    }
}

fn value_condition(
    query: &mut Query,
    field: &Field,
    value: &ValueSql,
    condition: &Condition,
) -> String {
    use Condition::*;

    let sql = &value.sql;
    match condition {
        Compare(comparison, operand) => compare(query, value, *comparison, operand),
        Between(low, high) => {
            let low = compare(query, value, Comparison::Gte, low);
            let high = compare(query, value, Comparison::Lte, high);
            format!("{low} AND {high}")
        }
        In(operands) => is_in(query, value, operands),
        Like(pattern) => format!("matches_like({}, {sql})", query.bind(pattern.clone())),
        ILike(pattern) => {
            format!("matches_like({}, fold_case({sql}))", query.bind(fold_case(pattern)))
        }
        Contains(text) => format!("instr({sql}, {}) > 0", query.bind(text.clone())),
        Regexp(pattern) => format!("regexp({}, {sql})", query.bind(pattern.clone())),
        HasToken(token) => format!("has_token({}, {sql})", query.bind(token.clone())),
        Exists => match field.kind {
            Kind::Text | Kind::Enum => format!("{sql} <> ''"),
            Kind::List => format!("{sql} <> '[]'"),
            // Zero stands for an attribute that is missing.
            Kind::Integer if field.source.is_some() => format!("{sql} <> 0"),
            Kind::Integer | Kind::Time | Kind::Real | Kind::Map => format!("{sql} IS NOT NULL"),
        },
        Has(operand) => has_any(query, value, std::slice::from_ref(operand)),
        HasAny(operands) => has_any(query, value, operands),
        HasAll(operands) => {
            let all =
                operands.iter().map(|operand| has_any(query, value, std::slice::from_ref(operand)));
            all.collect::<Vec<_>>().join(" AND ")
        }
    }
}

fn compare(
    query: &mut Query,
    value: &ValueSql,
    comparison: Comparison,
    operand: &Operand,
) -> String {
    let (symbol, sql) = (comparison.symbol(), &value.sql);
    match operand {
        Operand::Text(text) => format!("{sql} {symbol} {}", query.bind(text.clone())),
        Operand::Integer(_) | Operand::Real(_) => {
            let operand = number(operand);
            format!("{} {symbol} {}", value.number(), query.bind(operand))
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

fn number(operand: &Operand) -> Value {
    match operand {
        Operand::Integer(number) => Value::Integer(*number),
        Operand::Real(number) => Value::Real(*number),
        Operand::Text(text) => Value::Text(text.clone()),
        Operand::Time(time) => Value::Integer(time.micros()),
    }
}

/// Divides values by type: texts, numbers and times.
fn by_type(operands: &[Operand]) -> [Vec<&Operand>; 3] {
    let mut types = [const { Vec::new() }; 3];
    for operand in operands {
        let index = match operand {
            Operand::Text(_) => 0,
            Operand::Integer(_) | Operand::Real(_) => 1,
            Operand::Time(_) => 2,
        };
        types[index].push(operand);
    }
    types
}

fn bind_list(query: &mut Query, operands: &[&Operand]) -> String {
    let bound: Vec<_> = operands.iter().map(|operand| query.bind(number(operand))).collect();
    bound.join(", ")
}

fn is_in(query: &mut Query, value: &ValueSql, operands: &[Operand]) -> String {
    let [texts, numbers, times] = by_type(operands);
    let mut any = Vec::new();
    for (value, operands) in [
        (value.sql.clone(), texts),
        (value.number(), numbers),
        // Times of rows are not negative.
        (format!("{} / 1000", value.sql), times),
    ] {
        if !operands.is_empty() {
            any.push(format!("{value} IN ({})", bind_list(query, &operands)));
        }
    }
    any.join(" OR ")
}

fn has_any(query: &mut Query, value: &ValueSql, operands: &[Operand]) -> String {
    let list =
        if value.is_attribute { format!("json_list({})", value.sql) } else { value.sql.clone() };
    let [texts, numbers, _] = by_type(operands);
    let mut any = Vec::new();
    for (types, operands) in [("'text'", texts), ("'integer', 'real'", numbers)] {
        if !operands.is_empty() {
            any.push(format!(
                "(v.type IN ({types}) AND v.value IN ({}))",
                bind_list(query, &operands)
            ));
        }
    }
    format!("EXISTS (SELECT 1 FROM json_each({list}) v WHERE {})", any.join(" OR "))
}
