"""Records with typed payloads."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, make_dataclass
from typing import Any, Literal, TypedDict

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from typing_extensions import NotRequired

from harness import UNREACHABLE, Workspace, error_of
from mistral_datasets import Mistral, errors, types
from mistral_datasets._conversion import payload_converter
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


# Nested types


class Role(enum.Enum):
    USER = "user"
    ASSISTANT = "assistant"


@dataclass
class NestedMessage:
    role: Role
    content: str | None = None
    replies: list[NestedMessage] = field(default_factory=list["NestedMessage"])
    scores: dict[str, Score] = field(default_factory=dict[str, "Score"])


@attrs.define
class Score:
    value: float
    reasons: list[str] | None = None


@dataclass
class Nested:
    messages: list[NestedMessage]
    model: Literal["m", "n"] = "m"
    first: NestedMessage | None = None


class NestedDict(TypedDict):
    messages: list[NestedMessage]
    tags: NotRequired[list[str]]


class StructMessage(msgspec.Struct):
    role: str
    content: str


class Struct(msgspec.Struct):
    messages: list[StructMessage]


@dataclass
class MixedStruct:
    messages: list[StructMessage]


@pydantic.dataclasses.dataclass
class PydanticDataclass:
    messages: list[Message]


@dataclass
class Mixed:
    messages: list[Message]


NESTED = (
    '{"messages": [{"role": "user", "content": null, "replies": [{"role": "assistant", "content": "Hi"}],'
    ' "scores": {"tone": {"value": 0.5}}}], "first": {"role": "user"}, "unknown": 1}'
)
HELLO = '{"messages": [{"role": "user", "content": "Hello"}]}'


def test_nested_types_are_converted() -> None:
    expected = NestedMessage(
        Role.USER,
        None,
        [NestedMessage(Role.ASSISTANT, "Hi")],
        {"tone": Score(value=0.5)},
    )
    assert payload_converter(Nested)(NESTED) == Nested([expected], first=NestedMessage(Role.USER))
    as_dict = payload_converter(NestedDict)(NESTED)
    assert as_dict["messages"] == [expected]
    assert as_dict["unknown"] == 1  # type: ignore[typeddict-item]


def test_types_of_libraries_are_converted() -> None:
    for kind, message in (
        (Struct, StructMessage),
        (MixedStruct, StructMessage),
        (PydanticDataclass, Message),
        (Mixed, Message),
    ):
        payload: Any = payload_converter(kind)(HELLO)
        assert type(payload) is kind
        assert payload.messages == [message(role="user", content="Hello")]
    conversation = payload_converter(types.Conversation)(HELLO)
    assert conversation == {"messages": [{"role": "user", "content": "Hello"}]}


def test_values_that_do_not_match_nested_types() -> None:
    for kind, text, problem in (
        (Nested, '{"messages": {"secret": 1}}', "messages: expected an array"),
        (Nested, '{"messages": ["secret"]}', "messages[0]: expected an object"),
        (Nested, '{"messages": [{"role": "secret"}]}', "messages[0].role: expected a value of Role"),
        (Nested, '{"messages": [{"secret": 1}]}', "messages[0]: missing role"),
        (Mixed, '{"messages": [{"role": "secret"}]}', "messages[0]: content (missing)"),
        (Struct, '{"messages": "secret"}', "validation failed"),
        (NestedDict, '["secret"]', "payload: expected an object"),
    ):
        with pytest.raises(errors.DecodingError) as caught:
            payload_converter(kind)(text)
        assert problem in str(caught.value)
        assert caught.value.__cause__ is None
        assert "secret" not in f"{caught.value} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (set[str], r"Kind\.field: values of type set\[str\] cannot be made from JSON"),
        (list[bytes], r"Kind\.field\[\]: values of type bytes cannot be made from JSON"),
        (dict[int, str], r"Kind\.field: values of type dict\[int, str\] cannot be made from JSON"),
        (Nested | Mixed, r"Kind\.field: a union of Nested and Mixed is ambiguous"),
        (tuple[int, int], r"Kind\.field: values of type tuple\[int, int\] cannot be made from JSON"),
        ("Unknown", r"the name in an annotation is unknown: name 'Unknown' is not defined"),
    ],
)
def test_types_that_cannot_be_made_from_json_are_refused(annotation: Any, problem: str) -> None:
    kind = make_dataclass("Kind", [("field", annotation)])
    with pytest.raises(TypeError, match=f"^payload_type: .*{problem}"):
        Mistral("k", server_url=UNREACHABLE).datasets.iter_records("d", payload_type=kind)
