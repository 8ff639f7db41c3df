//! Tests of the reader with small documents.

use serde_json::{Value, json};

use super::*;

/// Returns a document with one operation and three schemas.
fn small() -> Value {
    json!({
        "openapi": "3.0.3",
        "paths": {"/things/{thing_id}": {"put": {
            "operationId": "put_thing",
            "x-group": "things",
            "x-name": "put",
            "summary": "Put a thing",
            "description": "Puts a thing where it belongs.",
            "parameters": [
                {"name": "dry", "in": "query", "description": "Whether to try only.", "schema": {"type": "boolean", "default": false}},
                {"name": "thing_id", "in": "path", "required": true, "description": "Which.", "schema": {"type": "string", "format": "uuid"}}
            ],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PutThing"}}}},
            "responses": {
                "200": {"description": "The thing.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "4XX": {"description": "No."}
            }
        }}},
        "components": {"schemas": {
            "PutThing": {"type": "object", "description": "What to put.", "required": ["size"], "properties": {
                "label": {"type": "string", "description": "Its label.", "maxLength": 9},
                "size": {"type": "integer", "format": "int64", "minimum": 1, "description": "Its size."}
            }},
            "Thing": {"type": "object", "description": "A thing.", "required": ["state"], "properties": {
                "state": {"allOf": [{"$ref": "#/components/schemas/State"}], "description": "Its state."}
            }},
            "State": {"type": "string", "description": "How it is.", "enum": ["NEW", "OLD"]}
        }}
    })
}

#[test]
fn required_arguments_come_first() {
    let model = read(&small()).unwrap();
    let names: Vec<&str> = model.operations[0]
        .arguments(&model)
        .iter()
        .map(|argument| argument.field.name.as_str())
        .collect();
    assert_eq!(names, ["thing_id", "size", "dry", "label"]);
}

#[test]
fn schemas_of_responses_have_the_response_role() {
    let model = read(&small()).unwrap();
    let roles: Vec<_> =
        model.schemas.iter().map(|schema| (schema.name.as_str(), schema.role)).collect();
    assert_eq!(
        roles,
        [("PutThing", Role::Request), ("Thing", Role::Response), ("State", Role::Response)]
    );
}

#[test]
fn an_inline_enum_does_not_change_the_type() {
    let mut document = small();
    let schemas = document.pointer_mut("/components/schemas").unwrap();
    schemas["PutThing"]["properties"]["label"]["enum"] = json!(["a", "b"]);
    schemas["Thing"]["properties"]["state"]["enum"] = json!(["OLD"]);
    let model = read(&document).unwrap();
    let ty = |schema| match &model.schema(schema).kind {
        Kind::Object { fields } => fields[0].ty.clone(),
        _ => panic!("an object"),
    };
    assert_eq!(ty("PutThing"), Type::String);
    assert_eq!(ty("Thing"), Type::Named("State".into()));
}

#[test]
fn limits_are_described_in_words() {
    let model = read(&small()).unwrap();
    let Kind::Object { fields } = &model.schema("PutThing").kind else { panic!() };
    let words: Vec<_> = fields.iter().map(|field| field.limits.in_words()).collect();
    assert_eq!(words, [Some("at most 9 characters".to_owned()), Some("at least 1".to_owned())]);
}

#[test]
fn unsupported_documents_are_rejected_with_the_place() {
    let operation = "/paths/~1things~1{thing_id}/put";
    for (pointer, value, expected) in [
        ("/openapi".to_owned(), json!("3.1.0"), "expected version 3.0.x"),
        (format!("{operation}/summary"), json!(""), "put.summary: missing or empty"),
        (
            format!("{operation}/parameters/0/in"),
            json!("header"),
            "parameters in `header` are not supported",
        ),
        (format!("{operation}/parameters/1/name"), json!("id"), "does not match the path"),
        (
            format!("{operation}/responses/201"),
            json!({"description": "Two."}),
            "only one success status",
        ),
        (
            format!("{operation}/responses/default"),
            json!({"description": "No."}),
            "expected a success status",
        ),
        (format!("{operation}/x-handwritten"), json!("by hand"), "this operation can be generated"),
        (
            "/components/schemas/Thing/properties/state/description".into(),
            Value::Null,
            "state.description: missing",
        ),
        (
            "/components/schemas/Thing/properties/state/allOf/0/$ref".into(),
            json!("#/components/schemas/No"),
            "unknown schema `No`",
        ),
        (
            "/components/schemas/PutThing/properties/size/format".into(),
            json!("int32"),
            "need `format: int64`",
        ),
        (
            "/components/schemas/PutThing/properties/label/pattern".into(),
            json!("a"),
            "label.pattern: not supported",
        ),
        (
            "/components/schemas/PutThing/properties/size/enum".into(),
            json!([1, 2]),
            "size.enum: not supported",
        ),
        (
            "/components/schemas/Thing/properties/state/enum".into(),
            json!(["NEW", "BROKEN"]),
            "state.enum: has a value that `State` does not have",
        ),
        (
            "/components/schemas/PutThing/required/0".into(),
            json!("weight"),
            "unknown field `weight`",
        ),
    ] {
        let mut document = small();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match document.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
            parent => parent[key] = value,
        }
        let message = read(&document).expect_err(&pointer);
        assert!(message.contains(expected), "{pointer}: {message}");
    }
}

#[test]
fn a_multipart_body_requires_a_reason() {
    let mut document = small();
    let content =
        document.pointer_mut("/paths/~1things~1{thing_id}/put/requestBody/content").unwrap();
    let schema = content["application/json"].take();
    *content = json!({ "multipart/form-data": schema });
    let message = read(&document).unwrap_err();
    assert!(message.contains("give the reason in `x-handwritten`"), "{message}");
    document["paths"]["/things/{thing_id}"]["put"]["x-handwritten"] = "It streams.".into();
    read(&document).unwrap();
}
