//! Compiles filters to SQL.

use super::conditions::test;
use super::node::{Check, Node};
use crate::postgres::params::storable;
use crate::postgres::query::Query;
use crate::search::{Entity, Expression};
use crate::storage::TelemetryFilter;

/// A compiled filter.
pub(super) struct Matching {
    /// A condition that holds for all rows that match. Queries call the table `t`.
    pub(super) condition: String,
    /// Whether such a row does match, unless all do, and the columns that this depends on.
    pub(super) check: Option<Check>,
    pub(super) columns: Vec<String>,
}

/// Compiles the filter for rows of a workspace.
pub(super) fn compile(query: &mut Query<'_>, workspace: i64, filter: &TelemetryFilter) -> Matching {
    let mut condition = format!("t.workspace = {}", query.bind(workspace));
    if let Some(trace_id) = &filter.trace_id {
        let trace_id = query.bind(storable(trace_id).into_owned());
        condition += &format!(" AND t.trace_id = {trace_id}");
    }
    let time = filter.entity.time();
    for (bound, operator) in [(filter.from, ">="), (filter.to, "<")] {
        if let Some(bound) = bound {
            let bound = query.bind(nanoseconds(bound.micros()));
            condition += &format!(" AND t.{time} {operator} {bound}");
        }
    }
    if filter.only_latest {
        condition += &latest(query, filter);
    }
    let mut checked = Vec::new();
    if let Some(expression) = &filter.expression {
        for node in conjunction(query, filter.entity, expression) {
            if node.is_sql() {
                condition += &format!(" AND {}", node.sql());
            } else {
                condition += &format!(" AND ({}) IS NOT FALSE", node.sql());
                checked.push(node);
            }
        }
    }
    let mut columns = Vec::new();
    let check = (!checked.is_empty()).then(|| Node::All(checked).into_check(&mut columns));
    Matching { condition, check, columns }
}

/// Returns the condition for evaluations that are the newest of their span and name.
fn latest(query: &mut Query<'_>, filter: &TelemetryFilter) -> String {
    let to = filter.to.map(|to| query.bind(nanoseconds(to.micros())));
    let until = to.map(|to| format!(" AND n.timestamp < {to}")).unwrap_or_default();
    format!(
        " AND NOT EXISTS (SELECT 1 FROM span_evaluations n WHERE n.workspace = t.workspace AND n.trace_id = t.trace_id \
         AND n.span_id = t.span_id AND left(n.evaluation_name, 200) = left(t.evaluation_name, 200) \
         AND n.evaluation_name = t.evaluation_name AND (n.timestamp, n.id) > (t.timestamp, t.id){until})"
    )
}

/// Times of rows are nanoseconds, those of the API microseconds.
pub(super) fn nanoseconds(micros: i64) -> i64 {
    micros.saturating_mul(1_000)
}

/// Compiles an expression to nodes that all have to hold.
fn conjunction(query: &mut Query<'_>, entity: Entity, expression: &Expression) -> Vec<Node> {
    match expression {
        Expression::And(parts) => {
            parts.iter().flat_map(|part| conjunction(query, entity, part)).collect()
        }
        other => vec![node(query, entity, other)],
    }
}

fn node(query: &mut Query<'_>, entity: Entity, expression: &Expression) -> Node {
    let mut all =
        |parts: &[Expression]| parts.iter().map(|part| node(query, entity, part)).collect();
    match expression {
        Expression::And(parts) => Node::All(all(parts)),
        Expression::Or(parts) => Node::Any(all(parts)),
        Expression::Not(negated) => Node::Not(node(query, entity, negated).into()),
        Expression::Test(one) => test(query, entity, one),
    }
}
