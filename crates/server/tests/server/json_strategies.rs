//! Proptest strategies for valid but unusual JSON: whitespace everywhere, duplicate names, numbers outside the range of `f64`, and
//! lone surrogate escapes.

use proptest::prelude::*;

/// Whitespace without line breaks.
fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 2 => Just(" "), 1 => Just("\t"), 1 => Just("  ")]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        1 => prop::sample::select(vec!["1e400", "-1E-400", "1.0", "-0", "-0.0", "1.00", "123456789012345678901", "5e-324"])
            .prop_map(str::to_owned),
    ]
}

/// A string literal, with quotes.
pub fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => r#"[^\x00-\x1f"\\]{1,8}"#,
        1 => prop::sample::select(vec![
            r#"\""#, r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\u0041", r"\u0000", r"\ud83d\ude00", r"\ud800",
            r"\uDC00", r"\u2028",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Joins serialized items into an array or object.
fn enclosed(open: char, items: Vec<(&'static str, String, &'static str)>, close: char) -> String {
    let items: Vec<String> =
        items.into_iter().map(|(before, item, after)| format!("{before}{item}{after}")).collect();
    format!("{open}{}{close}", items.join(","))
}

fn field(
    name: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (name, space(), space(), value)
        .prop_map(|(name, before, after, value)| format!("{name}{before}:{after}{value}"))
}

/// Field names; some are likely to repeat, also with different escapes.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => string(),
        1 => prop::sample::select(vec![r#""a""#, r#""\u0061""#, r#""""#]).prop_map(str::to_owned),
    ]
}

/// Any JSON value.
pub fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        number(),
        string(),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let items = prop::collection::vec((space(), inner.clone(), space()), 0..5);
        let fields = prop::collection::vec((space(), field(name(), inner), space()), 0..5);
        prop_oneof![
            items.prop_map(|items| enclosed('[', items, ']')),
            fields.prop_map(|fields| enclosed('{', fields, '}')),
        ]
    })
}

/// Any JSON object.
pub fn object() -> impl Strategy<Value = String> {
    prop::collection::vec((space(), field(name(), value()), space()), 0..4)
        .prop_map(|fields| enclosed('{', fields, '}'))
}

/// An array of objects, like `messages`.
pub fn objects() -> impl Strategy<Value = String> {
    prop::collection::vec((space(), object(), space()), 0..3)
        .prop_map(|items| enclosed('[', items, ']'))
}

/// The serialized fields of a payload, with `messages` among them.
pub fn payload_fields() -> impl Strategy<Value = Vec<String>> {
    let others = || {
        prop::collection::vec((string(), value()), 0..3).prop_map(|fields| {
            // The server interprets these names; escapes could spell them too.
            let is_reserved = |name: &str| {
                name.contains('\\')
                    || ["\"messages\"", "\"payload\"", "\"properties\""].contains(&name)
            };
            fields
                .into_iter()
                .filter(move |(name, _)| !is_reserved(name))
                .map(|(name, value)| format!("{name}:{value}"))
                .collect::<Vec<_>>()
        })
    };
    (others(), objects(), others()).prop_map(|(before, messages, after)| {
        [before, vec![format!("\"messages\":{messages}")], after].concat()
    })
}
