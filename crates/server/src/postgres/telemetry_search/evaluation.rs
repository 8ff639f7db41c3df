//! Evaluates conditions of the texts of attributes.

use std::cmp::Ordering;

use serde_json::Value;

use crate::postgres::params::storable;
use crate::search::{Comparison, Condition, Number, Operand, is_list};

/// Returns the values that a condition compares with.
pub(super) fn operands(condition: &Condition) -> Vec<&Operand> {
    use Condition::*;

    match condition {
        Compare(_, operand) | Has(operand) => vec![operand],
        Between(low, high) => vec![low, high],
        In(operands) | HasAny(operands) | HasAll(operands) => operands.iter().collect(),
        Like(_) | ILike(_) | Contains(_) | Regexp(_) | HasToken(_) | Exists => Vec::new(),
    }
}

/// Compares a number with one of an expression, without rounding.
pub(super) fn order(number: Number, operand: &Operand) -> Option<Ordering> {
    match (number, operand) {
        (Number::Integer(number), Operand::Integer(other)) => Some(number.cmp(other)),
        (Number::Integer(number), Operand::Real(other)) => order_real(number, *other),
        (Number::Real(number), Operand::Integer(other)) => {
            order_real(*other, number).map(Ordering::reverse)
        }
        (Number::Real(number), Operand::Real(other)) => number.partial_cmp(other),
        (_, Operand::Text(_) | Operand::Time(_)) => None,
    }
}

/// Compares an integer with a number that need not be one.
fn order_real(integer: i64, real: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        None
    } else if real >= LIMIT {
        Some(Ordering::Less)
    } else if real < -LIMIT {
        Some(Ordering::Greater)
    } else {
        let order = integer.cmp(&(real.trunc() as i64));
        Some(order.then(0.0_f64.partial_cmp(&real.fract())?))
    }
}

/// Evaluates a comparison of the text of an attribute.
pub(super) fn holds(text: &str, condition: &Condition) -> bool {
    let order_of = |operand: &Operand| match operand {
        Operand::Text(other) => Some(text.cmp(&*storable(other))),
        operand => order(Number::parse(text)?, operand),
    };
    let compare = |comparison, operand: &Operand| {
        order_of(operand).is_some_and(|order| match comparison {
            Comparison::Eq => order.is_eq(),
            Comparison::Lt => order.is_lt(),
            Comparison::Lte => order.is_le(),
            Comparison::Gt => order.is_gt(),
            Comparison::Gte => order.is_ge(),
        })
    };
    match condition {
        Condition::Compare(comparison, operand) => compare(*comparison, operand),
        Condition::Between(low, high) => {
            compare(Comparison::Gte, low) && compare(Comparison::Lte, high)
        }
        Condition::In(operands) => operands.iter().any(|operand| compare(Comparison::Eq, operand)),
        other => list_holds(text, other),
    }
}

/// Evaluates a test of a list that is the text of an attribute.
pub(super) fn list_holds(text: &str, condition: &Condition) -> bool {
    let items: Vec<Value> =
        if is_list(text) { serde_json::from_str(text).unwrap_or_default() } else { Vec::new() };
    let has = |operand: &Operand| items.iter().any(|item| is_same(item, operand));
    match condition {
        Condition::HasAll(operands) => operands.iter().all(has),
        other => operands(other).into_iter().any(has),
    }
}

fn is_same(item: &Value, operand: &Operand) -> bool {
    match (item, operand) {
        (Value::String(text), Operand::Text(other)) => storable(text) == storable(other),
        (Value::Number(number), operand) => {
            let number = number.as_i64().map(Number::Integer).or(number.as_f64().map(Number::Real));
            number.and_then(|number| order(number, operand)).is_some_and(Ordering::is_eq)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_without_rounding() {
        const LARGE: i64 = 1 << 53;
        for (text, operand, expected) in [
            (" 12 ", Operand::Integer(12), Some(Ordering::Equal)),
            ("1.2e1", Operand::Integer(12), Some(Ordering::Equal)),
            ("12", Operand::Real(12.5), Some(Ordering::Less)),
            ("-12", Operand::Real(-12.5), Some(Ordering::Greater)),
            ("9007199254740993", Operand::Real(LARGE as f64), Some(Ordering::Greater)),
            ("9007199254740992.0", Operand::Integer(LARGE + 1), Some(Ordering::Less)),
            ("1", Operand::Real(1e300), Some(Ordering::Less)),
            ("1", Operand::Real(-1e300), Some(Ordering::Greater)),
            ("-9223372036854775808", Operand::Real(i64::MIN as f64), Some(Ordering::Equal)),
            ("1e999", Operand::Integer(1), None),
            ("12 a", Operand::Integer(12), None),
            ("12", Operand::Text("12".to_owned()), None),
        ] {
            let found = Number::parse(text).and_then(|number| order(number, &operand));
            assert_eq!(found, expected, "{text} {operand}");
        }
    }
}
