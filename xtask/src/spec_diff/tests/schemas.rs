//! Tests of schemas. Each case uses one schema in the request and the response, so that every difference is tested in both
//! directions.

use super::both_ways;

#[test]
fn types_and_formats_are_narrowed_and_widened() {
    let (body, response) = both_ways("types");
    assert_eq!(
        body,
        [
            "breaks writers  body · any_to_text: type any → string",
            "breaks writers  body · date_to_time: format date → date-time",
            "breaks writers  body · float_to_int: type number → integer",
            "                body · int_to_float: type integer → number",
            "breaks writers  body · int_to_float: minimum 1 → 2",
            "breaks writers  body · int_to_text: type integer → string",
            "breaks writers  body · long_to_short: format int64 → int32",
            "                body · short_to_long: format int32 → int64",
            "                body · text_to_any: type string → any",
            "breaks writers  body · text_to_list: type string → array of integer or string",
            "                body · text_to_null: not nullable → nullable",
            "breaks writers  body · text_to_null: type string → null",
            "breaks writers  body · text_to_uri: format none → uri",
            "                body · uri_to_text: format uri → none",
            "                body · uuid_to_text: format uuid → none",
        ]
    );
    assert_eq!(
        response,
        [
            "                response 200 · any_to_text: type any → string",
            "breaks readers  response 200 · date_to_time: format date → date-time",
            "                response 200 · float_to_int: type number → integer",
            "breaks readers  response 200 · int_to_float: type integer → number",
            "                response 200 · int_to_float: minimum 1 → 2",
            "breaks readers  response 200 · int_to_text: type integer → string",
            "                response 200 · long_to_short: format int64 → int32",
            "breaks readers  response 200 · short_to_long: format int32 → int64",
            "breaks readers  response 200 · text_to_any: type string → any",
            "breaks readers  response 200 · text_to_list: type string → array of integer or string",
            "                response 200 · text_to_null: not nullable → nullable",
            "                response 200 · text_to_null: type string → null",
            "                response 200 · text_to_uri: format none → uri",
            "                response 200 · uri_to_text: format uri → none",
            "breaks readers  response 200 · uuid_to_text: format uuid → none",
        ]
    );
}

#[test]
fn added_removed_and_changed_fields_are_reported() {
    let (body, response) = both_ways("fields");
    assert_eq!(
        body,
        [
            "breaks writers  body · gone_optional: field removed",
            "breaks writers  body · gone_required: field removed",
            "                body · loosened: required → optional",
            "                body · nested.list[][].deep: field removed, additional fields allowed",
            "                body · new_optional: optional field added",
            "breaks writers  body · new_required: required field added",
            "breaks writers  body · null_lost: nullable → not nullable",
            "                body · null_won: not nullable → nullable",
            "                body · null_won_optional: not nullable → nullable",
            "                body · parts[]: not nullable → nullable",
            "breaks writers  body · tightened: optional → required",
        ]
    );
    assert_eq!(
        response,
        [
            "                response 200 · gone_optional: field removed",
            "breaks readers  response 200 · gone_required: field removed",
            "breaks readers  response 200 · loosened: required → optional",
            "breaks readers  response 200 · nested.list[][].deep: field removed",
            "                response 200 · new_optional: field added",
            "                response 200 · new_required: field added",
            "                response 200 · null_lost: nullable → not nullable",
            "breaks readers  response 200 · null_won: not nullable → nullable",
            "                response 200 · null_won_optional: not nullable → nullable",
            "breaks readers  response 200 · parts[]: not nullable → nullable",
            "                response 200 · tightened: optional → required",
        ]
    );
}

#[test]
fn additional_fields_are_rejected_allowed_or_have_a_schema() {
    let (body, response) = both_ways("objects");
    assert_eq!(
        body,
        [
            "                body · closed.*: additional fields rejected → allowed",
            "breaks writers  body · free.*: additional fields allowed → rejected",
            "breaks writers  body · free_by_silence.role: required field added",
            "breaks writers  body · generated: field removed",
            "                body · map.size: optional field added",
            "breaks writers  body · map.size: type string → integer",
            "breaks writers  body · map.*: maxLength none → 9",
            "                body · map_or_free.*: type string → any",
            "                body · named.*: additional fields allowed → rejected",
            "                body · opened.a: field removed, additional fields allowed",
            "breaks writers  body · opened.a: type string → integer",
            "breaks writers  body · typed.*: type any → integer",
        ]
    );
    assert_eq!(
        response,
        [
            "                response 200 · closed.*: additional fields rejected → allowed",
            "                response 200 · free.*: additional fields allowed → rejected",
            "                response 200 · free_by_silence.role: field added",
            "                response 200 · map.size: field added",
            "breaks readers  response 200 · map.size: type string → integer",
            "                response 200 · map.*: maxLength none → 9",
            "breaks readers  response 200 · map_or_free.*: type string → any",
            "                response 200 · named.*: additional fields allowed → rejected",
            "                response 200 · opened.a: field removed",
            "breaks readers  response 200 · opened.a: type string → integer",
            "                response 200 · secret: field removed",
            "                response 200 · typed.*: type any → integer",
        ]
    );
}

#[test]
fn enumerations_only_restrict_writers() {
    let (body, response) = both_ways("enums");
    assert_eq!(
        body,
        [
            r#"breaks writers  body · closed: values any → "a", "b""#,
            "breaks writers  body · level: value 1 removed",
            "                body · level: value 3 added",
            r#"breaks writers  body · long: values any → "a", "b", "c", "d", "e", "f", "g", "h" and 2 more"#,
            r#"                body · opened: values "a", "b" → any"#,
            r#"breaks writers  body · status: value "running" removed"#,
            r#"                body · status: value "failed" added"#,
        ]
    );
    assert_eq!(
        response,
        [
            r#"                response 200 · closed: values any → "a", "b""#,
            "                response 200 · level: value 1 removed",
            "                response 200 · level: value 3 added",
            r#"                response 200 · long: values any → "a", "b", "c", "d", "e", "f", "g", "h" and 2 more"#,
            r#"                response 200 · opened: values "a", "b" → any"#,
            r#"                response 200 · status: value "running" removed"#,
            r#"                response 200 · status: value "failed" added"#,
        ]
    );
}

#[test]
fn limits_only_restrict_writers() {
    let (body, response) = both_ways("limits");
    assert_eq!(
        body,
        [
            "breaks writers  body · above: minimum 0 → exclusiveMinimum 0",
            "                body · below: exclusiveMaximum 1 → maximum 1",
            "breaks writers  body · big: maximum 9007199254740993 → 9007199254740992",
            "                body · count: minimum 1 → 0",
            "breaks writers  body · count: maximum 100 → 10",
            "breaks writers  body · list: minItems 1 → 2",
            "                body · list: maxItems 500 → 1000",
            "breaks writers  body · map: minProperties none → 1",
            "breaks writers  body · map: maxProperties 16 → 8",
            "                body · name: minLength 5 → 1",
            "breaks writers  body · name: maxLength 50 → 40",
            "breaks writers  body · pattern_changed: pattern ^a+$ → ^b+$",
            "                body · pattern_lost: pattern ^a+$ → none",
            "breaks writers  body · pattern_won: pattern none → ^c+$",
            "breaks writers  body · set: uniqueItems false → true",
            "breaks writers  body · step: multipleOf 2 → 4",
            "                body · step_lost: multipleOf 0.5 → none",
            "breaks writers  body · step_won: multipleOf none → 10",
            "breaks writers  body · text: minLength none → 3",
            "breaks writers  body · text: maxLength none → 30",
            "                body · text_lost: maxLength 200 → none",
        ]
    );
    assert_eq!(
        response,
        [
            "                response 200 · above: minimum 0 → exclusiveMinimum 0",
            "                response 200 · below: exclusiveMaximum 1 → maximum 1",
            "                response 200 · big: maximum 9007199254740993 → 9007199254740992",
            "                response 200 · count: minimum 1 → 0",
            "                response 200 · count: maximum 100 → 10",
            "                response 200 · list: minItems 1 → 2",
            "                response 200 · list: maxItems 500 → 1000",
            "                response 200 · map: minProperties none → 1",
            "                response 200 · map: maxProperties 16 → 8",
            "                response 200 · name: minLength 5 → 1",
            "                response 200 · name: maxLength 50 → 40",
            "                response 200 · pattern_changed: pattern ^a+$ → ^b+$",
            "                response 200 · pattern_lost: pattern ^a+$ → none",
            "                response 200 · pattern_won: pattern none → ^c+$",
            "                response 200 · set: uniqueItems false → true",
            "                response 200 · step: multipleOf 2 → 4",
            "                response 200 · step_lost: multipleOf 0.5 → none",
            "                response 200 · step_won: multipleOf none → 10",
            "                response 200 · text: minLength none → 3",
            "                response 200 · text: maxLength none → 30",
            "                response 200 · text_lost: maxLength 200 → none",
        ]
    );
}

#[test]
fn union_alternatives_are_compared_as_sets() {
    let (body, response) = both_ways("unions");
    assert_eq!(
        body,
        [
            "                body · answer: alternative integer added",
            "breaks writers  body · choice: alternative integer removed",
            "                body · choice: alternative boolean added",
            r#"breaks writers  body · content[]<object (type "text")>.text: maxLength none → 9"#,
            r#"breaks writers  body · content[]: alternative object (type "image") removed"#,
            r#"                body · content[]: alternative object (type "audio") added"#,
            "breaks writers  body · either<object>.id: optional → required",
            r#"                body · event: alternative object (name "moved") added"#,
            "                body · reference: alternative string (uuid) added",
            "                body · several: alternative array of string added",
        ]
    );
    assert_eq!(
        response,
        [
            "                response 200 · answer: alternative integer added",
            "                response 200 · choice: alternative integer removed",
            "breaks readers  response 200 · choice: alternative boolean added",
            r#"                response 200 · content[]<object (type "text")>.text: maxLength none → 9"#,
            r#"                response 200 · content[]: alternative object (type "image") removed"#,
            r#"breaks readers  response 200 · content[]: alternative object (type "audio") added"#,
            "                response 200 · either<object>.id: optional → required",
            r#"breaks readers  response 200 · event: alternative object (name "moved") added"#,
            "                response 200 · reference: alternative string (uuid) added",
            "breaks readers  response 200 · several: alternative array of string added",
        ]
    );
}
