"""Responses that a program creates, such as in its tests, and edits of responses that were read."""

from __future__ import annotations

import copy
import datetime
import inspect
import json
import pickle
import uuid
from typing import Any

import pytest
from test_models import DATASET, ID, OTHER, RECORD, SAMPLES, TASK, attribute, page

from harness import Canned
from mistral_datasets import Mistral, errors, models
from mistral_datasets.types import CreateReport, ExportedRecord

TIME = datetime.datetime(2025, 12, 17, 10, 25, tzinfo=datetime.timezone.utc)


def dataset(**fields: Any) -> models.Dataset:
    values: dict[str, Any] = {
        "id": ID,
        "created_at": TIME,
        "updated_at": TIME,
        "name": "N",
        "description": "d",
        "owner_id": ID,
        "workspace_id": ID,
    }
    return models.Dataset(**{**values, **fields})


@pytest.mark.parametrize("name", SAMPLES)
def test_dicts_become_responses(name: str) -> None:
    kind = getattr(models, name)
    sample = copy.deepcopy(SAMPLES[name])
    created = kind.from_dict(sample)
    assert created == kind.from_json(json.dumps(sample))
    assert created.to_dict() == sample
    assert kind.from_dict(created.to_dict()) == created
    assert kind(**{attribute(field): value for field, value in sample.items()}) == created
    with_more = kind.from_dict({**sample, "colour": [1.5]})
    assert with_more.colour == [1.5]
    assert with_more.to_dict()["colour"] == [1.5]
    assert kind.model_validate(sample) == kind.model_validate_json(json.dumps(sample).encode()) == created
    assert kind.model_validate(created) is created


def test_constructors_have_signatures() -> None:
    parameters = inspect.signature(models.Dataset).parameters
    assert list(parameters) == list(DATASET)
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    assert parameters["name"].default is inspect.Parameter.empty
    assert parameters["slug"].default is None


def test_values_are_converted() -> None:
    created = dataset(id=uuid.UUID(ID), created_at="2025-12-17T11:25:00+01:00", updated_at=TIME.astimezone())
    assert (created.id, created.created_at, created.updated_at, created.slug) == (ID, TIME, TIME, None)
    assert created == dataset()
    assert hash(created) == hash(dataset())


@pytest.mark.parametrize(
    ("fields", "kind", "problem"),
    [
        ({"name": 5}, TypeError, "Dataset.name: expected a str, found int"),
        ({"name": None}, TypeError, "Dataset.name: a value is required"),
        ({"id": "x"}, ValueError, "Dataset.id: expected a UUID; the string has another format"),
        ({"id": 5}, TypeError, "Dataset.id: expected a UUID as str or uuid.UUID, found int"),
        (
            {"created_at": TIME.replace(tzinfo=None)},
            ValueError,
            "Dataset.created_at: expected a datetime with a time zone, or an ISO 8601 string, found no time zone",
        ),
        (
            {"created_at": 5},
            TypeError,
            "Dataset.created_at: expected a datetime with a time zone, or an ISO 8601 string, found int",
        ),
    ],
)
def test_wrong_values_are_refused(fields: dict[str, Any], kind: type[Exception], problem: str) -> None:
    with pytest.raises(kind) as caught:
        dataset(**fields)
    assert str(caught.value) == problem


def test_paths_of_wrong_values() -> None:
    task = {**TASK, "result": {**SAMPLES["ImportResult"], "imported_record_count": True}}
    with pytest.raises(
        TypeError, match=r"^ImportTask\.result\.imported_record_count: expected a 64-bit int, found bool$"
    ):
        models.ImportTask.from_dict(task)
    records = {"records": page(RECORD, {**RECORD, "payload": "text"})}
    with pytest.raises(TypeError, match=r"^ListRecordsResponse\.records\.results\[1\]\.payload: expected a dict"):
        models.ListRecordsResponse.from_dict(records)
    with pytest.raises(ValueError, match=r"^DatasetRecord\.properties\.n: NaN is not a JSON number$"):
        models.DatasetRecord.from_dict({**RECORD, "properties": {"n": float("nan")}})
    with pytest.raises(TypeError, match=r"^JudgeOutput\.answer: expected a str or a number, found list$"):
        models.JudgeOutput(analysis="", answer=[])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^Dataset: expected a dict, found list$"):
        models.Dataset.from_dict([])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nam'"):
        dataset(nam="N")


def test_lists_and_payloads_of_constructors() -> None:
    record = models.DatasetRecord.from_dict(RECORD)
    created = models.RecordPage(results=[record], count=1)
    assert created[0] is record
    assert models.RecordPage(count=0).results == []
    payload = models.ConversationPayload(messages=[])
    fields: dict[str, Any] = {**RECORD, "payload": payload}
    assert models.DatasetRecord(**fields).payload is payload
    plain: dict[str, Any] = {"messages": []}
    fields["payload"] = plain
    assert models.DatasetRecord(**fields).payload is not plain
    with pytest.raises(errors.ConfigurationError):
        models.ImportTask.from_dict(TASK).refresh()


# Exported records


def exported() -> ExportedRecord:
    line: dict[str, Any] = {"payload": {"messages": []}, "properties": {"a": 1}, "id": ID, "source": "EXPLORER"}
    line["created_at"] = "then"
    return ExportedRecord.from_json(json.dumps(line))


def test_exported_records_have_what_records_have() -> None:
    record = exported()
    assert record == exported()
    assert record != ExportedRecord.from_json('{"payload": {"messages": []}}')
    assert record.to_dict() == ExportedRecord.from_dict(record.to_dict()).to_dict()
    assert json.loads(record.to_json()) == record.model_dump(mode="json") == record.to_dict()
    assert (record.created_at, dict(record.extra)) == ("then", {"created_at": "then"})
    for restored in (pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record)):
        assert restored == record
        assert type(restored) is ExportedRecord
    assert ExportedRecord(payload={"messages": []}).properties == {}
    with pytest.raises(TypeError, match="unhashable"):
        hash(record)
    record.payload["more"] = 1
    assert record != exported()
    assert record.to_dict()["payload"] == {"messages": [], "more": 1}


def test_records_of_an_export() -> None:
    with Mistral.local() as mistral:
        created = mistral.datasets.create(name="A name", description="")
        mistral.datasets.create_record(dataset_id=created.id, payload={"messages": [], "n": 1.0}, properties={"p": 1})
        (record,) = mistral.datasets.export_records(created.id)
        (again,) = mistral.datasets.export_records(created.id)
        assert record == again == pickle.loads(pickle.dumps(record))
        assert record.to_dict()["payload"] == {"messages": [], "n": 1.0}


# Edits


def test_edits_of_a_payload_are_sent() -> None:
    record = models.DatasetRecord.from_dict(RECORD)
    record.payload["model"] = "m"
    record.payload.version = 2
    record.payload["messages"].append({"role": "assistant", "content": "Hello"})
    record.properties["topic"] = "another"
    with Canned(204) as server, server.client() as mistral:
        mistral.datasets.records.update_payload(dataset_record_id=record.id, payload=record.payload)
    (sent,) = [json.loads(body) for _, _, body in server.requests]
    assert sent == {
        "payload": {
            "messages": [*RECORD["payload"]["messages"], {"role": "assistant", "content": "Hello"}],
            "model": "m",
            "version": 2,
        }
    }
    with Mistral.local() as mistral:
        created = mistral.datasets.create(name="A name", description="")
        mistral.datasets.create_records(created.id, [record])
        (stored,) = mistral.datasets.list_records(dataset_id=created.id)
    assert (stored.payload, stored.properties) == (record.payload, {"topic": "another"})
    record.payload.clear()
    assert record.to_dict()["payload"] == {}


def test_keys_are_attributes_that_can_be_set_and_deleted() -> None:
    payload = models.ConversationPayload(messages=[], model="m")
    payload.messages = [{"role": "user"}]
    payload.model = "n"
    del payload.model
    assert dict(payload) == {"messages": [{"role": "user"}]}
    del payload.messages
    assert payload == {}
    with pytest.raises(AttributeError):
        del payload.model
    messages: object = payload.messages
    assert messages is None, "messages are optional"
    with pytest.raises(AttributeError):
        payload.items = []  # type: ignore[assignment,method-assign]
    # Libraries look for private names, which must not come from the JSON.
    hostile = models.ConversationPayload.from_json('{"_repr_html_": "<script>", "__html__": 1}')
    assert not hasattr(hostile, "_repr_html_")
    assert not hasattr(hostile, "__html__")
    assert hostile["_repr_html_"] == "<script>"


def test_fields_cannot_be_replaced() -> None:
    record: Any = models.DatasetRecord.from_dict(RECORD)
    for name in ("payload", "properties", "source", "colour"):
        with pytest.raises(AttributeError):
            setattr(record, name, {})


# Equality


def with_properties(text: str) -> models.DatasetRecord:
    return models.DatasetRecord.from_json(json.dumps({**RECORD, "properties": "?"}).replace('"?"', text))


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ('{"a": 1}', '{ "a":1 }', True),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ('{"a": 1}', '{"a": 1.0}', True),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": [0]}', '{"a": [false]}', False),
        ('{"a": 1e400}', '{"a": 1e500}', False),
        ('{"a": 1e400}', '{"a": 1e400}', True),
        ('{"a": 1}', '{"a": "1"}', False),
        ('{"a": null}', "{}", False),
    ],
)
def test_records_are_equal_if_their_json_is(left: str, right: str, equal: bool) -> None:
    assert (with_properties(left) == with_properties(right)) is equal
    first, second = with_properties(left), with_properties(right)
    # Reading a value does not change the result.
    assert len(first.properties) + len(second.properties) >= 1
    assert (first == second) is equal


def test_edited_records_differ() -> None:
    first, second = models.DatasetRecord.from_dict(RECORD), models.DatasetRecord.from_dict(RECORD)
    first.properties["topic"] = True
    second.properties["topic"] = 1
    assert first != second
    second.properties["topic"] = True
    assert first == second
    first.payload["n"] = 1
    assert first != second
    assert hash(first) == hash(second) == hash(ID)
    assert first.dataset_id == OTHER


def test_reports_are_equal_if_they_say_the_same() -> None:
    with Mistral.local() as mistral:
        created = mistral.datasets.create(name="A name", description="")
        report = mistral.datasets.create_records(created.id, [{"messages": []}])
        other = mistral.datasets.create_records(created.id, [{"messages": []}])
    assert report == CreateReport.from_json(report.to_json()) == pickle.loads(pickle.dumps(report))
    assert report != other
