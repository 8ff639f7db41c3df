"""Behaviour cases: values are written exactly or refused, and uploads that can be read again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from harness import Workspace, error_of
from mistral_datasets import errors, models

NAN = float("nan")

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]

SURROGATE = r'{"messages":[{"role":"user","content":"a \ud800 b"}],"\udfff":1}'


async def test_values_are_written_exactly_or_refused(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    loop: dict[str, Any] = {"messages": []}
    loop["loop"] = [loop]
    refused: list[tuple[Any, str]] = [
        ({"messages": [{"score": NAN}]}, "payload.messages[0].score: NaN is not a JSON number"),
        ({"messages": [{"score": -float("inf")}]}, "payload.messages[0].score: -Infinity is not a JSON number"),
        ({"messages": [], "a b": {"c": {1, 2}}}, 'payload["a b"].c: set is not a JSON value; convert it to a list'),
        ({"messages": [], "f": print}, "payload.f: builtin_function_or_method is not a JSON value"),
        (loop, "payload.loop[0]: the value contains itself"),
    ]
    for payload, message in refused:
        error = await error_of(workspace.datasets.create_record, dataset_id=dataset.id, payload=payload, properties={})
        assert isinstance(error, errors.ValidationError)
        assert error.message == message
    error = await error_of(
        workspace.datasets.create_record, dataset_id=dataset.id, payload={"messages": []}, properties={"n": [1, NAN]}
    )
    assert error.message == "properties.n[1]: NaN is not a JSON number"
    assert workspace.requests() == []
    properties: dict[str, Any] = {
        "big": 2**53,
        "f": 0.1,
        "e": 1e300,
        "zero": -0.0,
        "": None,
        "text": "\x01 é 😀 \u2028",
        "deep": [[{}]],
    }
    record = await workspace.datasets.create_record(
        dataset_id=dataset.id, payload={"messages": MESSAGES}, properties=properties
    )
    assert repr(record.properties) == repr(properties)


async def test_create_records_names_the_invalid_value(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    invalid = {"payload": {"messages": [{"score": NAN}]}}
    records: list[Any] = [{"messages": []}, invalid, {"messages": [], "properties": {"n": [NAN]}}, {"messages": []}]
    for strategy in ("single", "file"):
        report = await workspace.datasets.create_records(dataset.id, records, strategy=strategy, on_error="continue")
        assert [item.status == "failed" for item in report.items] == [False, True, True, False]
        found = [item.error.message for item in report.items if item.error]
        assert found == [
            "records[1]: payload.messages[0].score: NaN is not a JSON number",
            "records[2]: properties.n[0]: NaN is not a JSON number",
        ]
        error = await error_of(workspace.datasets.create_records, dataset.id, records, strategy=strategy, concurrency=1)
        assert isinstance(error, errors.ValidationError)
        assert error.message == found[0]


async def test_escaped_lone_surrogates_are_preserved(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    payload = models.ConversationPayload.from_json(SURROGATE)
    received = await workspace.datasets.create_record(dataset_id=dataset.id, payload=payload, properties={})
    assert received.payload.to_json() == SURROGATE
    assert received.payload.messages[0]["content"] == "a \ud800 b"
    # As a record, as parsed values, and modified.
    copies: list[Any] = [received, received.payload.to_dict(), dict(received.payload)]
    for strategy in ("single", "file"):
        copy = await workspace.dataset()
        await workspace.datasets.create_records(copy.id, copies, strategy=strategy)
        for record in await workspace.records(copy):
            assert record.payload.to_json() == SURROGATE
    received.payload.messages[0]["content"] += "\udc00"
    modified = await workspace.datasets.create_record(dataset_id=dataset.id, payload=received.payload, properties={})
    assert modified.payload.messages[0]["content"] == "a \ud800 b\udc00"


async def test_null_properties_are_empty(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    created = await workspace.datasets.create_record(dataset_id=dataset.id, payload={"messages": []}, properties=None)
    assert created.properties == {}
    filled = await workspace.record(dataset, "Hi")
    await workspace.datasets.records.update_properties(dataset_record_id=filled.id, properties=None)
    assert (await workspace.datasets.records.fetch(dataset_record_id=filled.id)).properties == {}
    records: list[Any] = [
        {"payload": {"messages": []}, "properties": None},
        {"messages": [], "properties": None},
        ({"messages": []}, None),
    ]
    for strategy in ("single", "file"):
        await workspace.datasets.create_records(dataset.id, records, strategy=strategy)
    await workspace.datasets.import_jsonl(dataset.id, records[:2])
    found = await workspace.records(dataset)
    others = [record for record in found if record.id != filled.id]
    assert len(others) == 9
    for record in others:
        assert record.payload == {"messages": []}
        assert record.properties == {}
    error = await error_of(workspace.datasets.create_record, dataset_id=dataset.id, payload=None, properties=None)
    assert error.message == "payload: expected an object"


async def test_properties_beside_messages_belong_to_the_record(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    record = {"messages": MESSAGES, "properties": {"n": 1}, "model": "m"}
    await workspace.datasets.create_records(dataset.id, [record], strategy="single")
    await workspace.datasets.create_records(dataset.id, [record], strategy="file")
    await workspace.datasets.import_jsonl(dataset.id, [record])
    for each in await workspace.records(dataset):
        assert each.payload.to_json() == json.dumps({"messages": MESSAGES, "model": "m"}, separators=(",", ":"))
        assert each.properties == {"n": 1}
    assert record["properties"] == {"n": 1}, "the caller's object is not modified"


class Stream:
    """A file that is not seekable."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


async def test_uploads_from_memory_are_retried(workspace: Workspace) -> None:
    content = b"0123456789" * 20_000
    file = io.BytesIO(b"skipped" + content)
    file.seek(7)

    def sources() -> Iterator[Any]:
        yield content
        yield bytearray(content)
        yield memoryview(content)
        yield file

    for source in sources():
        workspace.inject_fault(operation="upload_file", status=429, headers={"retry-after": "0"}, times=2)
        workspace.requests()
        uploaded = await workspace.files.upload(file={"file_name": "a", "content": source})
        assert workspace.operations() == ["upload_file"] * 3
        download = await workspace.files.download(file_id=uploaded.id)
        assert await workspace.read(download) == content
    workspace.inject_fault(operation="upload_file", status=429, headers={"retry-after": "0"}, times=1)
    error = await error_of(workspace.files.upload, file={"file_name": "a", "content": Stream(content)})
    assert isinstance(error, errors.RateLimitError)
    assert error.attempts == 1
