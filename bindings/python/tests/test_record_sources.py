"""Sources of records: the accepted forms, mutable items, lengths, and values that are not sources."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pandas as pd  # type: ignore[import-untyped]
import pydantic
import pytest
from tqdm import tqdm

from harness import Workspace
from mistral_datasets import models

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]


class PydanticRecord(pydantic.BaseModel):
    payload: dict[str, Any]
    properties: dict[str, Any] | None = None


class PydanticPayload(pydantic.BaseModel):
    messages: list[dict[str, Any]]
    properties: dict[str, Any] = {}


@dataclasses.dataclass
class DataclassRecord:
    payload: Any
    properties: Any


@attrs.define
class AttrsRecord:
    payload: Any
    properties: Any


class StructRecord(msgspec.Struct):
    payload: Any
    properties: Any


async def test_objects_with_payload_and_properties_are_records(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    payload, properties = {"messages": MESSAGES}, {"n": 1}
    records: list[Any] = [
        PydanticRecord(payload=payload, properties=properties),
        PydanticPayload(messages=MESSAGES, properties=properties),
        DataclassRecord(payload, properties),
        DataclassRecord(models.ConversationPayload(**payload), properties),
        AttrsRecord(payload, properties),
        StructRecord(payload, properties),
        {"messages": MESSAGES, "properties": properties},
        PydanticRecord(payload=payload),
        DataclassRecord(payload, None),
    ]
    for strategy in ("single", "file"):
        await workspace.datasets.create_records(dataset.id, records, concurrency=1, strategy=strategy)
    found = await workspace.records(dataset)
    assert [record.payload for record in found] == [payload] * 18
    assert [record.properties for record in found] == ([properties] * 7 + [{}] * 2) * 2


def mutated(count: int) -> Iterator[dict[str, Any]]:
    """Yields the same dict with changing values."""
    record: dict[str, Any] = {"messages": [], "properties": {"n": 0}}
    for n in range(count):
        record["properties"]["n"] = n
        yield record


def mutated_bytes(count: int) -> Iterator[bytearray]:
    buffer = bytearray()
    for n in range(count):
        buffer[:] = b'{"messages": [], "properties": {"n": %d}}\n' % n
        yield buffer


async def test_an_item_is_sent_as_it_was_when_it_was_yielded(workspace: Workspace) -> None:
    async def asynchronous() -> AsyncIterator[dict[str, Any]]:
        for record in mutated(2_000):
            yield record

    sources: list[Callable[[], Any]] = [lambda: mutated(2_000)]
    if workspace.style == "asyncio":
        sources.append(asynchronous)
    for source in sources:
        for create in (workspace.datasets.create_records, workspace.datasets.import_jsonl):
            dataset = await workspace.dataset()
            await create(dataset.id, source())
            found = await workspace.collect(workspace.mistral.datasets.iter_records(dataset.id))
            assert [record.properties["n"] for record in found] == list(range(2_000))
    dataset = await workspace.dataset()
    await workspace.datasets.create_records(dataset.id, mutated(100), concurrency=1, strategy="single")
    assert [record.properties["n"] for record in await workspace.records(dataset)] == list(range(100))
    dataset = await workspace.dataset()
    await workspace.datasets.import_jsonl(dataset.id, mutated_bytes(100))
    assert [record.properties["n"] for record in await workspace.records(dataset)] == list(range(100))


class NoLength:
    """An iterable whose length is not available."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __iter__(self) -> Iterator[Any]:
        records: list[Any] = [{"messages": []}]
        return iter(records)

    def __len__(self) -> int:
        raise self._error


async def test_iterables_whose_length_fails_are_accepted(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    records: list[Any] = [{"messages": []}] * 3
    generator = (record for record in records)
    report = await workspace.datasets.create_records(dataset.id, tqdm(generator, disable=True))
    assert report.created == 3
    for error in (TypeError("no length"), RuntimeError("too early")):
        assert (await workspace.datasets.create_records(dataset.id, NoLength(error))).created == 1


async def test_values_that_are_not_sources_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    payload = {"messages": MESSAGES}
    one = r"for one record, use `create_record` or pass `\[record\]`"
    cases: list[tuple[Any, str]] = [
        (payload, f"^records: expected an iterable of records, found dict; {one}"),
        (models.ConversationPayload(messages=[]), f"found ConversationPayload; {one}"),
        (PydanticRecord(payload=payload), f"found PydanticRecord; {one}"),
        (DataclassRecord(payload, None), f"found DataclassRecord; {one}"),
        (5, "found int"),
        (None, "found NoneType"),
        ("records.jsonl", "found str; .*for a JSONL file, use `import_jsonl`"),
        (tmp_path, "found PosixPath; .*for a JSONL file, use `import_jsonl`"),
        (b"{}", "found bytes"),
        (pd.DataFrame([payload]), r'found DataFrame; pass `records.to_dict\("records"\)`'),
    ]
    for records, message in cases:
        with pytest.raises(TypeError, match=message):
            await workspace.datasets.create_records(dataset.id, records)
    with pytest.raises(TypeError, match=f"^source: expected an iterable of records, found dict; {one}"):
        await workspace.datasets.import_jsonl(dataset.id, payload)
    with pytest.raises(TypeError, match=r'found DataFrame; pass `source.to_dict\("records"\)`'):
        await workspace.datasets.import_jsonl(dataset.id, pd.DataFrame([payload]))
    assert workspace.requests() == []
    frame: Any = pd.DataFrame([{"messages": MESSAGES}])
    assert (await workspace.datasets.create_records(dataset.id, frame.to_dict("records"))).created == 1
