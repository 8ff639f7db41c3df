use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What arbitrary expressions consist of.
const TOKENS: [&str; 30] = [
    "(",
    ")",
    "[",
    "]",
    ",",
    "=",
    "!=",
    "<",
    ">=",
    "AND",
    "OR",
    "NOT",
    "LIKE",
    "IN",
    "BETWEEN",
    "EXISTS",
    "CONTAINS",
    "has",
    "hasAny",
    "hasToken",
    "span_name",
    "duration_ns",
    "start_time",
    "models_used",
    "span_attributes['k']",
    "'a'",
    "'2026-08-01'",
    "7",
    "-0.5",
    "'",
];

fn spans(text: &str) -> Result<String, SearchError> {
    parse(Entity::Spans, text).map(|found| found.map(|found| found.to_string()).unwrap_or_default())
}

#[test]
fn expressions_are_parsed() {
    for (text, canonical) in [
        ("", ""),
        (" \n", ""),
        ("service_name='shop'", "service_name = 'shop'"),
        (
            "NOT service_name != 'a' or (status_code = 'Error' AND duration_ns >= 5)",
            "NOT service_name != 'a' OR (status_code = 'Error' AND duration_ns >= 5)",
        ),
        ("not (not span_name = 'a')", "NOT span_name != 'a'"),
        (
            "duration_ns between -1 and 2.50 AND not duration_ns < +3",
            "duration_ns BETWEEN -1 AND 2.5e0 AND NOT duration_ns < 3",
        ),
        (
            r"span_name LIKE 'it\'s 100\% \\%' AND span_name not ilike 'it''s'",
            r"span_name LIKE 'it\'s 100\\% \\%' AND span_name NOT ILIKE 'it\'s'",
        ),
        ("span_id not IN ('a' , 'b')", "span_id NOT IN ('a', 'b')"),
        ("span_attributes [ 'a.b' ] NOT EXISTS", "span_attributes['a.b'] NOT EXISTS"),
        (
            "HASANY(response_finish_reasons,['stop','length'])",
            "hasAny(response_finish_reasons, ['stop', 'length'])",
        ),
        ("hastoken(input_messages, 'été')", "hasToken(input_messages, 'été')"),
        ("response_finish_reasons NOT CONTAINS 'stop'", "NOT has(response_finish_reasons, 'stop')"),
        ("start_time > '2026-08-01'", "start_time > '2026-08-01T00:00:00.000000Z'"),
        (r"span_name REGEXP '^a\d+'", r"span_name REGEXP '^a\\d+'"),
        (
            "resource_attributes['a'] = 5 AND span_attributes['b'] IN ('x', 1.5, 1e30)",
            "resource_attributes['a'] = 5 AND span_attributes['b'] IN ('x', 1.5e0, 1e30)",
        ),
    ] {
        assert_eq!(spans(text).unwrap(), canonical, "{text}");
        assert_eq!(spans(canonical).unwrap(), canonical);
    }
}

#[test]
fn and_binds_tighter_than_or() {
    let text = "span_id = 'a' OR span_id = 'b' AND span_id = 'c'";
    let Some(Expression::Or(parts)) = parse(Entity::Spans, text).unwrap() else { panic!("no OR") };
    assert!(matches!(&parts[..], [Expression::Test(_), Expression::And(and)] if and.len() == 2));
}

#[test]
fn errors_have_a_position_and_say_what_is_expected() {
    for (text, message) in [
        (
            "status_code",
            "position 12: expected =, !=, <, <=, >, >=, LIKE, ILIKE, CONTAINS, REGEXP, BETWEEN, IN, or EXISTS",
        ),
        (
            "status_code NOT = 'a'",
            "position 17: expected LIKE, ILIKE, CONTAINS, REGEXP, BETWEEN, IN, or EXISTS",
        ),
        (
            "span_name = 'été' span_id",
            "position 19: expected AND, OR, or the end of the expression",
        ),
        ("span_name = 'open", "position 13: the text that starts here has no closing quote"),
        ("span_name = 5", "position 13: expected text in single quotes"),
        ("duration_ns = '5'", "position 15: expected a number without quotes"),
        ("duration_ns = 1e999", "position 15: expected a number without quotes"),
        (
            "start_time < 'now'",
            "position 14: expected a time in single quotes, such as '2026-08-01T00:00:00Z'",
        ),
        (
            "duration_ns LIKE '5%'",
            "position 13: the field `duration_ns` does not support `like`; supported: eq, neq, lt, lte, gt, gte, between, \
             not_between, in, not_in, exists, not_exists",
        ),
        (
            "has(span_name, 'a')",
            "position 1: the field `span_name` does not support `has`; supported: eq, neq, lt, lte, gt, gte, like, ilike, \
             not_like, not_ilike, between, not_between, in, not_in, exists, not_exists, regexp, not_regexp, contains, \
             not_contains, hasToken",
        ),
        ("(span_id = 'a'", "position 15: expected `)`"),
        ("span_id IN ()", "position 13: expected text in single quotes"),
        ("hasToken(span_name, 'a b')", "position 21: a token consists of letters and digits"),
        (
            "span_name REGEXP '('",
            "position 18: invalid regular expression; the syntax is RE2's, without lookaround and backreferences",
        ),
        ("AND", "position 1: unknown field"),
        ("shop", "position 1: unknown field"),
        (
            "span_attributes = 'a'",
            "position 1: the field needs a key, as in span_attributes['key']",
        ),
        ("span_id['a'] = 'a'", "position 1: the field `span_id` has no keys"),
        ("span_id = \"a\"", "position 11: unexpected character"),
        ("=", "position 1: expected a field, a function, NOT, or a parenthesis"),
    ] {
        let found = spans(text).expect_err(text).to_string();
        assert!(found.starts_with(message), "{text}: {found}");
    }
    let kind = |text| spans(text).unwrap_err().kind;
    assert_eq!(kind("shop = 'a'"), SearchErrorKind::UnknownField);
    assert_eq!(kind("span_id = 5"), SearchErrorKind::Invalid);
}

#[test]
fn expressions_are_bounded() {
    let nested =
        |levels: usize| format!("{}span_id = 'a'{}", "(".repeat(levels), ")".repeat(levels));
    assert!(spans(&nested(64)).is_ok());
    assert!(spans(&nested(65)).unwrap_err().message.contains("64 levels"));
    assert!(spans(&nested(20_000)).is_err());
    assert!(spans(&format!("{}span_id = 'a'", "NOT ".repeat(65))).is_err());
    let tests = |count: usize| vec!["span_id = 'a'"; count].join(" OR ");
    assert!(spans(&tests(250)).is_ok());
    assert!(spans(&tests(251)).unwrap_err().message.contains("250 tests"));
    let values = |count: usize| vec!["'a'"; count].join(",");
    assert!(spans(&format!("span_id IN ({})", values(1_000))).is_ok());
    assert!(spans(&format!("span_id IN ({})", values(1_001))).is_err());
    assert!(spans(&format!("hasAll(response_finish_reasons, [{}])", values(251))).is_err());
    assert!(spans(&format!("span_id = '{}'", "a".repeat(64 << 10))).is_err());
    assert!(spans(&format!("span_id LIKE '{}'", "a".repeat(1_001))).is_err());
}

#[test]
fn fields_are_unique_and_what_they_support_is_consistent() {
    for entity in Entity::ALL {
        let fields = entity.fields();
        assert_eq!(entity.field(entity.time()).unwrap().kind, Kind::Time);
        for (index, field) in fields.iter().enumerate() {
            assert!(fields[..index].iter().all(|other| other.name != field.name), "{}", field.name);
            assert!(!field.label.is_empty() && !field.label.contains('_'), "{}", field.label);
            // The parser relies on it.
            let supported = field.kind.operators();
            for (operator, negation) in [
                (Operator::Eq, Operator::Neq),
                (Operator::Like, Operator::NotLike),
                (Operator::ILike, Operator::NotILike),
                (Operator::Between, Operator::NotBetween),
                (Operator::In, Operator::NotIn),
                (Operator::Exists, Operator::NotExists),
                (Operator::Regexp, Operator::NotRegexp),
                (Operator::Contains, Operator::NotContains),
            ] {
                assert_eq!(supported.contains(&operator), supported.contains(&negation));
            }
        }
    }
}

#[test]
fn targets_are_parsed() {
    let target = parse_target(Entity::Logs, "log_attributes['it''s']").unwrap();
    assert_eq!((target.field.name, target.key.as_deref()), ("log_attributes", Some("it's")));
    for text in ["", "body = 'a'", "log_attributes", "span_name"] {
        assert!(parse_target(Entity::Logs, text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn an_expression_has_an_error_in_it_or_means_the_same_as_its_canonical_text(
        tokens in proptest::collection::vec(select(TOKENS.as_slice()), 0..12),
        prefix in select(vec!["", "span_name = 'a' AND ", "NOT (duration_ns < 3 OR "]),
    ) {
        let text = format!("{prefix}{}", tokens.join(" "));
        for entity in Entity::ALL {
            match parse(entity, &text) {
                Ok(Some(expression)) => prop_assert_eq!(parse(entity, &expression.to_string()), Ok(Some(expression))),
                Ok(None) => prop_assert!(text.trim().is_empty()),
                Err(error) => prop_assert!(error.offset <= text.chars().count()),
            }
        }
    }
}
