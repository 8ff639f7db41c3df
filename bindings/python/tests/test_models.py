"""Methods of the classes in `models`."""

from __future__ import annotations

import copy
import datetime
import gc
import json
import keyword
import pickle
import uuid
from typing import Any, cast

import pytest

from mistral_datasets import enums, errors, models
from mistral_datasets._json_schemas import SCHEMAS

ID = "019b2bd7-96e7-7219-8c0b-45a73da50088"
OTHER = "9c0ab39f-0cd0-46cd-bd30-8bf2d50be5ce"
TIMES = {
    "created_at": "2025-12-17T10:25:07.818693Z",
    "updated_at": "2025-12-17T10:41:03.469341Z",
    "deleted_at": None,
}
DATASET: dict[str, Any] = {
    "id": ID,
    **TIMES,
    "name": "N",
    "slug": None,
    "description": "d",
    "owner_id": ID,
    "workspace_id": ID,
}
RECORD: dict[str, Any] = {
    "id": ID,
    **TIMES,
    "dataset_id": OTHER,
    "payload": {"messages": [{"role": "user", "content": "what the user said"}]},
    "properties": {"topic": "what it is about"},
    "source": "EXPLORER",
}
RESULT: dict[str, Any] = {"requested_record_count": 3, "imported_record_count": 2, "skipped_record_count": 1}
TASK: dict[str, Any] = {
    "id": ID,
    **TIMES,
    "creator_id": ID,
    "dataset_id": ID,
    "workspace_id": ID,
    "status": "COMPLETED",
    "progress": 100,
    "message": None,
    "result": RESULT,
}
FILE: dict[str, Any] = {
    "id": "file-1",
    "object": "file",
    "bytes": 12,
    "created_at": 1700000000,
    "filename": "a.jsonl",
    "purpose": None,
    "sample_type": None,
    "source": None,
    "num_lines": None,
    "mimetype": None,
    "signature": None,
    "expires_at": None,
    "visibility": None,
    "deleted": None,
}


def page(*results: object) -> dict[str, Any]:
    return {"results": list(results), "count": 7, "next": "https://h/d?page=2", "previous": None}


SAMPLES: dict[str, dict[str, Any]] = {
    "ConversationPayload": {"messages": [{"role": "user", "content": "what the user said"}], "model": "m"},
    "Dataset": DATASET,
    "DatasetPage": page(DATASET),
    "DatasetRecord": RECORD,
    "DeleteFileResponse": {"id": "file-1", "object": "file", "deleted": True},
    "ExportResponse": {"file_url": "https://h/export?signature=secret"},
    "File": FILE,
    "ImportResult": RESULT,
    "ImportTask": TASK,
    "JudgeOutput": {"analysis": "It is polite.", "answer": 0.5},
    "ListDatasetsResponse": {"datasets": page(DATASET)},
    "ListFilesResponse": {"data": [FILE], "object": "list", "total": None},
    "ListRecordsResponse": {"records": page(RECORD, RECORD)},
    "ListTasksResponse": {"tasks": page(TASK)},
    "RecordPage": page(RECORD),
    "SignedUrl": {"url": "https://h/file?signature=secret"},
    "TaskPage": page(TASK),
    "UnknownObject": {"type": "RANKING", "places": 3},
}

ALIASES = ("Filter", "JudgeOutputUnion")
"""Unions, which have no class of their own."""

UNIONS: dict[str, Any] = {
    "Filter": {"field": "model_name", "op": "eq", "value": [None]},
    "JudgeOutputUnion": {"type": "REGRESSION", "min_description": "bad", "max_description": "good"},
}

JSON_OBJECTS = ("ConversationPayload", "UnknownObject")
"""Classes whose instances are dicts."""


def sample_of(schema: dict[str, Any]) -> Any:
    """Returns a value for a JSON schema."""
    if schema.get("title") in UNIONS:
        return UNIONS[schema["title"]]
    if "anyOf" in schema:
        return sample_of(schema["anyOf"][0])
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if kind == "object":
        free = {"any key": "any text"}
        return (
            {name: sample_of(each) for name, each in schema["properties"].items()} if "properties" in schema else free
        )
    if kind == "array":
        return [sample_of(schema["items"])]
    if kind == "string":
        formats = {"uuid": ID, "date-time": TIMES["created_at"]}
        return formats.get(schema.get("format", "")) or schema.get("examples", ["a text"])[0]
    return {"integer": 3, "number": 0.5, "boolean": True}.get(kind or "", [{"any": None}])


for class_name, class_schema in SCHEMAS.items():
    SAMPLES.setdefault(class_name, sample_of(class_schema))


def attribute(name: str) -> str:
    """Returns the attribute of a field."""
    return f"{name.lower()}_" if keyword.iskeyword(name.lower()) else name.lower()


def build(name: str, sample: dict[str, Any] | None = None) -> Any:
    return getattr(models, name).from_json(json.dumps(SAMPLES[name] if sample is None else sample))


def changed(value: object) -> object:
    """Returns a different value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, list):
        return []
    if isinstance(value, dict):
        return {**cast("dict[str, Any]", value), "another": "x"}
    if value in (ID, OTHER):
        return str(uuid.uuid4())
    text = str(value)
    return text.replace("2025", "2026") if "2025" in text else f"{text}!"


def test_every_class_has_a_sample() -> None:
    assert sorted((*SAMPLES, *ALIASES)) == sorted(models.__all__)


@pytest.mark.parametrize("name", SAMPLES)
class TestEveryModel:
    def test_parses_and_serializes(self, name: str) -> None:
        model = build(name)
        assert type(model).__name__ == name
        assert type(model).__module__ == "mistral_datasets.models"
        assert model.to_dict() == SAMPLES[name]
        assert json.loads(model.to_json()) == SAMPLES[name]
        assert type(model).__doc__

    def test_fields_are_attributes(self, name: str) -> None:
        model = build(name)
        for field in SAMPLES[name]:
            getattr(model, attribute(field))
        with pytest.raises(AttributeError, match=f"'{name}' object has no attribute 'nothing'"):
            _ = model.nothing
        if name in JSON_OBJECTS:
            model.created_at = None
            assert model["created_at"] is None
        else:
            with pytest.raises(AttributeError):
                model.created_at = None

    def test_compares_by_value(self, name: str) -> None:
        sample = SAMPLES[name]
        indented = getattr(models, name).from_json(json.dumps(sample, indent=2))
        assert build(name) == indented
        for field, value in sample.items():
            if value is not None:
                assert build(name) != build(name, {**sample, field: changed(value)}), field
        assert build(name) != sample or name in JSON_OBJECTS
        assert build(name) != "text"

    def test_hashes_by_id_or_is_unhashable(self, name: str) -> None:
        model = build(name)
        if "id" in SAMPLES[name]:
            assert hash(model) == hash(model.id)
            assert len({model, build(name)}) == 1
        else:
            with pytest.raises(TypeError, match="unhashable"):
                hash(model)

    def test_can_be_copied_and_pickled(self, name: str) -> None:
        model = build(name)
        for restored in (
            pickle.loads(pickle.dumps(model)),
            pickle.loads(pickle.dumps(model, protocol=2)),
            copy.copy(model),
            copy.deepcopy(model),
        ):
            assert restored == model
            assert type(restored) is type(model)
            assert restored is not model

    def test_repr_contains_no_conversations_or_secrets(self, name: str) -> None:
        text = repr(build(name))
        assert text.startswith(f"{name}(")
        assert str(build(name)) == text
        for secret in ("what the user said", "what it is about", "signature=secret"):
            assert secret not in text

    def test_keeps_unknown_fields(self, name: str) -> None:
        text = json.dumps({**SAMPLES[name], "colour": {"b": 1.0, "a": [1]}})
        model = getattr(models, name).from_json(text)
        assert model.colour == {"b": 1.0, "a": [1]}
        assert model.to_dict()["colour"] == {"b": 1.0, "a": [1]}
        assert pickle.loads(pickle.dumps(model)).colour == {"b": 1.0, "a": [1]}
        if name not in JSON_OBJECTS:
            assert dict(model.extra) == {"colour": {"b": 1.0, "a": [1]}}
            assert model.extra is model.extra
            assert repr(model).endswith("extra=<1 key>)")
            with pytest.raises(TypeError):
                model.extra["more"] = 1

    def test_rejects_invalid_json_without_quoting_it(self, name: str) -> None:
        for text in ("{", "[]", '"secret"', '{"secret": '):
            with pytest.raises(errors.DecodingError) as caught:
                getattr(models, name).from_json(text)
            assert "secret" not in str(caught.value)

    def test_requires_arguments(self, name: str) -> None:
        if not SCHEMAS.get(name, {}).get("required"):
            # Every field has a default.
            return
        with pytest.raises(TypeError):
            getattr(models, name)()


def test_field_types() -> None:
    record = build("DatasetRecord")
    assert (record.id, record.dataset_id, record.source) == (ID, OTHER, "EXPLORER")
    assert {type(text) for text in (record.id, record.dataset_id)} == {str}
    assert type(record.source) is enums.RecordSource
    expected = datetime.datetime(2025, 12, 17, 10, 25, 7, 818693, tzinfo=datetime.timezone.utc)
    assert record.created_at == expected
    assert record.created_at.utcoffset() == datetime.timedelta(0)
    assert record.deleted_at is None
    assert type(build("JudgeOutput").answer) is float
    assert build("JudgeOutput", {"analysis": "a", "answer": "yes"}).answer == "yes"
    assert build("ImportTask").result.imported_record_count == 2
    assert build("ImportTask", {**TASK, "result": None}).result is None


def test_optional_fields_may_be_missing_or_null() -> None:
    for sample in ({"count": 3}, {"count": 3, "results": None, "next": None}):
        empty = build("RecordPage", sample)
        assert (empty.results, empty.count, empty.next, empty.previous) == ([], 3, None, None)
    with pytest.raises(errors.DecodingError):
        build("RecordPage", {"results": []})


def test_attributes_return_the_same_object_every_time() -> None:
    response = build("ListRecordsResponse")
    assert response.records is response.records
    assert response.records.results is response.records.results
    record = response.records.results[0]
    assert record.payload is record.payload
    assert record.properties is record.properties


def test_modified_values_are_serialized() -> None:
    response = build("ListRecordsResponse")
    untouched = build("ListRecordsResponse")
    response.records.results[0].properties["topic"] = "another"
    response.records.results[0].payload.messages.append({"role": "assistant", "content": "Hello"})
    del response.records.results[1]
    assert response != untouched
    (record,) = response.to_dict()["records"]["results"]
    assert record["properties"] == {"topic": "another"}
    assert len(record["payload"]["messages"]) == 2
    assert pickle.loads(pickle.dumps(response)) == response
    response.records.results.append("not a record")
    with pytest.raises(TypeError):
        response.to_json()


def test_json_is_kept_verbatim_until_modified() -> None:
    text = json.dumps(RECORD).replace('{"topic": "what it is about"}', '{ "n" : 1.00,\n "e": 1E2 }')
    record = models.DatasetRecord.from_json(text)
    assert '{ "n" : 1.00,\n "e": 1E2 }' in record.to_json()
    assert record.properties == {"n": 1.0, "e": 100.0}
    assert '{ "n" : 1.00,\n "e": 1E2 }' in record.to_json(), "reading does not modify"
    record.properties["n"] = True
    assert '{"n":true,"e":100.0}' in record.to_json()


def test_responses_are_not_tracked_by_the_garbage_collector() -> None:
    (record,) = build("RecordPage").results
    payload = record.payload
    assert not gc.is_tracked(record)
    del record
    gc.collect()
    assert payload == RECORD["payload"]


def test_repeated_strings_are_shared() -> None:
    first, second = build("ListRecordsResponse").records.results
    assert first.payload.messages[0]["role"] is second.payload.messages[0]["role"]
