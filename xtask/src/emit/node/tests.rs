//! What the Node emitters make of a small document that has one of everything.

use serde_json::{Value, json};

use crate::emit::Output;
use crate::emit::small::{assert_holds, small, text};
use crate::model;

fn emitted(document: &Value) -> Vec<Output> {
    super::emit(&model::read(document).unwrap()).unwrap()
}

#[test]
fn native_methods_begin_calls() {
    let outputs = emitted(&small());
    let things = text(&outputs, "src/generated/things.rs");
    assert_holds(
        &things,
        &[
            "pub fn put_thing(\n        &self,\n        call: u32,\n        thing_id: String,\n",
            "dry: Option<bool>,",
            "notes: String,",
            "parts: Vec<String>,",
            ") -> napi::Result<()> {",
            "let notes = json(notes)?;",
            "let more = more.map(json).transpose()?;",
            ".put(thing_id, size, notes, parts)",
            ".more(more)",
            ".state(state.map(types::State::from))",
        ],
    );
    assert!(!things.contains("async"), "outcomes come back by the numbers of their calls");
    assert_holds(
        &text(&outputs, "src/generated/things_parts.rs"),
        &[
            "pub fn delete_part(&self, call: u32, thing_id: String) {",
            "self.begin(call, |client| client.things().parts().delete(thing_id));",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/mod.rs"),
        &["mod things;\n", "mod things_parts;\n", "mod models;\n"],
    );
}

#[test]
fn both_sides_of_the_border_have_members_in_one_order() {
    let outputs = emitted(&small());
    // What is made when somebody looks comes last, as two numbers each.
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &[
            "        self.extra.cross(to);\n        to.repeated(0, &self.owner_id);\n        to.repeated(1, &self.state);\n\
             \x20       self.object.cross(to);\n        self.tags.cross(to);\n        to.pair(&self.since);\n\
             \x20       to.pair(&self.notes);\n        to.pair(&self.free);\n",
            "impl Cross for types::State {",
        ],
    );
    let models = text(&outputs, "lib/generated/models.js");
    assert_holds(
        &models,
        &[
            "    super(reader);\n    this.ownerId = reader.repeated(0);\n    this.state = reader.repeated(1);\n\
             \x20   this.object = reader.text();\n    this.tags = reader.list(() => reader.text());\n\
             \x20   this.#response = reader.response;\n    this.#at = reader.pass(6);\n",
            "  get since() {\n    return ((this.#seen ??= {}).since ??= timeOf(this.#response, this.#at));",
            "  get notes() {\n    return ((this.#seen ??= {}).notes ??= parsed(this.#response, this.#at + 2));",
            "  get freeText() {\n    return textOf(this.#response, this.#at + 4);",
            "      owner_id: this.ownerId,\n      since: this.since?.toJSON() ?? null,\n",
            "const { parsed, textOf, timeOf } = require(\"../late.js\");",
            "const State = Object.freeze({\n  NEW: \"NEW\",\n",
        ],
    );
    assert!(!models.contains("Unused"), "what no call returns needs no class");
}

#[test]
fn methods_check_their_arguments_and_hang_together() {
    assert_holds(
        &text(&emitted(&small()), "lib/generated/resources.js"),
        &[
            "const PUT_THING = new Operation(\"put_thing\", Thing, {\n  thingId: text,\n",
            "  notes: json,\n",
            "  parts: texts,\n",
            "  dry: optional(boolean),\n",
            "  state: optional(text),\n",
            "const DELETE_PART = new Operation(\"delete_part\", null, {\n  thingId: text,\n});",
            "class Things {\n  #native;\n\n  constructor(native) {\n    this.#native = native;\n    this.parts = new Parts(native);",
            "    return DELETE_PART.send(this.#native, request, options);",
            "    this.things = new Things(native);",
            "const { boolean, integer, json, optional, text, texts } = require(\"../arguments.js\");",
        ],
    );
}

#[test]
fn declarations_carry_types_and_documentation() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "lib/generated/resources.d.ts"),
        &[
            "export interface PutThingRequest {\n  /** Which. */\n  thingId: string;",
            "/** Its size. Limits: at least 1. */\n  size: number;",
            "/** Whether to try only. Default: false. */\n  dry?: boolean | undefined;",
            "const thing = await mistral.things.put({ thingId, size, notes, parts });",
            "await mistral.things.parts.delete({ thingId });",
        ],
    );
    assert_holds(
        &text(&outputs, "lib/generated/models.d.ts"),
        &[
            "export class Thing<TNotes = Notes> extends Model {",
            "  readonly since: Timestamp | null;",
            "  readonly notes: TNotes | null;",
            "  readonly tags: string[];",
            "  readonly freeText: string | null;",
            "export interface Notes {\n  /** Line by line. */\n  lines: JsonObject[];",
        ],
    );
    assert_holds(&text(&outputs, "names.mjs"), &["  Thing,\n", "  State,\n", "  Parts,\n"]);
}

#[test]
fn what_node_cannot_say_is_refused_by_name() {
    let refused = |change: fn(&mut Value)| {
        let mut document = small();
        change(&mut document);
        super::emit(&model::read(&document).unwrap()).unwrap_err()
    };
    let problem = refused(|document| {
        document["components"]["schemas"]["PutThing"]["properties"]["call"] =
            json!({"type": "string", "description": "Whom to call."});
    });
    assert!(problem.contains("`put_thing`") && problem.contains("`call`"), "{problem}");
    let problem = refused(|document| {
        document["components"]["schemas"]["Thing"]["properties"]["extra"] =
            json!({"type": "string", "description": "What is more."});
    });
    assert!(problem.contains("Thing.extra"), "{problem}");
    let problem = refused(|document| {
        document["components"]["schemas"]["PutThing"]["properties"]["when"] =
            json!({"type": "string", "format": "date-time", "description": "When."});
    });
    assert!(problem.contains("`put_thing`") && problem.contains("`when`"), "{problem}");
}
