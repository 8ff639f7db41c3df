"""Records with typed payloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypedDict

import pydantic
import pytest

from harness import Workspace, error_of
from mistral_datasets import errors
from mistral_datasets.types import TypedRecord


class AsDict(TypedDict):
    messages: list[dict[str, Any]]


@dataclass
class AsDataclass:
    messages: list[dict[str, Any]]
    tags: list[str] = field(default_factory=list[str])


class Message(pydantic.BaseModel):
    role: str
    content: str


class AsModel(pydantic.BaseModel):
    messages: list[Message]


async def test_payloads_are_converted(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    await workspace.record(dataset, "Hello")
    messages = [{"role": "user", "content": "Hello"}]
    kinds: dict[type[Any], Any] = {
        AsDict: {"messages": messages},
        AsDataclass: AsDataclass(messages),
        AsModel: AsModel(messages=[Message(role="user", content="Hello")]),
    }
    for kind, expected in kinds.items():
        for pager in (
            workspace.mistral.datasets.iter_records(dataset.id, payload_type=kind),
            workspace.mistral.datasets.export_records(dataset.id, payload_type=kind),
        ):
            (record,) = await workspace.collect(pager)
            assert record.payload == expected
            assert (record.properties, record.record.payload["messages"]) == ({"text": "Hello"}, messages)
            assert "Hello" not in repr(record) or isinstance(record, TypedRecord)
        (page,) = await workspace.collect(
            workspace.mistral.datasets.iter_records(dataset.id, payload_type=kind).pages()
        )
        assert page.results[0].payload == expected


async def test_mismatched_payloads_are_reported_without_their_text(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    await workspace.record(dataset, "my secret")

    class OtherDict(TypedDict):
        messages: list[Any]
        topic: str

    @dataclass
    class OtherClass:
        topic: str

    class OtherModel(pydantic.BaseModel):
        messages: int

    for kind, problem in (
        (OtherDict, "missing topic"),
        (OtherClass, "missing topic"),
        (OtherModel, "messages (int_type)"),
    ):
        pager = workspace.mistral.datasets.iter_records(dataset.id, payload_type=kind)
        error = await error_of(workspace.collect, pager)
        assert isinstance(error, errors.DecodingError)
        assert problem in str(error)
        assert "secret" not in f"{error!r} {error.__cause__!r}"
    with pytest.raises(TypeError, match="payload_type"):
        workspace.mistral.datasets.iter_records(dataset.id, payload_type=int)
