//! Tests of the Python emitters with a small document that contains every construct.

use serde_json::{Value, json};

use crate::emit::Output;
use crate::emit::small::{assert_holds, small, text};
use crate::model;

fn emitted(document: &Value) -> Vec<Output> {
    super::emit(&model::read(document).unwrap()).unwrap()
}

#[test]
fn arguments_are_converted_and_passed_to_the_client() {
    let things = text(&emitted(&small()), "src/generated/things.rs");
    assert_holds(
        &things,
        &[
            "#[pyo3(signature = (*, thing_id, size, notes, parts, dry=None, label=None, more=None, others=None, tags=None, state=None, **options))]",
            "thing_id: Id,",
            "notes: Bound<'_, PyAny>,",
            "parts: Many<Id>,",
            "dry: Option<bool>,",
            "arguments::json(&notes, \"put_thing\", \"notes\")?",
            ".more(more.map(|more| arguments::json(&more, \"put_thing\", \"more\")).transpose()?)",
            ".others(others.map(|ids| ids.into_iter().map(IntoId::into_id).collect()))",
            ".tags(tags.map(|items| items.into_iter().collect()))",
            ".state(state.map(types::State::from))",
            "use mistral_datasets::{IntoId, types};",
            "fn put_async<'py>(",
        ],
    );
}

#[test]
fn child_groups_are_attributes_of_their_parent() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "src/generated/things.rs"),
        &["fn parts(&self) -> Parts {", "use super::parts::Parts;"],
    );
    assert_holds(
        &text(&outputs, "src/generated/parts.rs"),
        &[
            "let blocking = self.session.blocking(py, options)?;",
            "let call = blocking.client().things().parts().delete(thing_id);",
            "send(py, blocking, call)",
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
            "free: Option<LazyJson<RawJson>>,",
            "use mistral_datasets::{RawJson, types};",
            "open_enum!(types::State);",
            "required {\n            /// Line by line.\n            lines,\n        }",
            "optional {\n            /// Who took them.\n            author,\n        }",
        ],
    );
    assert!(!models.contains("Unused"), "a schema that no operation returns has no class");
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
            "    def __new__(cls, *, lines: list[dict[str, JSON]], **extra: JSON) -> Notes: ...",
        ],
    );
    assert_holds(
        &text(&outputs, "enums.py"),
        &[
            "State: TypeAlias = (\n    Literal[\n        \"NEW\",\n        \"OLD\",\n    ]\n    | str\n)",
        ],
    );
}

/// Emits from the project's own document, which has listings and tasks.
fn emitted_from_own_document() -> Vec<Output> {
    let text = include_str!("../../../../openapi/datasets.yaml");
    emitted(&serde_yaml_ng::from_str(text).unwrap())
}

#[test]
fn listings_have_pagers() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/datasets.rs"),
        &[
            "#[pyo3(signature = (q=None, *, page_size=None, prefetch=None, limit=None, strict=None, **options))]",
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
fn tasks_can_be_refreshed_and_awaited() {
    let outputs = emitted_from_own_document();
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
fn unsupported_documents_are_rejected_with_the_name() {
    let mut document = small();
    let properties = &mut document["components"]["schemas"]["Thing"]["properties"];
    properties["from"] = properties["state"].clone();
    let problem = super::emit(&model::read(&document).unwrap()).unwrap_err();
    assert!(problem.contains("`from` is a Python keyword"), "{problem}");

    let mut document = small();
    document["components"]["schemas"]["PutThing"]["properties"]["when"] =
        json!({"type": "string", "format": "date-time", "description": "When."});
    let problem = super::emit(&model::read(&document).unwrap()).unwrap_err();
    assert!(problem.contains("`put_thing`") && problem.contains("`when`"), "{problem}");
}
