"""Payloads and properties: reading, creating and sending them."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import json
import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness import Canned
from mistral_datasets import Mistral, errors, models

ID = "019b2bd7-96e7-7219-8c0b-45a73da50088"
PLAIN: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant"}], "model": "m"}


@pytest.fixture
def payload() -> models.ConversationPayload:
    return models.ConversationPayload.from_json(json.dumps(PLAIN))


def test_payload_is_a_mapping(payload: models.ConversationPayload) -> None:
    assert isinstance(payload, Mapping)
    assert payload["messages"] == PLAIN["messages"]
    assert dict(payload) == PLAIN
    assert {**payload, "more": 1} == {**PLAIN, "more": 1}
    assert list(payload) == ["messages", "model"]
    assert len(payload) == 2
    assert "model" in payload
    assert "nothing" not in payload
    assert payload.get("model") == "m"
    assert payload.get("nothing") is None
    assert payload.get("nothing", 5) == 5
    assert list(payload.keys()) == list(PLAIN.keys())
    assert list(payload.items()) == list(PLAIN.items())
    assert list(payload.values()) == list(PLAIN.values())
    with pytest.raises(KeyError, match="nothing"):
        payload["nothing"]
    assert isinstance(payload, dict)
    match payload:
        case {"messages": [{"content": content}, *_]}:
            assert content == "Hi"
        case _:
            pytest.fail("the mapping pattern does not match")


def test_concurrent_first_access_returns_the_same_objects() -> None:
    # JSON with a lone surrogate is parsed by Python's own parser, which may let other threads run.
    text = json.dumps({"messages": [{"content": "\ud800"}] * 100})

    def access(payload: models.ConversationPayload, start: threading.Barrier) -> Any:
        start.wait()
        return payload.messages

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for _ in range(50):
                payload = models.ConversationPayload.from_json(text)
                start = threading.Barrier(4)
                calls = [threads.submit(access, payload, start) for _ in range(4)]
                first, *others = [call.result() for call in calls]
                assert all(other is first for other in others)
                assert payload.messages is first
    finally:
        sys.setswitchinterval(interval)


def test_keys_are_attributes(payload: models.ConversationPayload) -> None:
    assert payload.messages == PLAIN["messages"]
    assert payload.messages is payload["messages"]
    assert payload.model == "m"
    assert getattr(payload, "nothing", "no") == "no"
    assert models.ConversationPayload.from_json("{}").messages is None


def test_payload_equals_other_mappings(payload: models.ConversationPayload) -> None:
    assert payload == PLAIN
    assert payload != {"messages": []}
    assert payload == models.ConversationPayload(**PLAIN)
    assert payload != models.ConversationPayload(messages=[])
    assert payload == types.MappingProxyType(PLAIN)


def test_payload_can_be_constructed() -> None:
    payload = models.ConversationPayload(messages=[{"role": "user"}], model="m", **{"with space": 1})
    assert payload.to_json() == '{"messages":[{"role":"user"}],"model":"m","with space":1}'
    assert payload.to_dict() == {"messages": [{"role": "user"}], "model": "m", "with space": 1}
    # Only the first generation of the API requires messages.
    assert models.ConversationPayload().messages is None


def test_repr_shows_the_size() -> None:
    assert repr(models.ConversationPayload(messages=[{}, {}])) == "ConversationPayload(2 messages)"
    assert repr(models.ConversationPayload(messages=[{}])) == "ConversationPayload(1 message)"
    assert repr(models.ConversationPayload.from_json('{"turns": 3}')) == "ConversationPayload(1 key)"
    assert "payload=<not an object>" in repr(record_with("[null]"))


def test_numbers_keep_their_precision() -> None:
    text = '{"messages":[],"big":123456789012345678901234567890,"float":0.1,"minus":-0.0,"int":1,"one":1.0}'
    payload = models.ConversationPayload.from_json(text)
    assert payload.big == 123456789012345678901234567890
    assert str(payload.minus) == "-0.0"
    assert (type(payload.int), type(payload.one)) == (int, float)
    assert models.ConversationPayload(**payload).to_json() == text


def test_json_is_kept_verbatim_until_modified() -> None:
    text = '{ "messages": [ {"n": 1.00} ], "é": "\\u00e9", "same": 1, "same": 2 }'
    payload = models.ConversationPayload.from_json(text)
    assert payload.to_json() == text
    assert payload.messages == [{"n": 1.0}]
    assert payload.to_json() == text, "reading does not modify"
    payload["messages"][0]["n"] = 1
    assert payload.to_json() == '{"messages":[{"n":1}],"é":"é","same":2}'
    assert payload.to_dict()["messages"] is not payload.messages


def test_values_that_python_cannot_write_are_kept_until_modified() -> None:
    text = '{"messages": [], "huge": 1E400}'
    payload = models.ConversationPayload.from_json(text)
    assert payload.huge == float("inf")
    assert payload.to_json() == text
    payload["messages"].append({})
    with pytest.raises(ValueError, match=r"^huge: Infinity is not a JSON number$"):
        payload.to_json()


def record_with(payload: str) -> models.DatasetRecord:
    times = '"created_at": "2025-12-17T10:25:07Z", "updated_at": "2025-12-17T10:25:07Z"'
    fields = f'"id": "{ID}", {times}, "dataset_id": "{ID}", "properties": {{}}, "source": "PLAYGROUND"'
    return models.DatasetRecord.from_json(f'{{{fields}, "payload": {payload}}}')


@pytest.mark.parametrize("text", ["null", "[null]", '"text"', "5"])
def test_payload_that_is_not_an_object_fails_on_access(text: str) -> None:
    record = record_with(text)
    assert record.to_dict()["payload"] == json.loads(text)
    assert f'"payload":{text}' in record.to_json()
    with pytest.raises(errors.DecodingError, match="expected an object"):
        _ = record.payload
    with pytest.raises(errors.DecodingError, match="expected an object"):
        models.ConversationPayload.from_json(text)


def test_json_that_python_cannot_represent_is_a_decoding_error() -> None:
    digits = '{"messages": [], "n": ' + "1" * 5000 + "}"
    deep = '{"messages": ' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(errors.DecodingError):
        _ = record_with(digits).payload
    assert f'"payload":{digits}' in record_with(digits).to_json()
    for text in (digits, deep):
        with pytest.raises(errors.DecodingError):
            models.ConversationPayload.from_json(text)


# Sending


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Conversation:
    messages: list[Any]
    at: datetime.datetime


class CustomMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        values: dict[str, Any] = {"messages": []}
        return values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["messages"])

    def __len__(self) -> int:
        return 1


class PydanticLike:
    """A class with pydantic's `model_dump`."""

    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]:
        return {"messages": [mode, by_alias]}


AT = datetime.datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=datetime.timezone.utc)

SENT: list[tuple[Any, str]] = [
    ({"messages": []}, '{"messages":[]}'),
    ({}, "{}"),
    ({"b": 1, "a": {"d": 1.0, "c": None}, "": True}, '{"b":1,"a":{"d":1.0,"c":null},"":true}'),
    ({"n": 12345678901234567890123, "f": 1e-7, "z": -0.0}, '{"n":12345678901234567890123,"f":1e-07,"z":-0.0}'),
    ({"t": 'é😀\u2028\x01"\\'}, '{"t":"é😀\u2028\\u0001\\"\\\\"}'),
    ({"tuple": (1, 2)}, '{"tuple":[1,2]}'),
    ({"messages": [models.ConversationPayload(messages=[])]}, '{"messages":[{"messages":[]}]}'),
    ({"url": models.SignedUrl.from_json('{"url": "u"}')}, '{"url":{"url":"u"}}'),
    ({"id": uuid.UUID(ID), "at": AT, "day": AT.date()}, f'{{"id":"{ID}","at":"{AT.isoformat()}","day":"2025-01-02"}}'),
    ({"colour": Colour.RED, "level": Level.LOW}, '{"colour":"red","level":1}'),
    (Conversation([{"role": "user"}], AT), '{"messages":[{"role":"user"}],"at":"2025-01-02T03:04:05.000678+00:00"}'),
    (CustomMapping(), '{"messages":[]}'),
    (types.MappingProxyType({"a": 1}), '{"a":1}'),
    (collections.OrderedDict([("a", 1)]), '{"a":1}'),
    (PydanticLike(), '{"messages":["json",true]}'),
    (models.ConversationPayload.from_json('{ "a" : 1.00 }'), '{ "a" : 1.00 }'),
]


@pytest.mark.parametrize(("value", "text"), SENT, ids=range(len(SENT)))
def test_values_are_sent_unchanged(value: Any, text: str) -> None:
    with Canned(204) as server:
        server.client().datasets.records.update_payload(dataset_record_id=ID, payload=value)
        server.client().datasets.records.update_properties(dataset_record_id=ID, properties=value)
    assert [body.decode() for _, _, body in server.requests] == [f'{{"payload":{text}}}', f'{{"properties":{text}}}']


def cycle() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["loop"] = [loop]
    return loop


def deep() -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"deeper": value}
    return value


NOT_SERIALIZABLE: list[Any] = [
    {"n": float("nan")},
    {"n": float("inf")},
    {"set": {1}},
    {"bytes": b"x"},
    {"object": object()},
    {("a", "tuple"): 1},
    {"n": 10**5000},
    cycle(),
    deep(),
    Conversation,
]


@pytest.mark.parametrize("value", NOT_SERIALIZABLE, ids=range(len(NOT_SERIALIZABLE)))
def test_values_that_are_not_serializable_are_rejected_before_sending(value: Any) -> None:
    with Canned(204) as server, server.client() as mistral:
        calls: list[Callable[[], object]] = [
            lambda: mistral.datasets.create_record(dataset_id="d", payload=value, properties={}),
            lambda: mistral.datasets.create_record(dataset_id="d", payload={}, properties=value),
        ]
        for call, argument in zip(calls, ("payload", "properties"), strict=True):
            with pytest.raises(errors.ValidationError, match=rf"^\w+: {argument}[^ ]*: ") as caught:
                call()
            assert caught.value.error_code == "VALIDATION_ERROR"
            assert caught.value.operation == "create_record"
            assert caught.value.__cause__ is not None
    assert server.requests == []


def test_unexpected_exceptions_during_serialization_propagate() -> None:
    class Broken(CustomMapping):
        def __getitem__(self, key: str) -> Any:
            raise LookupError("a bug")

    mistral = Mistral("k", server_url="http://127.0.0.1:9")
    with pytest.raises(LookupError, match="a bug"):
        mistral.datasets.create_record(dataset_id="d", payload=Broken(), properties={})


def test_modified_payloads_are_sent_with_the_changes() -> None:
    payload = models.ConversationPayload.from_json('{ "messages": [] }')
    with Canned(204) as server, server.client() as mistral:
        mistral.datasets.records.update_payload(dataset_record_id=ID, payload=payload)
        payload["messages"].append({"role": "user"})
        mistral.datasets.records.update_payload(dataset_record_id=ID, payload=payload)
    assert [body for _, _, body in server.requests] == [
        b'{"payload":{ "messages": [] }}',
        b'{"payload":{"messages":[{"role":"user"}]}}',
    ]
