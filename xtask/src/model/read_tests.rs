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

/// Returns a document with a search that has a cursor, recursive unions of objects, maps and any JSON.
fn search() -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    json!({
        "openapi": "3.0.3",
        "tags": [{"name": "a.b", "description": "Things inside."}],
        "paths": {"/things/search": {"post": {
            "operationId": "search_things", "x-group": "a.b", "x-name": "search", "x-read-only": true,
            "x-generations": ["g2"], "summary": "Search", "description": "Searches.",
            "parameters": [
                {"name": "cursor", "in": "query", "description": "Cursor.", "schema": {"type": "string", "nullable": true}},
                {"name": "page_size", "in": "query", "description": "Size.", "schema": {"type": "integer", "format": "int64"}}
            ],
            "requestBody": {"required": true, "content": {"application/json": {"schema": reference("Search")}}},
            "responses": {"200": {"description": "A page.", "content": {"application/json": {"schema": reference("Found")}}}}
        }}},
        "components": {"schemas": {
            "Search": {"type": "object", "description": "S.", "required": ["filter"], "properties": {
                "filter": {"allOf": [reference("Filter")], "nullable": true, "description": "F."},
                "score": {"type": "number", "format": "double", "minimum": 0, "maximum": 1e9, "exclusiveMaximum": true, "description": "S."}
            }},
            "Filter": {"description": "F.", "oneOf": [reference("FilterTest"), reference("FilterGroup")]},
            "FilterTest": {"type": "object", "description": "T.", "required": ["value"], "properties": {
                "value": {"nullable": true, "description": "V."}
            }},
            "FilterGroup": {"type": "object", "description": "G.", "properties": {
                "AND": {"type": "array", "items": reference("Filter"), "description": "A."}
            }},
            "Found": {"type": "object", "description": "F.", "required": ["things"], "properties": {
                "things": {"allOf": [reference("Things")], "description": "T."}
            }},
            "Things": {"type": "object", "description": "T.", "properties": {
                "results": {"type": "array", "items": reference("Thing"), "description": "R."},
                "next": {"type": "string", "nullable": true, "description": "N."},
                "cursor": {"type": "string", "nullable": true, "description": "C."}
            }},
            "Thing": {"type": "object", "description": "T.", "required": ["kind", "thing_id", "shape"], "properties": {
                "kind": {"type": "string", "description": "K."},
                "thing_id": {"type": "string", "description": "I."},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}, "description": "L."},
                "values": {"type": "array", "items": {"type": "boolean", "nullable": true}, "description": "V."},
                "shape": {"allOf": [reference("Shape")], "description": "S."}
            }},
            "Shape": {"description": "S.", "oneOf": [reference("Circle")], "discriminator": {
                "propertyName": "type", "mapping": {"CIRCLE": "#/components/schemas/Circle"}
            }},
            "Circle": {"type": "object", "description": "C.", "required": ["type"], "properties": {
                "type": {"type": "string", "enum": ["CIRCLE"], "description": "Always `CIRCLE`."}
            }}
        }}
    })
}

fn fields<'m>(model: &'m Model, schema: &str) -> &'m [Field] {
    match &model.schema(schema).kind {
        Kind::Object { fields } => fields,
        _ => panic!("an object"),
    }
}

#[test]
fn nested_groups_have_parents_and_unique_names() {
    let model = read(&search()).unwrap();
    assert_eq!(model.groups(), ["a", "a.b"]);
    assert_eq!((model.groups_in(None), model.groups_in(Some("a"))), (vec!["a"], vec!["a.b"]));
    assert_eq!(model.group_name("a.b"), "b");
    assert_eq!(model.group_description("a.b"), Some("Things inside."));
    let mut document = search();
    let mut other = document["paths"]["/things/search"].clone();
    other["post"]["x-group"] = "c.b".into();
    other["post"]["operationId"] = "search_others".into();
    document["paths"]["/others/search"] = other;
    let model = read(&document).unwrap();
    assert_eq!((model.group_name("a.b"), model.group_name("c.b")), ("a_b".into(), "c_b".into()));
}

#[test]
fn a_search_with_a_cursor_is_a_feed() {
    let model = read(&search()).unwrap();
    let operation = &model.operations[0];
    assert!(operation.read_only && operation.generations == ["g2"]);
    assert!(model.listing(operation).is_none());
    let feed = model.feed(operation).unwrap();
    assert_eq!((&*feed.page_field, &*feed.item), ("things", "Thing"));
    assert_eq!(feed.identity.unwrap().name, "thing_id");
    let mut document = search();
    document["paths"]["/things/search"]["post"]["parameters"].as_array_mut().unwrap().remove(0);
    let model = read(&document).unwrap();
    assert!(model.feed(&model.operations[0]).is_none(), "nothing takes the cursor");
}

#[test]
fn unions_of_objects_have_named_variants() {
    let model = read(&search()).unwrap();
    let variants = |name: &str| match &model.schema(name).kind {
        Kind::ObjectUnion { discriminator, variants } => {
            let names = variants.iter().map(|variant| (variant.name.clone(), variant.tag.clone()));
            (discriminator.clone(), names.collect::<Vec<_>>())
        }
        kind => panic!("{kind:?}"),
    };
    assert_eq!(variants("Filter"), (None, vec![("test".into(), None), ("group".into(), None)]));
    let circle = ("circle".to_owned(), Some("CIRCLE".to_owned()));
    assert_eq!(variants("Shape"), (Some("type".into()), vec![circle]));
    assert_eq!(fields(&model, "Circle")[0].constant(), Some("CIRCLE"));
}

#[test]
fn types_and_roles_of_values_are_read() {
    let model = read(&search()).unwrap();
    let thing = fields(&model, "Thing");
    assert_eq!(thing[2].ty, Type::Map(Box::new(Type::String)));
    assert_eq!(thing[3].ty, Type::Array(Box::new(Type::Nullable(Box::new(Type::Boolean)))));
    let value = &fields(&model, "FilterTest")[0];
    assert_eq!((&value.ty, value.nullable), (&Type::Json, false));
    let search = fields(&model, "Search");
    assert!(search[0].required && search[0].nullable);
    let words = search[1].limits.in_words().unwrap();
    assert_eq!(words, "at least 0 and less than 1000000000");
    let role = |name: &str| (model.schema(name).role, model.schema(name).is_value());
    assert_eq!(role("Search"), (Role::Request, false));
    assert_eq!(role("FilterGroup"), (Role::Request, true));
    assert_eq!(role("Thing"), (Role::Response, true));
    let mut document = self::search();
    document["components"]["schemas"]["Thing"]["properties"]["kind"] =
        json!({"allOf": [{"$ref": "#/components/schemas/Filter"}], "description": "K."});
    assert_eq!(read(&document).unwrap().schema("FilterGroup").role, Role::Both);
}

#[test]
fn ambiguous_unions_and_misplaced_extensions_are_rejected_with_the_place() {
    for (pointer, value, expected) in [
        (
            "/components/schemas/Circle/properties/type/enum/0",
            json!("SQUARE"),
            "Shape.oneOf: `Circle.type` must be required and have the only value `CIRCLE`",
        ),
        ("/components/schemas/Shape/discriminator/mapping", json!({}), "no value selects `Circle`"),
        (
            "/components/schemas/FilterTest/required",
            json!([]),
            "`FilterTest` has no required field, so it must be the last variant",
        ),
        (
            "/components/schemas/Filter/oneOf/1/$ref",
            json!("#/components/schemas/Shape"),
            "`Shape` is not an object with known fields",
        ),
        (
            "/components/schemas/Search/properties/score/minimum",
            json!(0.5),
            "score.minimum: only whole numbers are supported",
        ),
        (
            "/paths/~1things~1search/post/x-generations",
            json!([2]),
            "x-generations: expected strings",
        ),
    ] {
        let mut document = search();
        *document.pointer_mut(pointer).unwrap() = value;
        let message = read(&document).expect_err(pointer);
        assert!(message.contains(expected), "{pointer}: {message}");
    }
    let mut document = small();
    document["paths"]["/things/{thing_id}"]["put"]["x-read-only"] = true.into();
    let message = read(&document).unwrap_err();
    assert!(message.contains("x-read-only: only a POST needs it"), "{message}");
}

#[test]
fn a_field_that_one_generation_requires_is_required() {
    let mut document = small();
    document["components"]["schemas"]["PutThing"]["properties"]["label"]["x-required-in"] =
        json!(["g1"]);
    let model = read(&document).unwrap();
    assert!(fields(&model, "PutThing")[0].required);
}
