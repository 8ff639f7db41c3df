//! What the Python emitters make of a small document that has one of everything.

use serde_json::{Value, json};

use crate::emit::Output;
use crate::emit::small::{assert_holds, small, text};
use crate::model;

fn emitted(document: &Value) -> Vec<Output> {
    super::emit(&model::read(document).unwrap()).unwrap()
}

#[test]
fn arguments_are_converted_and_passed_on() {
    let things = text(&emitted(&small()), "src/generated/things.rs");
    assert_holds(
        &things,
        &[
            "#[pyo3(signature = (*, thing_id, size, notes, parts, dry=None, label=None, more=None, others=None, tags=None, state=None, **options))]",
            "thing_id: Id,",
            "notes: Bound<'_, PyAny>,",
            "parts: Many<Id>,",
            "dry: Option<bool>,",
            "json::argument(&notes, \"put_thing\", \"notes\")?",
            ".more(more.map(|more| json::argument(&more, \"put_thing\", \"more\")).transpose()?)",
            ".others(others.map(|ids| ids.into_iter().map(IntoId::into_id).collect()))",
            ".tags(tags.map(|texts| texts.into_iter().collect()))",
            ".state(state.map(types::State::from))",
            "use mistral_datasets::{IntoId, types};",
            "fn put_async<'py>(",
        ],
    );
}

#[test]
fn groups_hang_together() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "src/generated/things.rs"),
        &["fn parts(&self) -> Parts {", "use super::parts::Parts;"],
    );
    assert_holds(
        &text(&outputs, "src/generated/parts.rs"),
        &[
            "let lane = self.session.lane(py, options)?;",
            "let call = lane.client().things().parts().delete(thing_id);",
            "send(py, lane, call)",
            "let call = self.session.client_with(py, options)?.things().parts().delete(thing_id);",
            "send_async(py, \"Parts.delete_async\", &self.session, call)",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/mod.rs"),
        &["module.add_class::<things::Things>()?;"],
    );
    assert_holds(&text(&outputs, "resources.pyi"), &["    def parts(self) -> Parts:"]);
}

#[test]
fn responses_become_classes() {
    let outputs = emitted(&small());
    let models = text(&outputs, "src/generated/models.rs");
    assert_holds(
        &models,
        &[
            "state: types::State,",
            "tags: List<String>,",
            "notes: Option<Py<Notes>>,",
            "free: Option<Json<RawJson>>,",
            "use mistral_datasets::{RawJson, types};",
            "open_enum!(types::State);",
            "required {\n            /// Line by line.\n            lines,\n        }",
            "optional {\n            /// Who took them.\n            author,\n        }",
        ],
    );
    assert!(!models.contains("Unused"), "what no call returns needs no class");
    assert!(!text(&outputs, "models.py").contains("Unused"));
}

#[test]
fn stubs_carry_types_and_documentation() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "resources.pyi"),
        &[
            "        thing_id: str | UUID,\n",
            "        notes: JSONObject,\n",
            "        parts: Iterable[str | UUID],\n",
            "        state: State | None = None,\n        retries: RetryPolicy | int | None = None,\n",
            "        http_headers: Mapping[str, str] | None = None,\n    ) -> Thing:",
            "            size: Its size. Limits: at least 1.\n",
            "            dry: Whether to try only. Default: False.\n",
            ">>> response = await mistral.things.put_async(thing_id=thing_id, size=size, notes=notes, parts=parts)",
            "    def delete(\n        self,\n        *,\n        thing_id: str | UUID,\n",
            "        >>> mistral.things.parts.delete(thing_id=thing_id)",
            "from mistral_datasets.enums import State\n",
        ],
    );
    assert_holds(
        &text(&outputs, "models.pyi"),
        &[
            "    def tags(self) -> list[str]:",
            "    def notes(self) -> Notes | None:",
            "    def free(self) -> dict[str, JSON] | None:",
            "    def __eq__(self, other: builtins.object, /) -> bool: ...",
            "    def __new__(cls, *, lines: list[dict[str, JSON]], **members: JSON) -> Notes: ...",
        ],
    );
    assert_holds(
        &text(&outputs, "enums.py"),
        &[
            "State: TypeAlias = (\n    Literal[\n        \"NEW\",\n        \"OLD\",\n    ]\n    | str\n)",
        ],
    );
}

/// The project's own document, which has listings and tasks.
fn real() -> Vec<Output> {
    let text = include_str!("../../../../openapi/datasets.yaml");
    emitted(&serde_yaml_ng::from_str(text).unwrap())
}

#[test]
fn listings_get_walks() {
    let outputs = real();
    assert_holds(
        &text(&outputs, "src/generated/datasets.rs"),
        &[
            "#[pyo3(signature = (q=None, *, page_size=None, prefetch=None, limit=None, strict=false, **options))]",
            "let call = move |client: &Client| client.datasets().list().q(q.clone()).pager();",
            "client.datasets().list_records(dataset_id.clone()).pager()",
        ],
    );
    assert_holds(
        &text(&outputs, "resources.pyi"),
        &[
            "-> Pager[Dataset]:",
            "-> Pager[DatasetRecord]:",
            "payload_type: type[P],",
            "-> Pager[TypedRecord[P]]:",
            "class Datasets(Bulk):",
        ],
    );
    assert_holds(
        &text(&outputs, "resources.py"),
        &[
            "from mistral_datasets._native import Datasets as _Datasets\n",
            "class Datasets(_Datasets, Bulk):",
        ],
    );
}

#[test]
fn tasks_are_waited_for() {
    let outputs = real();
    assert_holds(
        &text(&outputs, "src/generated/datasets.rs"),
        &["wait=false, wait_timeout=None, **options", "limited(call.wait(), wait_timeout)"],
    );
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &["with session {", "task::wait_async(", "task::refresh("],
    );
    assert_holds(
        &text(&outputs, "models.pyi"),
        &["    def refresh(self) -> ImportTask:", "    async def wait_async(\n"],
    );
}

#[test]
fn what_python_cannot_say_is_refused_by_name() {
    let mut document = small();
    let members = &mut document["components"]["schemas"]["Thing"]["properties"];
    members["from"] = members["state"].clone();
    let problem = super::emit(&model::read(&document).unwrap()).unwrap_err();
    assert!(problem.contains("`from` is a keyword of Python"), "{problem}");

    let mut document = small();
    document["components"]["schemas"]["PutThing"]["properties"]["when"] =
        json!({"type": "string", "format": "date-time", "description": "When."});
    let problem = super::emit(&model::read(&document).unwrap()).unwrap_err();
    assert!(problem.contains("`put_thing`") && problem.contains("`when`"), "{problem}");
}
