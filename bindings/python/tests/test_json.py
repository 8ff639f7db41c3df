"""Payloads are parsed to the same values as by `json.loads`."""

from __future__ import annotations

import json
import random

import pytest

from mistral_datasets import models

EDGE_CASES = [
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


def parse(text: str) -> object:
    """Parses JSON as part of a payload."""
    return models.ConversationPayload.from_json('{"value": ' + text + "}")["value"]


def same(left: object, right: object) -> bool:
    """Returns whether two values are equal, with the same types and the same order of keys."""
    return repr(left) == repr(right)


@pytest.mark.parametrize("text", EDGE_CASES)
def test_edge_cases_are_parsed_like_python(text: str) -> None:
    assert same(parse(text), json.loads(text))


def test_random_values_are_parsed_like_python() -> None:
    rng = random.Random(20261123)

    def value(depth: int) -> str:
        kind = rng.randrange(9 if depth else 7)
        if kind == 0:
            return str(rng.randint(-(10 ** rng.randint(1, 40)), 10 ** rng.randint(1, 40)))
        if kind <= 2:
            return repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300))
        if kind == 3:
            return f"{rng.randint(0, 10**20)}.{rng.randint(0, 10**20):020}e{rng.randint(-330, 330)}"
        if kind <= 6:
            characters = [chr(rng.choice([rng.randrange(128), rng.randrange(0x110000)])) for _ in range(12)]
            return json.dumps("".join(characters), ensure_ascii=rng.random() < 0.5).encode(errors="replace").decode()
        if kind == 7:
            return "[" + ", ".join(value(depth - 1) for _ in range(rng.randrange(5))) + "]"
        items = (f"{json.dumps(f'key {rng.randrange(5)}')}: {value(depth - 1)}" for _ in range(rng.randrange(5)))
        return "{" + ", ".join(items) + "}"

    for _ in range(2_000):
        text = value(4)
        assert same(parse(text), json.loads(text)), text
