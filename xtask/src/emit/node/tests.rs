//! Tests of the Node emitters with a small document that covers every kind of schema and operation.

use serde_json::{Value, json};

use crate::emit::Output;
use crate::emit::small::{assert_holds, small, text};
use crate::model;

fn emitted(document: &Value) -> Vec<Output> {
    super::emit(&model::read(document).unwrap()).unwrap()
}

#[test]
fn native_methods_send_calls() {
    let outputs = emitted(&small());
    let things = text(&outputs, "src/generated/things.rs");
    assert_holds(
        &things,
        &[
            "pub async fn put_thing(\n        &self,\n        thing_id: String,\n",
            "dry: Option<bool>,",
            "notes: String,",
            "parts: Vec<String>,",
            ") -> napi::Result<CallResult<EncodedResponse>> {",
            "let notes = parse_json(notes)?;",
            "let more = more.map(parse_json).transpose()?;",
            ".put(thing_id, size, notes, parts)",
            ".more(more)",
            ".state(state.map(types::State::from))",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/things_parts.rs"),
        &[
            "pub async fn delete_part(&self, thing_id: String) -> CallResult<EncodedResponse> {",
            "self.send(self.client.things().parts().delete(thing_id)).await",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/mod.rs"),
        &["mod things;\n", "mod things_parts;\n", "mod models;\n"],
    );
}

#[test]
fn encoder_and_decoder_agree_on_the_field_order() {
    let outputs = emitted(&small());
    // Lazy fields come last, as two numbers each.
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &[
            "        self.extra.encode(encoder);\n        encoder.repeated(0, &self.owner_id);\n        self.since.encode(encoder);\n\
             \x20       encoder.repeated(1, &self.state);\n        self.object.encode(encoder);\n        self.tags.encode(encoder);\n\
             \x20       encoder.optional_pair(&self.notes);\n        encoder.optional_pair(&self.free);\n",
            "impl Encode for types::State {",
        ],
    );
    let models = text(&outputs, "lib/generated/models.js");
    assert_holds(
        &models,
        &[
            "const THING = {\n  notes: jsonProperty(0),\n  free: jsonProperty(1),\n};",
            "class Thing extends LazyModel {\n  constructor(decoder) {\n    super(decoder, THING);\n",
            "    this.ownerId = decoder.repeated(0);\n    this.since = decoder.isPresent() ? decoder.timestamp() : null;\n\
             \x20   this.state = decoder.repeated(1);\n    this.object = decoder.string();\n\
             \x20   this.tags = decoder.array(() => decoder.string());\n\
             \x20   defineProperty(this, \"notes\", THING.notes);\n    defineProperty(this, \"free\", THING.free);\n\
             \x20   setOffset(this, decoder.skipNumbers(4));\n",
            "  get freeText() {\n    return receivedText(this, 1);",
            "      owner_id: this.ownerId,\n      since: this.since?.toJSON() ?? null,\n",
            "const { LazyModel, jsonProperty, receivedText, setOffset } = require(\"../lazy.js\");",
            "const State = Object.freeze({\n  NEW: \"NEW\",\n",
        ],
    );
    assert!(!models.contains("Unused"), "schemas that no operation returns have no class");
}

#[test]
fn resources_validate_arguments_and_nest() {
    assert_holds(
        &text(&emitted(&small()), "lib/generated/resources.js"),
        &[
            "const PUT_THING = new Operation(\n  \"put_thing\",\n  Thing,\n  {\n    thingId: string,\n",
            "    notes: json,\n",
            "    parts: strings,\n",
            "    dry: optional(boolean),\n",
            "    state: optional(string),\n  },\n  \"putThingRequest\",\n);",
            "const { Thing } = require(\"./models.js\");",
            "const DELETE_PART = new Operation(\"delete_part\", null, {\n  thingId: string,\n});",
            "class Things {\n  #native;\n\n  constructor(native) {\n    this.#native = native;\n    this.parts = new Parts(native);",
            "    return DELETE_PART.send(this.#native, request, options);",
            "    this.things = new Things(native);",
            "const { boolean, integer, json, optional, string, strings } = require(\"../arguments.js\");",
        ],
    );
}

#[test]
fn declarations_have_types_and_documentation() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "lib/generated/resources.d.ts"),
        &[
            "export interface PutThingRequest {\n  /** Which. */\n  thingId: string;",
            "/** Its size. Limits: at least 1. */\n  size: number;",
            "/** Whether to try only. Default: false. */\n  dry?: boolean | undefined;",
            "export type PutThingNestedRequest = NestedRequest<\n  PutThingRequest,\n  \"putThingRequest\",\n",
            "  put<TNotes = Notes>(\n    request: PutThingRequest | PutThingNestedRequest,\n",
            "  ): Call<Thing<TNotes>>;",
            "const thing = await mistral.things.put({ thingId, size, notes, parts });",
            "await mistral.things.parts.delete({ thingId });",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/models.d.ts"),
        &[
            "export class Thing<TNotes = Notes> extends Model {",
            "  readonly since: Timestamp | null;",
            "  notes: TNotes | null;",
            "  readonly tags: string[];",
            "  readonly freeText: string | null;",
            "export interface Notes {\n  /** Line by line. */\n  lines: JsonObject[];",
        ],
    );
    assert_holds(&text(&outputs, "names.mjs"), &["  Thing,\n", "  State,\n", "  Parts,\n"]);
}

#[test]
fn unsupported_documents_are_rejected() {
    let rejected = |change: fn(&mut Value)| {
        let mut document = small();
        change(&mut document);
        super::emit(&model::read(&document).unwrap()).unwrap_err()
    };
    let problem = rejected(|document| {
        document["components"]["schemas"]["Thing"]["properties"]["extra"] =
            json!({"type": "string", "description": "An extra."});
    });
    assert!(problem.contains("Thing.extra"), "{problem}");
    let problem = rejected(|document| {
        document["components"]["schemas"]["PutThing"]["properties"]["counts"] = json!({
            "type": "object", "description": "Counts.", "additionalProperties": {"type": "integer", "format": "int64"}
        });
    });
    assert!(problem.contains("`put_thing`") && problem.contains("`counts`"), "{problem}");
    let mut document = shapes();
    document["paths"]["/shapes"]["post"]["x-name"] = json!("find");
    let problem = super::emit(&model::read(&document).unwrap()).unwrap_err();
    assert!(problem.contains("`find`") && problem.contains("`search`"), "{problem}");
}

/// Returns the small document with a nested group of its own, whose search has a cursor, a union of objects and a map.
fn shapes() -> Value {
    let mut document = small();
    let string = |about: &str| json!({"type": "string", "description": about});
    document["paths"]["/shapes"] = json!({"post": {
        "operationId": "search_shapes", "x-group": "plane_figures.flat_shapes", "x-name": "search", "x-read-only": true,
        "summary": "Search shapes", "description": "Returns shapes.",
        "parameters": [
            {"name": "from", "in": "query", "description": "From when.", "schema": {"type": "string", "format": "date-time"}},
            {"name": "cursor", "in": "query", "description": "Where.", "schema": {"type": "string"}},
            {"name": "page_size", "in": "query", "description": "How many.", "schema": {"type": "integer", "format": "int64"}}
        ],
        "requestBody": {"required": true, "x-official-name": "shapes_request", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ShapesRequest"}}}},
        "responses": {"200": {"description": "Shapes.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ShapesResponse"}}}}}
    }});
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    let array = |item: &str, about: &str| json!({"type": "array", "description": about, "items": {"$ref": format!("#/components/schemas/{item}")}});
    for (name, schema) in [
        (
            "Circle",
            json!({"required": ["kind", "radius"], "properties": {
                "kind": {"type": "string", "enum": ["ROUND"], "description": "The kind."},
                "radius": {"type": "number", "format": "double", "description": "The radius."}
            }}),
        ),
        (
            "Many",
            json!({"required": ["kind"], "properties": {
                "kind": {"type": "string", "enum": ["MANY"], "description": "The kind."},
                "OF": array("Shape", "The shapes.")
            }}),
        ),
        (
            "ShapesRequest",
            json!({"required": ["like"], "properties": {
                "like": {"allOf": [{"$ref": "#/components/schemas/Shape"}], "description": "An example."}
            }}),
        ),
        (
            "FoundShape",
            json!({"required": ["shape", "labels", "secret_id", "value"], "properties": {
                "secret_id": {"type": "string", "x-secret": true, "description": "The ID."},
                "shape": {"allOf": [{"$ref": "#/components/schemas/Shape"}], "description": "The shape."},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Labels."},
                "value": {"description": "Anything."},
                "sizes": {"type": "array", "nullable": true, "description": "Sizes.", "items": {"type": "number", "format": "double", "nullable": true}}
            }}),
        ),
        (
            "ShapeFeed",
            json!({"properties": {
                "results": array("FoundShape", "The shapes."), "next": string("Next."), "cursor": string("Cursor.")
            }}),
        ),
        (
            "ShapesResponse",
            json!({"required": ["shapes"], "properties": {
                "shapes": {"allOf": [{"$ref": "#/components/schemas/ShapeFeed"}], "description": "The page."}
            }}),
        ),
    ] {
        let mut object = json!({"type": "object", "description": format!("A {name}.")});
        object.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        schemas.insert(name.to_owned(), object);
    }
    schemas.insert("Shape".to_owned(), json!({
        "description": "A shape.",
        "oneOf": [{"$ref": "#/components/schemas/Circle"}, {"$ref": "#/components/schemas/Many"}],
        "discriminator": {"propertyName": "kind", "mapping": {
            "ROUND": "#/components/schemas/Circle", "MANY": "#/components/schemas/Many"
        }}
    }));
    document
}

#[test]
fn groups_of_the_document_need_no_code_by_hand() {
    let outputs = emitted(&shapes());
    let resources = text(&outputs, "lib/generated/resources.js");
    assert_holds(
        &resources,
        &[
            "class PlaneFigures {\n  #native;\n\n  constructor(native) {\n    this.#native = native;\n    this.flatShapes = new FlatShapes(native);",
            "    this.planeFigures = new PlaneFigures(native);",
            "const ITER_SHAPES = new Feed(\n  \"search_shapes\",\n  \"iterShapes\",\n  FoundShape,\n  {\n    like: SHAPE,\n\
             \x20   from: optional(timestamp),\n    cursor: optional(string),\n  },\n  \"shapesRequest\",\n);",
            "const { SHAPE } = require(\"./inputs.js\");",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/resources.d.ts"),
        &[
            "export interface SearchShapesRequest {\n  /** An example. */\n  like: ShapeInput;\n",
            "  from?: Date | string | undefined;",
            "export interface IterShapesRequest extends FeedOptions {",
            "  iter(request: IterShapesRequest, options?: CallOptions): FeedPager<FoundShape>;",
            "mistral.planeFigures.flatShapes.iter({ like })) console.log(item.secretId);",
            "import type { ShapeInput } from \"./inputs.js\";",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/plane_figures_flat_shapes.rs"),
        &[
            "let like: types::Shape = parse_value(like)?;",
            "let from = from.map(parse_timestamp).transpose()?;",
            "options: FeedOptions,\n    ) -> napi::Result<NativePager> {",
            ".plane_figures()",
        ],
    );
    assert_holds(&text(&outputs, "names.mjs"), &["  PlaneFigures,\n", "  FlatShapes,\n"]);
}

#[test]
fn unions_are_read_and_written_by_their_discriminator() {
    let outputs = emitted(&shapes());
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &[
            "            Self::Round(value) => {\n                encoder.number(0.0);\n                value.encode(encoder);",
            "            unknown => {\n                encoder.number(2.0);\n                encoder.serialized(unknown);",
            "encoder.serialized(&self.labels);",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/models.js"),
        &[
            "function decodeShape(decoder) {\n  return decoder.union(\n    () => new Circle(decoder),\n    () => new Many(decoder),\n\
             \x20   () => new UnknownVariant(decoder.json(), \"kind\"),\n  );\n}",
            "    this.of = decoder.isPresent() ? decoder.array(() => decodeShape(decoder)) : null;",
            "      OF: this.of?.map((item) => item.toJSON()),\n",
            "      ? decoder.array(() => (decoder.isPresent() ? decoder.number() : null))\n      : null;",
            "hide(FoundShape, [\"secretId\", \"labels\", \"value\"]);",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/inputs.js"),
        &[
            "const MANY = object({\n  kind: [\"kind\", constant(\"MANY\")],\n  of: [\"OF\", omittable(array((value) => SHAPE(value)))],\n});",
            "const SHAPE = tagged(\"kind\", () => ({\n  ROUND: CIRCLE,\n  MANY: MANY,\n}));",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/models.d.ts"),
        &[
            "export type Shape = Circle | Many | (UnknownVariant & { readonly kind: \"UNKNOWN\" });",
            "  readonly kind: \"ROUND\";",
            "  readonly labels: Record<string, string>;",
            "  value: JsonValue;",
            "  readonly sizes: (number | null)[] | null;",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/inputs.d.ts"),
        &[
            "export type ShapeInput = CircleInput | ManyInput;",
            "  of?: readonly ShapeInput[] | null | undefined;",
        ],
    );
}
