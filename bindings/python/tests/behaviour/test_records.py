"""Behaviour cases: records.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from harness import UNREACHABLE, UNUSUAL, Api, Workspace, error_of
from mistral_datasets import Mistral, errors, models


def unreachable(style: str) -> Api:
    """Returns a client of a port on which no server listens."""
    return Api(style, Mistral("a key", server_url=UNREACHABLE, retries=0))


async def test_create_record(api: Api) -> None:
    dataset = await api.dataset()
    payload = {"messages": [{"role": "user", "content": "Hi"}], "model": "m"}
    record = await api.datasets.create_record(dataset_id=dataset.id, payload=payload, properties={"topic": "greeting"})
    assert record.payload == payload
    assert record.payload.messages == payload["messages"]
    assert record.properties == {"topic": "greeting"}
    assert (record.source, record.dataset_id) == ("DIRECT_INPUT", dataset.id)
    record = await api.datasets.create_record(
        dataset_id=dataset.id,
        payload=models.ConversationPayload(messages=[], model="m"),
        properties={},
        source="TELEMETRY_SPAN",
    )
    assert record.payload == {"messages": [], "model": "m"}
    assert record.source == "TELEMETRY_SPAN"


async def test_create_record_rejects_non_objects(style: str) -> None:
    api = unreachable(style)
    cases: list[tuple[Any, Any, str]] = [
        ([None], {}, "payload: expected an object"),
        ({"messages": []}, [None], "properties: expected an object"),
        ("{}", {}, "payload: expected an object"),
        (None, {}, "payload: expected an object"),
    ]
    for payload, properties, expected in cases:
        error = await error_of(api.datasets.create_record, dataset_id="d", payload=payload, properties=properties)
        assert isinstance(error, errors.ValidationError)
        assert (error.message, error.status) == (expected, None)


@pytest.mark.mistral_local(generation="g1")
async def test_create_record_without_messages_is_rejected(workspace: Workspace, api: Api) -> None:
    dataset = await workspace.dataset()
    for payload in ({}, {"messages": [[None]]}, {"messages": "hello"}):
        error = await error_of(workspace.datasets.create_record, dataset_id=dataset.id, payload=payload, properties={})
        assert isinstance(error, errors.ValidationError)
        assert error.status == 422
        assert "payload.messages" in error.message
    assert await workspace.records(dataset) == []

    dataset = await api.dataset()
    payload = {"sentence": "I like it", "groundtruth": "positive"}
    record = await api.datasets.create_record(dataset_id=dataset.id, payload=payload, properties={})
    assert record.payload == payload


async def test_unusual_values_are_preserved(api: Api) -> None:
    dataset = await api.dataset()
    created = await api.datasets.create_record(dataset_id=dataset.id, payload=UNUSUAL, properties=UNUSUAL)
    fetched = await api.datasets.records.fetch(dataset_record_id=created.id)
    (listed,) = await api.records(dataset)
    for record in (created, fetched, listed):
        # Comparing JSON distinguishes the order of keys, 1 from 1.0 and True, and 0.0 from -0.0.
        assert json.dumps(dict(record.payload)) == json.dumps(UNUSUAL)
        assert json.dumps(record.properties) == json.dumps(UNUSUAL)
    text = '{"messages": [ ], "e": 1E400, "lone": "\\ud800", "same": 1, "same": 2}'
    verbatim = await api.datasets.create_record(
        dataset_id=dataset.id, payload=models.ConversationPayload.from_json(text), properties={}
    )
    assert verbatim.payload.to_json() == text


async def test_list_records_in_order(api: Api) -> None:
    dataset = await api.dataset()
    ids = [(await api.record(dataset, str(number))).id for number in range(7)]
    listed: list[str] = []
    for page in (1, 2, 3):
        response = (await api.datasets.list_records(dataset_id=dataset.id, page_size=3, page=page)).records
        assert (response.count, response.next is not None) == (7, page < 3)
        listed.extend(record.id for record in response.results)
    assert listed == ids


async def test_fetch_record(api: Api) -> None:
    dataset = await api.dataset()
    record = await api.record(dataset, "hello")
    assert await api.datasets.records.fetch(dataset_record_id=record.id) == record


async def test_fetch_unknown_record(api: Api) -> None:
    error = await error_of(api.datasets.records.fetch, dataset_record_id=uuid4())
    assert isinstance(error, errors.NotFoundError)
    assert error.error_code == "DATASET_RECORD_NOT_FOUND"
    error = await error_of(api.datasets.records.fetch, dataset_record_id="not a uuid")
    assert isinstance(error, errors.ValidationError)
    assert (error.message, error.status) == ("dataset_record_id: expected a UUID", None)


async def test_update_record_payload(api: Api) -> None:
    record = await api.record(await api.dataset(), "before")
    payload = {"messages": [{"role": "user", "content": "after"}]}
    await api.datasets.records.update_payload(dataset_record_id=record.id, payload=payload)
    fetched = await api.datasets.records.fetch(dataset_record_id=record.id)
    assert fetched.payload == payload
    assert fetched.properties == record.properties
    assert fetched.updated_at > record.updated_at


async def test_update_record_properties(api: Api) -> None:
    record = await api.record(await api.dataset(), "hello")
    await api.datasets.records.update_properties(dataset_record_id=record.id, properties={"reviewed": True})
    fetched = await api.datasets.records.fetch(dataset_record_id=record.id)
    assert fetched.properties == {"reviewed": True}
    assert fetched.payload == record.payload


async def test_delete_record(api: Api) -> None:
    dataset = await api.dataset()
    first = await api.record(dataset, "first")
    second = await api.record(dataset, "second")
    await api.datasets.records.delete(dataset_record_id=first.id)
    for call in (api.datasets.records.fetch, api.datasets.records.delete):
        error = await error_of(call, dataset_record_id=first.id)
        assert isinstance(error, errors.NotFoundError)
    page = (await api.datasets.list_records(dataset_id=dataset.id)).records
    assert (page.count, page.results) == (1, [second])


async def test_bulk_delete_records(api: Api) -> None:
    dataset = await api.dataset()
    ids = [(await api.record(dataset, str(number))).id for number in range(5)]
    await api.datasets.records.bulk_delete(dataset_record_ids=ids[1:4])
    assert [record.id for record in await api.records(dataset)] == [ids[0], ids[4]]


async def test_bulk_delete_is_all_or_nothing(api: Api) -> None:
    dataset = await api.dataset()
    record = await api.record(dataset, "hello")
    error = await error_of(api.datasets.records.bulk_delete, dataset_record_ids=[record.id, str(uuid4())])
    assert error.error_code == "DATASET_RECORD_NOT_FOUND"
    assert await api.records(dataset) == [record]
    error = await error_of(api.datasets.records.bulk_delete, dataset_record_ids=[])
    assert error.message == "dataset_record_ids: expected 1 to 500 items, found 0"


async def test_judge_record_is_not_supported(api: Api) -> None:
    record = await api.record(await api.dataset(), "hello")
    judge: dict[str, Any] = {
        "name": "Tone check",
        "description": "Is it polite?",
        "model_name": "m",
        "instructions": "Judge.",
        "output": {"type": "REGRESSION", "min": 0, "max": 1, "min_description": "no", "max_description": "yes"},
        "tools": [],
    }
    error = await error_of(api.datasets.records.judge, dataset_record_id=record.id, judge_definition=judge)
    assert isinstance(error, errors.ValidationError)
    assert (error.status, error.error_code) == (400, "FEATURE_NOT_SUPPORTED")
