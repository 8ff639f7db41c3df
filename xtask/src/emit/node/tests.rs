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
        document["components"]["schemas"]["PutThing"]["properties"]["when"] =
            json!({"type": "string", "format": "date-time", "description": "When."});
    });
    assert!(problem.contains("`put_thing`") && problem.contains("`when`"), "{problem}");
}
