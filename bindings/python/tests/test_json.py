"""What records hold reads exactly as `json.loads` would read it."""

from __future__ import annotations

import json
import random

import pytest

from mistral_datasets import models

ODD = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "1" + "0" * 400,
    "1.0",
    "0.1",
    "1e5",
    "1E+2",
    "1e-7",
    "5e-324",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "1e400",
    "-1e400",
    "123456789.123456789123456789",
    "0." + "3" * 50,
    "true",
    "false",
    "null",
    '""',
    '"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\\\/"',
    '"\\ud83d\\ude00 \\u00e9 é 😀"',
    '"\\ud800"',
    '"\\udc00 alone"',
    '"\\ud800\\u0041"',
    "[]",
    "{}",
    "[[[[[]]]]]",
    '{"a": 1, "b": 2, "a": 3}',
    '{"": {"é": {"\\u00e9": 1}}}',
    "[" * 300 + "]" * 300,
]


def received(text: str) -> object:
    """What is made of a payload that came as this text."""
    return models.ConversationPayload.from_json('{"value": ' + text + "}")["value"]


def same(ours: object, pythons: object) -> bool:
    """Whether two values are equal, of the same types, and in the same order."""
    return repr(ours) == repr(pythons)


@pytest.mark.parametrize("text", ODD)
def test_odd_values_read_as_python_reads_them(text: str) -> None:
    assert same(received(text), json.loads(text))


def test_random_values_read_as_python_reads_them() -> None:
    chance = random.Random(20261123)

    def value(depth: int) -> str:
        kind = chance.randrange(9 if depth else 7)
        if kind == 0:
            return str(chance.randint(-(10 ** chance.randint(1, 40)), 10 ** chance.randint(1, 40)))
        if kind <= 2:
            return repr(chance.uniform(-1, 1) * 10.0 ** chance.randint(-300, 300))
        if kind == 3:
            return f"{chance.randint(0, 10**20)}.{chance.randint(0, 10**20):020}e{chance.randint(-330, 330)}"
        if kind <= 6:
            characters = [chr(chance.choice([chance.randrange(128), chance.randrange(0x110000)])) for _ in range(12)]
            return json.dumps("".join(characters), ensure_ascii=chance.random() < 0.5).encode(errors="replace").decode()
        if kind == 7:
            return "[" + ", ".join(value(depth - 1) for _ in range(chance.randrange(5))) + "]"
        members = (
            f"{json.dumps(f'key {chance.randrange(5)}')}: {value(depth - 1)}" for _ in range(chance.randrange(5))
        )
        return "{" + ", ".join(members) + "}"

    for _ in range(2_000):
        text = value(4)
        assert same(received(text), json.loads(text)), text
