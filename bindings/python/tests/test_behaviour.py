"""The behaviour cases that every language runs by the same names, here blocking and under asyncio.

The list is `tests/behaviour/cases.txt` in the root of the project. A case is a coroutine whose calls are awaited in
either style; see `harness`.
"""

from __future__ import annotations

import datetime
import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

import pytest

from harness import NOWHERE, Api, Canned, Served, failing
from mistral_datasets import Mistral, errors, models

ID = "019b2bd7-96e7-7219-8c0b-45a73da50088"
TIMES = {"created_at": "2025-12-17T10:25:07.818693Z", "updated_at": "2025-12-17T10:41:03.469341Z"}
LINE = '{"messages": [{"role": "user", "content": "Grüße"}]}\n'
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def nowhere(style: str) -> Api:
    """A client of a port on which nothing listens."""
    return Api(style, Mistral("a key", server_url=NOWHERE))


# Datasets


async def test_create_dataset(api: Api) -> None:
    created = await api.datasets.create(name="Refund requests", description="About refunds")
    assert (created.name, created.description) == ("Refund requests", "About refunds")
    assert created.created_at == created.updated_at
    assert created.created_at.tzinfo is datetime.timezone.utc
    assert created.deleted_at is None
    assert all(len(text) == 36 for text in (created.id, created.owner_id, created.workspace_id))


async def test_create_dataset_checks_limits_before_sending(style: str) -> None:
    api = nowhere(style)
    for name, description, expected in [
        ("abcd", "", "name: expected 5 to 50 characters, found 4"),
        ("x" * 51, "", "name: expected 5 to 50 characters, found 51"),
        ("A name", "d" * 201, "description: expected at most 200 characters, found 201"),
    ]:
        error = await failing(api.datasets.create, name=name, description=description)
        assert isinstance(error, errors.ValidationError)
        assert (error.message, error.error_code, error.status) == (expected, "VALIDATION_ERROR", None)


async def test_create_dataset_counts_characters_not_bytes(api: Api) -> None:
    name = "😀" * 50
    assert (await api.datasets.create(name=name, description="")).name == name


async def test_fetch_dataset(api: Api) -> None:
    created = await api.dataset()
    fetched = await api.datasets.fetch(dataset_id=created.id)
    assert fetched == created
    assert fetched is not created


async def test_fetch_dataset_by_slug(api: Api) -> None:
    created = await api.dataset()
    assert created.slug is not None
    assert await api.datasets.fetch(dataset_id=created.slug) == created


async def test_fetch_unknown_dataset(api: Api) -> None:
    error = await failing(api.datasets.fetch, dataset_id=uuid4())
    assert isinstance(error, errors.NotFoundError)
    assert (error.status, error.error_code, error.operation) == (404, "DATASET_NOT_FOUND", "fetch_dataset")
    assert error.request_id
    assert not error.retryable


async def test_update_dataset(api: Api) -> None:
    created = await api.dataset()
    updated = await api.datasets.update(dataset_id=created.id, name="Returned goods", description="Something else")
    assert (updated.name, updated.description) == ("Returned goods", "Something else")
    assert (updated.id, updated.created_at) == (created.id, created.created_at)
    assert updated.updated_at > created.updated_at
    assert await api.datasets.fetch(dataset_id=created.id) == updated


async def test_update_dataset_keeps_what_is_not_given(api: Api) -> None:
    created = await api.dataset()
    updated = await api.datasets.update(dataset_id=created.id, name="Returned goods")
    assert updated.description == created.description
    updated = await api.datasets.update(dataset_id=created.id, name=None, description="Something else")
    assert (updated.name, updated.description) == ("Returned goods", "Something else")


async def test_delete_dataset(api: Api) -> None:
    dataset = await api.dataset()
    record = await api.record(dataset, "hello")
    assert await api.datasets.delete(dataset_id=dataset.id) is None
    for call in (api.datasets.fetch, api.datasets.list_records, api.datasets.delete):
        error = await failing(call, dataset_id=dataset.id)
        assert error.error_code == "DATASET_NOT_FOUND"
    error = await failing(api.datasets.records.fetch, dataset_record_id=record.id)
    assert error.error_code == "DATASET_RECORD_NOT_FOUND"
    assert (await api.datasets.list()).datasets.count == 0


async def test_list_datasets_newest_first(api: Api) -> None:
    for name in ("first", "second", "third"):
        await api.dataset(name)
    page = (await api.datasets.list()).datasets
    assert [dataset.name for dataset in page.results] == ["third", "second", "first"]


async def test_list_datasets_in_pages(api: Api) -> None:
    for name in ("first", "second", "third"):
        await api.dataset(name)
    first = (await api.datasets.list(page_size=2)).datasets
    assert (first.count, len(first.results), first.previous) == (3, 2, None)
    assert first.next.startswith(api.mistral.server_url)
    second = (await api.datasets.list(page_size=2, page=2)).datasets
    assert (second.count, [dataset.name for dataset in second.results], second.next) == (3, ["first"], None)
    assert second.previous
    assert (await api.datasets.list(page_size=2, page=3)).datasets.results == []


async def test_list_datasets_by_text(api: Api) -> None:
    await api.datasets.create(name="Ärger am Schalter", description="")
    await api.datasets.create(name="Something else", description="with ÄRGER in it")
    await api.datasets.create(name="100% unrelated", description="")
    for text, count in [("ärger", 2), ("SCHALTER", 1), ("%", 1), ("nowhere", 0)]:
        assert (await api.datasets.list(q=text)).datasets.count == count, text


async def test_list_datasets_count_only(api: Api) -> None:
    await api.dataset()
    page = (await api.datasets.list(page_size=0)).datasets
    assert (page.count, page.results) == (1, [])


async def test_list_refuses_page_sizes_out_of_range(style: str) -> None:
    api = nowhere(style)
    for page_size, page, expected in [
        (101, 1, "page_size: expected 0 to 100, found 101"),
        (-1, 1, "page_size: expected 0 to 100, found -1"),
        (1, 0, "page: expected at least 1, found 0"),
    ]:
        for call, more in (
            (api.datasets.list, {}),
            (api.datasets.list_records, {"dataset_id": "x"}),
            (api.datasets.list_tasks, {"dataset_id": "x"}),
        ):
            error = await failing(call, page_size=page_size, page=page, **more)
            assert isinstance(error, errors.ValidationError)
            assert error.message == expected


# Records


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


async def test_create_record_refuses_what_is_no_object(style: str) -> None:
    api = nowhere(style)
    cases: list[tuple[Any, Any, str]] = [
        ([None], {}, "payload: expected an object"),
        ({"messages": []}, [None], "properties: expected an object"),
        ("{}", {}, "payload: expected an object"),
        (None, {}, "payload: expected an object"),
    ]
    for payload, properties, expected in cases:
        error = await failing(api.datasets.create_record, dataset_id="d", payload=payload, properties=properties)
        assert isinstance(error, errors.ValidationError)
        assert (error.message, error.status) == (expected, None)


async def test_create_record_without_messages_is_refused(api: Api) -> None:
    dataset = await api.dataset()
    for payload in ({}, {"messages": [[None]]}, {"messages": "hello"}):
        error = await failing(api.datasets.create_record, dataset_id=dataset.id, payload=payload, properties={})
        assert isinstance(error, errors.ValidationError)
        assert error.status == 422
        assert "payload.messages" in error.message
    assert await api.records(dataset) == []


UNUSUAL: dict[str, Any] = {
    "messages": [{"role": "user", "content": 'a\x01b\x7f\u2028 😀 é \\ " / \t'}],
    "z": 1.0,
    "a": 12345678901234567890123,
    "tiny": 1e-7,
    "exact": 0.1,
    "largest": 1.7976931348623157e308,
    "negative zero": -0.0,
    "nested": {"b": [], "a": {}},
    "": None,
    "true": True,
}


async def test_unusual_values_survive(api: Api) -> None:
    dataset = await api.dataset()
    created = await api.datasets.create_record(dataset_id=dataset.id, payload=UNUSUAL, properties=UNUSUAL)
    fetched = await api.datasets.records.fetch(dataset_record_id=created.id)
    (listed,) = await api.records(dataset)
    for record in (created, fetched, listed):
        # Text tells more than equality: the order of members, 1 from 1.0 and True, 0.0 from -0.0.
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
        reply = (await api.datasets.list_records(dataset_id=dataset.id, page_size=3, page=page)).records
        assert (reply.count, reply.next is not None) == (7, page < 3)
        listed.extend(record.id for record in reply.results)
    assert listed == ids


async def test_fetch_record(api: Api) -> None:
    dataset = await api.dataset()
    record = await api.record(dataset, "hello")
    assert await api.datasets.records.fetch(dataset_record_id=record.id) == record


async def test_fetch_unknown_record(api: Api) -> None:
    error = await failing(api.datasets.records.fetch, dataset_record_id=uuid4())
    assert isinstance(error, errors.NotFoundError)
    assert error.error_code == "DATASET_RECORD_NOT_FOUND"
    error = await failing(api.datasets.records.fetch, dataset_record_id="not a uuid")
    assert isinstance(error, errors.ValidationError)
    assert (error.message, error.status) == ("dataset_record_id: expected a uuid", None)


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
        error = await failing(call, dataset_record_id=first.id)
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
    error = await failing(api.datasets.records.bulk_delete, dataset_record_ids=[record.id, str(uuid4())])
    assert error.error_code == "DATASET_RECORD_NOT_FOUND"
    assert await api.records(dataset) == [record]
    error = await failing(api.datasets.records.bulk_delete, dataset_record_ids=[])
    assert error.message == "dataset_record_ids: expected 1 to 500 items, found 0"


async def test_judge_record_is_not_supported(api: Api) -> None:
    record = await api.record(await api.dataset(), "hello")
    judge: dict[str, Any] = {
        "name": "tone",
        "description": "Is it polite?",
        "model_name": "m",
        "instructions": "Judge.",
        "output": {"type": "REGRESSION", "min": 0, "max": 1},
        "tools": [],
    }
    error = await failing(api.datasets.records.judge, dataset_record_id=record.id, judge_definition=judge)
    assert isinstance(error, errors.ValidationError)
    assert (error.status, error.error_code) == (400, "FEATURE_NOT_SUPPORTED")


# Imports


async def test_import_from_file(api: Api) -> None:
    dataset = await api.dataset()
    lines = [
        '{"payload": {"messages": [{"role": "user", "content": "B"}], "n": 1.0}, "properties": {"z": 1, "a": 2}}',
        '{"messages": [{"role": "user", "content": "A"}]}',
        '{"messages": [], "properties": {"last": true}}',
    ]
    file = await api.file("\n".join(lines))
    task = await api.datasets.import_from_file(dataset_id=dataset.id, file_id=file)
    assert (task.status, task.dataset_id) == ("RUNNING", dataset.id)
    task = await api.finished(task)
    assert (task.status, task.progress) == ("COMPLETED", 100)
    assert task.result is not None
    counts = task.result.to_dict().values()
    assert list(counts) == [3, 3, 0]
    records = await api.records(dataset)
    assert records[0].payload.to_json() == ('{"messages": [{"role": "user", "content": "B"}], "n": 1.0}')
    assert records[1].payload == {"messages": [{"role": "user", "content": "A"}]}
    assert [record.properties for record in records] == [{"z": 1, "a": 2}, {}, {"last": True}]
    assert {record.source for record in records} == {"UPLOADED_FILE"}


async def test_import_from_file_fails_whole(api: Api) -> None:
    dataset = await api.dataset()
    for bad in ('{"messages": 5}', "{", '{"properties": {}}', "[]", '{"payload": []}'):
        file = await api.file(f"{LINE}{LINE}{bad}\n{LINE}")
        task = await api.finished(await api.datasets.import_from_file(dataset_id=dataset.id, file_id=file))
        assert task.status == "FAILED", bad
        assert "line 3" in (task.message or ""), task
        assert await api.records(dataset) == []


EVENTS = [
    {
        "request_messages": [{"role": "user", "content": "one"}],
        "response_messages": [{"role": "assistant", "content": "1"}],
    },
    {
        "request_messages": [{"role": "user", "content": "two"}],
        "response_messages": [{"role": "assistant", "content": "2"}],
    },
]


async def test_import_from_explorer(style: str, served: Served) -> None:
    mistral, key = served.client()
    api = Api(style, mistral)
    dataset = await api.dataset()
    ids = [event["event_id"] for event in served.plant(key, "chat-completion-events", EVENTS)]
    task = await api.datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=ids)
    assert (await api.finished(task)).status == "COMPLETED"
    records = await api.records(dataset)
    assert [record.source for record in records] == ["EXPLORER", "EXPLORER"]
    assert [message["content"] for message in records[0].payload.messages] == ["one", "1"]


async def test_import_from_campaign(style: str, served: Served) -> None:
    mistral, key = served.client()
    api = Api(style, mistral)
    dataset = await api.dataset()
    ids = [event["event_id"] for event in served.plant(key, "chat-completion-events", EVENTS)]
    campaign = served.plant(key, "campaigns", {"name": "Week 1", "event_ids": ids})
    task = await api.datasets.import_from_campaign(dataset_id=dataset.id, campaign_id=campaign["id"])
    assert (await api.finished(task)).status == "COMPLETED"
    contents = [record.payload.messages[0]["content"] for record in await api.records(dataset)]
    assert contents == ["one", "two"]


async def test_import_from_playground(style: str, served: Served) -> None:
    mistral, key = served.client()
    api = Api(style, mistral)
    dataset = await api.dataset()
    planted = served.plant(key, "conversations", [HELLO])
    ids = [conversation["conversation_id"] for conversation in planted]
    task = await api.datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=ids)
    assert (await api.finished(task)).status == "COMPLETED"
    (record,) = await api.records(dataset)
    assert (record.source, record.payload["messages"]) == ("PLAYGROUND", HELLO["messages"])
    task = await api.finished(await api.datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=[]))
    assert task.result is not None
    assert (task.status, task.result.imported_record_count) == ("COMPLETED", 0)


async def test_import_from_dataset_records(api: Api) -> None:
    source, target = await api.dataset(), await api.dataset()
    first, second = await api.record(source, "first"), await api.record(source, "second")
    task = await api.datasets.import_from_dataset_records(
        dataset_id=target.id, dataset_record_ids=[second.id, first.id]
    )
    assert (await api.finished(task)).status == "COMPLETED"
    copies = await api.records(target)
    assert [(copy.payload, copy.properties) for copy in copies] == [
        (record.payload, record.properties) for record in (second, first)
    ]
    assert {copy.id for copy in copies}.isdisjoint({first.id, second.id})
    assert len(await api.records(source)) == 2


async def test_import_from_unknown_sources_is_refused(api: Api) -> None:
    dataset, unknown = await api.dataset(), str(uuid4())
    datasets = api.datasets
    calls: list[tuple[Any, dict[str, Any], str | None]] = [
        (datasets.import_from_file, {"file_id": unknown}, None),
        (datasets.import_from_explorer, {"completion_event_ids": [unknown]}, None),
        (datasets.import_from_campaign, {"campaign_id": unknown}, "CAMPAIGN_NOT_FOUND"),
        (datasets.import_from_playground, {"conversation_ids": [unknown]}, None),
        (datasets.import_from_dataset_records, {"dataset_record_ids": [unknown]}, "DATASET_RECORD_NOT_FOUND"),
    ]
    for call, source, code in calls:
        error = await failing(call, dataset_id=dataset.id, **source)
        assert isinstance(error, errors.NotFoundError), error
        assert code in (None, error.error_code)
    error = await failing(datasets.import_from_file, dataset_id=unknown, file_id="file")
    assert error.error_code == "DATASET_NOT_FOUND"
    assert (await datasets.list_tasks(dataset_id=dataset.id)).tasks.count == 0


async def test_list_tasks(api: Api) -> None:
    dataset = await api.dataset()
    ids: list[str] = []
    for _ in range(3):
        file = await api.file("")
        task = await api.datasets.import_from_file(dataset_id=dataset.id, file_id=file)
        ids.insert(0, (await api.finished(task)).id)
    page = (await api.datasets.list_tasks(dataset_id=dataset.id, page_size=2)).tasks
    assert (page.count, [task.id for task in page.results]) == (3, ids[:2])
    assert page.next


async def test_fetch_unknown_task(api: Api) -> None:
    dataset = await api.dataset()
    error = await failing(api.datasets.fetch_task, dataset_id=dataset.id, task_id=uuid4())
    assert isinstance(error, errors.NotFoundError)
    assert error.error_code == "DATASET_TASK_NOT_FOUND"


# Files


async def test_upload_file_from_bytes(api: Api) -> None:
    content = LINE.encode()
    for given in (content, bytearray(content), memoryview(content)):
        file = await api.files.upload(file={"file_name": "häufig gefragt.jsonl", "content": given})
        assert (file.filename, file.bytes, file.object) == ("häufig gefragt.jsonl", len(content), "file")
        assert file.id


class Unseekable(io.RawIOBase):
    """A stream that cannot tell how much is left in it, such as a pipe."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1, /) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


async def test_upload_file_streamed(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text(LINE * 50_000, encoding="utf-8")
    with path.open("rb") as source:
        file = await api.files.upload(file={"file_name": path.name, "content": source})
    assert file.bytes == path.stat().st_size
    assert (await api.read(await api.files.download(file_id=file.id))) == path.read_bytes()

    with path.open("rb") as source:
        source.seek(file.bytes - 10)
        file = await api.files.upload(file={"file_name": path.name, "content": source})
    assert file.bytes == 10

    pipe = cast("BinaryIO", Unseekable([LINE.encode()] * 10))
    file = await api.files.upload(file={"file_name": "pieces.jsonl", "content": pipe})
    assert file.bytes == len(LINE.encode()) * 10


async def test_list_files(api: Api) -> None:
    first, second, third = [await api.file(text) for text in "123"]
    reply = await api.files.list()
    assert ([file.id for file in reply.data], reply.total) == ([third, second, first], 3)
    reply = await api.files.list(page=1, page_size=2)
    assert [file.id for file in reply.data] == [first]


async def test_retrieve_file(api: Api) -> None:
    uploaded = await api.files.upload(file={"file_name": "a.jsonl", "content": LINE.encode()})
    retrieved = await api.files.retrieve(file_id=uploaded.id)
    assert {**retrieved.to_dict(), "deleted": None} == {**uploaded.to_dict(), "deleted": None}


async def test_delete_file(api: Api) -> None:
    file = await api.file(LINE)
    reply = await api.files.delete(file_id=file)
    assert (reply.id, reply.deleted) == (file, True)
    for call in (api.files.retrieve, api.files.delete, api.files.download):
        error = await failing(call, file_id=file)
        assert isinstance(error, errors.NotFoundError)
        assert error.status == 404
    assert (await api.files.list()).total == 0


async def test_download_file(api: Api) -> None:
    content = bytes(range(256)) * 1200
    file = await api.files.upload(file={"file_name": "any.bin", "content": content})
    download = await api.files.download(file_id=file.id)
    assert download.length == len(content)
    assert await api.read(download) == content
    pieces: list[bytes] = []
    if api.style == "asyncio":
        async with await api.files.download(file_id=file.id) as download:
            pieces = [piece async for piece in download.aiter_bytes(100_000)]
    else:
        with await api.files.download(file_id=file.id) as download:
            pieces = list(download.iter_bytes(100_000))
    assert [len(piece) for piece in pieces] == [100_000, 100_000, 100_000, 7_200]
    assert b"".join(pieces) == content
    assert download.is_closed


async def test_signed_url_needs_no_key(api: Api) -> None:
    file = await api.file(LINE)
    link = (await api.files.get_signed_url(file_id=file, expiry=1)).url
    assert link.startswith(api.mistral.server_url)
    with urllib.request.urlopen(link) as reply:
        assert reply.read().decode() == LINE
    assert await api.read(await api.open_link(link)) == LINE.encode()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(link + "0")
    error = await failing(api.files.get_signed_url, file_id=file, expiry=0)
    assert error.message == "expiry: expected at least 1, found 0"


async def test_export_then_import(api: Api) -> None:
    dataset = await api.dataset()
    await api.datasets.create_record(dataset_id=dataset.id, payload=UNUSUAL, properties=UNUSUAL)
    for number in range(120):
        await api.record(dataset, f"number {number} \u2028 😀")
    link = (await api.datasets.export_to_jsonl(dataset_id=dataset.id)).file_url
    export = await api.read(await api.open_link(link))
    assert export.count(b"\n") == 121

    copy = await api.dataset()
    file = await api.files.upload(file={"file_name": "export.jsonl", "content": export})
    task = await api.finished(await api.datasets.import_from_file(dataset_id=copy.id, file_id=file.id))
    assert task.result is not None, task
    assert task.result.imported_record_count == 121
    for page in (1, 2):
        read = [
            [
                (record.payload.to_json(), json.dumps(record.properties))
                for record in (
                    await api.datasets.list_records(dataset_id=each.id, page_size=100, page=page)
                ).records.results
            ]
            for each in (dataset, copy)
        ]
        assert read[0]
        assert read[0] == read[1]


# Replies that the local server would not send


async def test_replies_of_every_generation_read(style: str) -> None:
    dataset = {
        "id": ID,
        **TIMES,
        "deleted_at": None,
        "name": "My resource",
        "description": "d",
        "owner_id": ID,
        "workspace_id": ID,
    }
    without = {name: value for name, value in dataset.items() if name != "deleted_at"}
    for body, slug in [(dataset, None), ({**dataset, "slug": "my-resource"}, "my-resource"), (without, None)]:
        with Canned(200, json.dumps(body)) as server:
            read = await Api(style, server.client()).datasets.fetch(dataset_id=ID)
        assert (read.slug, read.deleted_at, read.created_at.microsecond) == (slug, None, 818_693)

    # The documentation's samples: what its renderer makes of an object with free members.
    sample = {
        "id": ID,
        **TIMES,
        "dataset_id": ID,
        "deleted_at": None,
        "payload": {"messages": [[None]]},
        "properties": [None],
        "source": "EXPLORER",
    }
    with Canned(200, json.dumps(sample)) as server:
        record = await Api(style, server.client()).datasets.records.fetch(dataset_record_id=ID)
    assert record.payload.messages == [[None]]
    assert cast("object", record.properties) == [None]
    assert record.to_dict() == sample

    with Canned(200, '{"records": {"count": 87}}') as server:
        page = (await Api(style, server.client()).datasets.list_records(dataset_id=ID)).records
    assert (page.count, page.results, page.next, page.previous) == (87, [], None, None)

    task = {"id": ID, **TIMES, "creator_id": ID, "dataset_id": ID, "workspace_id": ID, "status": "RUNNING"}
    counts = {"requested_record_count": 2, "imported_record_count": 1, "skipped_record_count": 1}
    variants: list[tuple[dict[str, Any], int | None, int | None]] = [
        ({}, None, None),
        ({"progress": None, "message": None}, None, None),
        ({"status": "COMPLETED", "progress": 100, "result": counts}, 100, 1),
    ]
    for more, progress, imported in variants:
        with Canned(200, json.dumps({**task, **more})) as server:
            read = await Api(style, server.client()).datasets.fetch_task(dataset_id=ID, task_id=ID)
        assert (read.progress, read.result and read.result.imported_record_count) == (progress, imported)


async def test_unknown_fields_and_values_are_kept(style: str) -> None:
    body = (
        f'{{"id": "{ID}", "created_at": "{TIMES["created_at"]}", "updated_at": "{TIMES["updated_at"]}", '
        f'"dataset_id": "{ID}", "payload": {{}}, "properties": {{}}, "source": "CARRIER_PIGEON", '
        '"mood": {"b": 1.0, "a": [1]}}'
    )
    with Canned(200, body) as server:
        record = await Api(style, server.client()).datasets.records.fetch(dataset_record_id=ID)
    assert record.source == "CARRIER_PIGEON"
    assert record.mood == {"b": 1.0, "a": [1]}
    assert dict(record.extra) == {"mood": {"b": 1.0, "a": [1]}}
    assert record.to_json().endswith('"mood":{"b": 1.0, "a": [1]}}')


async def test_error_envelopes_of_every_kind_read(style: str) -> None:
    cases: list[tuple[int, str, type[errors.MistralError], str, str | None]] = [
        (
            409,
            '{"detail": {"message": "taken", "error_code": "SOMETHING_NEW"}}',
            errors.ConflictError,
            "taken",
            "SOMETHING_NEW",
        ),
        (
            422,
            '{"detail": [{"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {"a": 1}}]}',
            errors.ValidationError,
            "body.name: Field required",
            None,
        ),
        (
            403,
            '{"object": "error", "message": {"detail": "no"}, "type": "forbidden", "param": null, "code": null}',
            errors.PermissionError,
            "no",
            "forbidden",
        ),
        (
            502,
            "<html>bad gateway</html>",
            errors.ServerError,
            "the server answered 502 (Bad Gateway) without saying more",
            None,
        ),
        (
            429,
            "",
            errors.RateLimitError,
            "the server answered 429 (Too Many Requests) without saying more",
            None,
        ),
        (
            504,
            '{"detail": {"message": "slow"}}',
            errors.ServerTimeoutError,
            "slow",
            None,
        ),
    ]
    for status, body, kind, message, code in cases:
        with Canned(status, body, {"x-request-id": "r-1"}) as server:
            api = Api(style, server.client())
            error = await failing(api.datasets.fetch, dataset_id=ID)
        assert type(error) is kind
        assert isinstance(error, errors.ObservabilityError)
        assert (error.status, error.message, error.error_code) == (status, message, code)
        assert (error.request_id, error.body or "") == ("r-1", body)
    for body in ("<html>hello</html>", "{", '{"id": 5}', "null", ""):
        with Canned(200, body) as server:
            api = Api(style, server.client())
            error = await failing(api.datasets.fetch, dataset_id=ID)
        assert type(error) is errors.DecodingError
        assert error.status == 200


# What goes wrong before or beside the API, and secrets


async def test_missing_key_is_a_configuration_error(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(errors.ConfigurationError, match="MISTRAL_API_KEY"):
        Mistral()
    monkeypatch.setenv("MISTRAL_API_KEY", "from the environment")
    with Canned(200, '{"datasets": {"count": 1}}') as server:
        assert (await Api(style, Mistral(server_url=server.url)).datasets.list()).datasets.count == 1
    assert server.requests[0][1]["authorization"] == "Bearer from the environment"


async def test_refused_key_is_an_authentication_error(api: Api) -> None:
    other = api.of(Mistral("another key", server_url=api.mistral.server_url))
    error = await failing(other.datasets.list)
    assert isinstance(error, errors.AuthenticationError)
    assert (error.status, error.error_code) == (401, "AUTH_UNAUTHORIZED")
    assert "key" in (error.hint or "")


TRANSFERS: list[tuple[Callable[[Api], Any], dict[str, Any]]] = [
    (lambda api: api.datasets.list, {}),
    (lambda api: api.files.download, {"file_id": "file"}),
    (lambda api: api.files.upload, {"file": {"file_name": "a", "content": b"b"}}),
]
"""A plain call, one whose reply streams, and one whose request does."""


async def test_unreachable_server_is_a_connection_error(style: str) -> None:
    api = nowhere(style)
    for call, arguments in TRANSFERS:
        error = await failing(call(api), **arguments)
        assert type(error) is errors.ConnectionError
        assert not isinstance(error, errors.ObservabilityError)
        assert "127.0.0.1:9" in error.message
        assert (error.status, error.retryable) == (None, True)
        assert error.operation
        assert error.hint
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        assert isinstance(cause, ConnectionRefusedError)


async def test_slow_server_is_a_timeout(style: str) -> None:
    with Canned(200, '{"datasets": {"count": 0}}', delay=20) as server:
        api = Api(style, server.client(timeout_ms=100))
        for call, arguments in TRANSFERS:
            error = await failing(call(api), **arguments)
            assert type(error) is errors.TimeoutError
            assert error.retryable


async def test_secrets_stay_out_of_errors(style: str) -> None:
    body = '{"detail": [{"loc": ["body"], "msg": "bad", "input": "the conversation"}]}'
    with Canned(422, body) as server:
        mistral = server.client()
        api = Api(style, mistral)
        payload = models.ConversationPayload(messages=[{"role": "user", "content": "the conversation"}])
        error = await failing(api.datasets.create_record, dataset_id="d", payload=payload, properties={})
        link = f"{server.url}/file?signature=the-signature"
        refused = await failing(api.open_link, link)
    url = models.SignedUrl.from_json(json.dumps({"url": link}))
    printed = " ".join(f"{thing!r} {thing}" for thing in (error, refused, mistral, mistral.datasets, payload, url))
    for secret in ("the key", "the conversation", "the-signature"):
        assert secret not in printed
    assert url.url == link


async def test_key_stays_with_the_server(style: str) -> None:
    with Canned(200, '{"datasets": {"count": 3}}') as other:
        elsewhere = f"{other.url.replace('127.0.0.1', 'localhost')}/elsewhere"
        with Canned(307, headers={"location": elsewhere}) as first:
            api = Api(style, first.client())
            assert (await api.datasets.list()).datasets.count == 3
            assert await api.read(await api.open_link(elsewhere)) == b'{"datasets": {"count": 3}}'
    assert first.requests[0][1]["authorization"] == "Bearer the key"
    assert [request for request, _, _ in other.requests] == ["GET /elsewhere"] * 2
    assert all("authorization" not in headers for _, headers, _ in other.requests)
    error = await failing(api.open_link, "file:///etc/hosts")
    assert isinstance(error, errors.ValidationError)


# The server in the same process


async def test_local_server_in_memory(style: str) -> None:
    api = Api(style, Mistral.local())
    dataset = await api.dataset()
    await api.record(dataset, "hello")
    assert len(await api.records(dataset)) == 1
    url = api.mistral.server_url
    await api.close()
    await api.close()
    assert isinstance(await failing(api.datasets.list), errors.ClosedError)
    late = api.of(Mistral("k", server_url=url))
    assert isinstance(await failing(late.datasets.list), errors.ConnectionError)


async def test_local_server_on_disk(style: str, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    api = Api(style, Mistral.local(directory))
    dataset = await api.dataset()
    with pytest.raises(errors.ConfigurationError):
        Mistral.local(str(directory))
    await api.close()
    api = Api(style, Mistral.local(str(directory)))
    assert await api.datasets.fetch(dataset_id=dataset.id) == dataset
    await api.close()
