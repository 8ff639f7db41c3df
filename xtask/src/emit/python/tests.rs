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
            "thing_id: &Bound<'_, PyAny>,",
            "let thing_id = arguments::required::<Id>(thing_id, \"thing_id\")?;",
            "let dry = arguments::optional::<bool>(dry, \"dry\")?;",
            "arguments::required::<Many<Id>>(parts, \"parts\")?\n",
            "let notes = body::json(notes, \"put_thing\", \"notes\")?;",
            "(!more.is_none()).then(|| body::json(more, \"put_thing\", \"more\")).transpose()?;",
            ".map(|value| value.into_iter().map(IntoId::into_id).collect::<Vec<_>>());",
            ".map(|value| value.into_iter().collect::<Vec<_>>());",
            "arguments::optional::<String>(state, \"state\")?.map(types::State::from);",
            "use mistral_datasets::{IntoId, types};",
            "fn put_async<'py>(",
        ],
    );
}

#[test]
fn child_groups_are_attributes_of_their_parent() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "src/generated/parts.rs"),
        &[
            "let blocking = self.session.blocking(options, \"things.parts.delete\")?;",
            "let call = blocking.client().things().parts().delete(thing_id);",
            "send(py, blocking, call)",
            ".client_with(options, \"things.parts.delete_async\")?",
            "send_async(py, \"things.parts.delete_async\", &self.session, call)",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/mod.rs"),
        &[
            "module.add_class::<models::Thing>()?;",
            "\"things\" => Py::new(py, things::Things::new(session))?.into_any(),",
            "\"things.parts\" => Py::new(py, parts::Parts::new(session))?.into_any(),",
        ],
    );
    assert_holds(
        &text(&outputs, "resources.py"),
        &[
            "    @resource_property\n    def parts(self) -> Parts:",
            "        return Parts(self._client)\n",
            "        self._native = _native.resource(client, \"things.parts\")\n",
        ],
    );
}

#[test]
fn top_level_groups_are_attributes_of_the_client() {
    let mut document = small();
    document["tags"] = json!([{"name": "things", "description": "All things."}]);
    assert_holds(
        &text(&emitted(&document), "_groups.py"),
        &[
            "    def things(self) -> mistral_datasets.resources.Things:\n        \"\"\"All things.\"\"\"\n",
            "        from mistral_datasets.resources import Things\n\n        return Things(self._client)\n",
        ],
    );
    let groups = text(&emitted_from_own_document(), "_groups.py");
    let (_, official) = groups.split_once("class Observability:").unwrap();
    assert_holds(
        official,
        &["def datasets(self)", "def judges(self)", "return self._client.logs\n"],
    );
    assert!(!official.contains("def files"), "the official SDK has files elsewhere");
}

#[test]
fn responses_become_classes() {
    let outputs = emitted(&small());
    let models = text(&outputs, "src/generated/models.rs");
    assert_holds(
        &models,
        &[
            "state: types::State = state \"state\" null,",
            "tags: List<String> = tags \"tags\" null,",
            "notes: Option<LazyJson<types::Notes>> = notes \"notes\" null,",
            "free: Option<LazyJson<RawJson>> = free \"free\" null,",
            "use mistral_datasets::{RawJson, types};",
            "open_enum!(State);",
            "json_object!(Notes);",
            "new(*, owner_id, since=None, state, object, tags=None, notes=None, free=None)",
        ],
    );
    assert!(!models.contains("Unused"), "a schema that no operation returns has no class");
    let module = text(&outputs, "models.py");
    assert!(!module.contains("Unused"));
    assert_holds(
        &module,
        &[
            "class Notes(JsonObject):",
            "    lines = known_key(\"lines\", \"Line by line.\", required=True)",
            "    author = known_key(\"author\", \"Who took them.\", required=False)",
        ],
    );
    assert_holds(
        &text(&outputs, "_json_schemas.py"),
        &["\"Thing\": {", "\"examples\": [\"NEW\", \"OLD\"]", "\"format\": \"date-time\""],
    );
}

#[test]
fn methods_have_types_and_documentation() {
    let outputs = emitted(&small());
    assert_holds(
        &text(&outputs, "resources.py"),
        &[
            "        thing_id: str | UUID,\n        *,\n",
            "        notes: JSONObject,\n",
            "        parts: Iterable[str | UUID],\n",
            "        state: State | str | None = None,\n        **options: Unpack[CallOptions],\n    ) -> Thing:",
            "            size: Its size. Limits: at least 1.\n",
            "            dry: Whether to try only. Default: False.\n",
            "            options: Options of this call:",
            ">>> response = await mistral.things.put_async(thing_id=thing_id, size=size, notes=notes, parts=parts)",
            "        response: Thing = await self._native.put_async(\n",
            "    def delete(self, thing_id: str | UUID, **options: Unpack[CallOptions]) -> None:",
            "        response: None = self._native.delete(thing_id, options)\n",
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
            "    def __init__(self, *, lines: list[dict[str, JSON]], **extra: JSON) -> None: ...",
            "        state: State | str,\n",
            "        notes: Notes | JSONObject | None = None,\n",
            "    def __getattr__(self, name: str, /) -> JSON: ...",
        ],
    );
    assert_holds(
        &text(&outputs, "enums.py"),
        &[
            "class State(OpenEnum):\n    \"\"\"How it is.\"\"\"\n\n    NEW = \"NEW\"\n    OLD = \"OLD\"\n",
        ],
    );
}

/// Emits from the project's own document, which has listings and tasks.
fn emitted_from_own_document() -> Vec<Output> {
    let text = include_str!("../../../../openapi/datasets.yaml");
    emitted(&serde_yaml_ng::from_str(text).unwrap())
}

#[test]
fn pages_and_their_responses_are_sequences() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &["list results\n", "page records\n", "list data\n", "PyIterator"],
    );
    let stubs = text(&outputs, "models.pyi");
    assert_eq!(stubs.matches("def __iter__(self) -> Iterator[DatasetRecord]: ...").count(), 2);
    assert_eq!(stubs.matches("def __iter__(self) -> Iterator[File]: ...").count(), 1);
}

#[test]
fn listings_have_pagers() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/datasets.rs"),
        &[
            "pager::PagerOptions::new(page_size, prefetch, limit, strict)?;",
            "let call = move |client: &Client| client.datasets().list().q(q.clone()).pager();",
            "client.datasets().list_records(dataset_id.clone()).pager()",
            "self.session.with_keywords(options, \"datasets.iter_records\")?",
            "pager::payload_converter(payload_type)?",
        ],
    );
    assert_holds(
        &text(&outputs, "resources.py"),
        &[
            "-> Pager[Dataset]:",
            "-> Pager[DatasetRecord]: ...",
            "payload_type: type[P],",
            "-> Pager[TypedRecord[P]]: ...",
            "-> Pager[DatasetRecord] | Pager[TypedRecord[P]]:",
            "        return Pager(source)\n",
            "class Datasets(Bulk):",
        ],
    );
}

#[test]
fn tasks_can_be_refreshed_and_awaited() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/datasets.rs"),
        &[
            "arguments::optional::<Seconds>(wait_timeout, \"wait_timeout\")?;",
            "limited(call.wait(), wait_timeout)",
        ],
    );
    assert_holds(
        &text(&outputs, "resources.py"),
        &["wait: bool = False,\n        wait_timeout: float | timedelta | None = None,\n"],
    );
    assert_holds(&text(&outputs, "src/generated/models.rs"), &["with session {", "fn _client("]);
    assert_holds(&text(&outputs, "models.pyi"), &["class ImportTask(TaskMethods):"]);
}

#[test]
fn keywords_get_a_trailing_underscore() {
    let mut document = small();
    let properties = &mut document["components"]["schemas"]["Thing"]["properties"];
    properties["from"] = properties["state"].clone();
    let outputs = emitted(&document);
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &["from_: Option<types::State> = from \"from\" null,", "from_=None)"],
    );
    assert_holds(&text(&outputs, "models.pyi"), &["    def from_(self) -> State | None:"]);
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/spans.rs"),
        &["arguments::optional::<DateTime<Utc>>(from_, \"from_\")?;", ".from(from_)"],
    );
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &["and_: Option<List<Filter>> = and \"AND\" omitted,"],
    );
}

#[test]
fn unions_of_objects_have_variants() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/models.rs"),
        &[
            "Condition(FilterCondition): tag \"\", required [\"field\", \"op\", \"value\"],",
            "Regression(JudgeRegressionOutput): tag \"REGRESSION\",",
            "constant!(JudgeRegressionOutputType = \"REGRESSION\");",
            "filters: Nullable<Filter> = filters \"filters\" null,",
            "wraps Filter as \"filters\"",
            "value: AnyJson = value \"value\" null,",
            "span_attributes: Map<String> = span_attributes \"span_attributes\" null,",
            "input_messages: Private = input_messages \"input_messages\" null,",
        ],
    );
    let alias = "\nFilter: TypeAlias = FilterCondition | FilterGroup | UnknownObject\n";
    assert_holds(&text(&outputs, "models.py"), &[alias, "    \"UnknownObject\",\n"]);
    assert_holds(
        &text(&outputs, "models.pyi"),
        &[
            alias,
            "class FilterGroup(FilterMethods):",
            "    def type(self) -> Literal[\"REGRESSION\"]:",
            "    def span_attributes(self) -> dict[str, str]:",
            "        and_: Sequence[Filter | FilterConditionTypedDict | FilterGroupTypedDict] | None = None,\n",
        ],
    );
}

#[test]
fn parts_of_requests_have_typed_dicts() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "params.py"),
        &[
            "class JudgeRegressionOutputTypedDict(_JudgeRegressionOutputTypedDict, total=False):",
            "    type: Literal[\"REGRESSION\"]\n",
            "    filters: Filter | FilterConditionTypedDict | FilterGroupTypedDict | None\n",
            "    granularity: TimestampGranularity | str | None\n",
        ],
    );
    assert_holds(
        &text(&outputs, "src/generated/datasets.rs"),
        &[
            "let span_references = body::values::<Py<TelemetrySpanReference>>(\n",
            "body::value::<Py<SpanDatasetMappingContract>>(",
        ],
    );
    assert_holds(
        &text(&outputs, "resources.py"),
        &[
            "        search_params: FilterPayload | FilterPayloadTypedDict | FilterCondition | FilterGroup,\n",
            "        span_references: Iterable[TelemetrySpanReference | TelemetrySpanReferenceTypedDict],\n",
            "        type_filter: Iterable[JudgeOutputType | str] | None = None,\n",
            "        from_: datetime | str | None = None,\n",
        ],
    );
}

#[test]
fn pages_with_cursors_have_pagers() {
    let outputs = emitted_from_own_document();
    assert_holds(
        &text(&outputs, "src/generated/spans.rs"),
        &[
            "let pager_options = pager::FeedOptions::new(page_size, limit)?;",
            ".cursor(cursor.clone())",
            "Ok(pager::feed(session, call, pager_options, None))",
        ],
    );
    let resources = text(&outputs, "resources.py");
    assert_holds(
        &resources,
        &[
            "    def iter_latest_span_evaluations(\n",
            "    def iter_trace_spans(\n",
            ") -> FeedPager[GetSpan]:",
            ") -> Pager[Judge]:",
            "        return FeedPager(source)\n",
        ],
    );
}

#[test]
fn unsupported_documents_are_rejected_with_the_name() {
    let mut document = small();
    document["components"]["schemas"]["PutThing"]["properties"]["when"] = json!({
        "type": "object", "additionalProperties": {"type": "string"}, "description": "When."
    });
    let problem = super::emit(&model::read(&document).unwrap()).unwrap_err();
    assert!(problem.contains("`put_thing`") && problem.contains("`when`"), "{problem}");
}
