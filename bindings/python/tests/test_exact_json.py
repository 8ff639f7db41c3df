"""What goes in is what is on the wire: values are written exactly or refused."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import json
import math
import types
import uuid
from collections import ChainMap, OrderedDict, deque
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Canned
from mistral_datasets import errors, models
from mistral_datasets._json import InvalidValueError

ID = "019b2bd7-96e7-7219-8c0b-45a73da50088"
UTC = datetime.timezone.utc


def written(value: Any) -> str:
    """Returns the JSON of a value inside a payload."""
    text = models.ConversationPayload(messages=[], value=value).to_json()
    prefix = '{"messages":[],"value":'
    assert text.startswith(prefix)
    return text.removeprefix(prefix).removesuffix("}")


class Text(str, enum.Enum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Constant(enum.Enum):
    DECIMAL = decimal.Decimal("1.50")
    NOTHING = None


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = None


@attrs.define
class AttrsPoint:
    x: Any
    _hidden: int = 1


class StructPoint(msgspec.Struct):
    x: Any
    long_name: int = msgspec.field(default=1, name="longName")


class TaggedPoint(msgspec.Struct, tag="point", tag_field="kind"):
    x: Any
    unset: int | msgspec.UnsetType = msgspec.UNSET


class ArrayPoint(msgspec.Struct, array_like=True):
    x: int
    y: int


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(serialization_alias="Name")
    at: datetime.datetime
    tags: set[int] = set()


ARRAY: Any = np.array([[1, 2]], dtype=np.float32)
MATRIX = ARRAY.view(np.matrix)

EXACT: list[tuple[Any, str]] = [
    (decimal.Decimal("1.10"), "1.10"),
    (decimal.Decimal("-0.00"), "-0.00"),
    (decimal.Decimal("1E+2"), "1E+2"),
    (decimal.Decimal("0." + "3" * 40), "0." + "3" * 40),
    ([{"price": decimal.Decimal("9.990")}, 1, None, True, "é\ud800"], '[{"price":9.990},1,null,true,"é\\ud800"]'),
    ({1: decimal.Decimal(1), None: 2, False: 3, 1.5: 4}, '{"1":1,"null":2,"false":3,"1.5":4}'),
    (np.float32(0.1), "0.1"),
    (np.float32(1e-7), "1e-07"),
    (np.float32(16777216), "16777216.0"),
    (np.float32(3.4028235e38), "3.4028235e+38"),
    (np.float16(0.1), "0.1"),
    (np.float64(0.1), "0.1"),
    (np.int8(-1), "-1"),
    (np.uint64(2**64 - 1), str(2**64 - 1)),
    (np.bool_(True), "true"),
    (np.str_("a"), '"a"'),
    (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
    (np.array([0.1, 1e-7], dtype=np.float32), "[0.1,1e-07]"),
    (np.array([[0.1]], dtype=">f4"), "[[0.1]]"),
    (np.array(0.5), "0.5"),
    (np.array(0.1, dtype=np.float32), "0.1"),
    (np.array([True, False]), "[true,false]"),
    (np.array(["a", "b"]), '["a","b"]'),
    (np.array([decimal.Decimal("1.0"), None], dtype=object), "[1.0,null]"),
    (np.array([], dtype=np.float32), "[]"),
    (MATRIX, "[[1.0,2.0]]"),
    (np.datetime64("2025-01-02T03:04:05"), '"2025-01-02T03:04:05"'),
    (np.array(["2025-01-02"], dtype="datetime64[D]"), '["2025-01-02"]'),
    (pd.Timestamp("2025-01-02T03:04:05.123456789", tz="UTC"), '"2025-01-02T03:04:05.123456789+00:00"'),
    (datetime.datetime(2025, 1, 2, 3, 4, 5, 6, UTC), '"2025-01-02T03:04:05.000006+00:00"'),
    (datetime.date(2025, 1, 2), '"2025-01-02"'),
    (datetime.time(3, 4, 5), '"03:04:05"'),
    (uuid.UUID(ID), f'"{ID}"'),
    (Text.A, '"a"'),
    (Number.ONE, "1"),
    (Constant.DECIMAL, "1.50"),
    (Constant.NOTHING, "null"),
    (Point(1, [Point(decimal.Decimal("2.0"))]), '{"x":1,"y":[{"x":2.0,"y":null}]}'),
    (AttrsPoint({"a": AttrsPoint(1)}), '{"x":{"a":{"x":1,"_hidden":1}},"_hidden":1}'),
    (StructPoint([StructPoint(np.float32(0.1))]), '{"x":[{"x":0.1,"longName":1}],"longName":1}'),
    (TaggedPoint(1), '{"kind":"point","x":1}'),
    (ArrayPoint(1, 2), "[1,2]"),
    (
        Model(name="n", at=datetime.datetime(2025, 1, 2, tzinfo=UTC), tags={1}),
        '{"Name":"n","at":"2025-01-02T00:00:00Z","tags":[1]}',
    ),
    (
        [Model(name="n", at=datetime.datetime(2025, 1, 2)), decimal.Decimal(1)],
        '[{"Name":"n","at":"2025-01-02T00:00:00","tags":[]},1]',
    ),
    (ChainMap({"a": 1}), '{"a":1}'),
    (OrderedDict(a=1), '{"a":1}'),
    (types.MappingProxyType({"a": (1, 2)}), '{"a":[1,2]}'),
    ("\ud800 \udfff", r'"\ud800 \udfff"'),
]


@pytest.mark.parametrize(("value", "text"), EXACT, ids=range(len(EXACT)))
def test_values_are_written_exactly(value: Any, text: str) -> None:
    assert written(value) == text
    json.loads(text)


def cycle(kind: Callable[[Any], Any]) -> Any:
    inner: list[Any] = []
    inner.append(kind(inner))
    return inner


def endless(value: Any) -> Any:
    for _ in range(5000):
        value = [value]
    return value


REFUSED: list[tuple[Any, str]] = [
    (math.nan, ".value: NaN is not a JSON number"),
    ([1, {"a": math.inf}], ".value[1].a: Infinity is not a JSON number"),
    ({"a b": [-math.inf]}, '.value["a b"][0]: -Infinity is not a JSON number'),
    ({"x" * 100: math.nan}, f'.value["{"x" * 64}\\u2026"]: NaN is not a JSON number'),
    ({1: math.nan}, '.value["1"]: NaN is not a JSON number'),
    ({math.nan: 1}, ".value: NaN is not a JSON number"),
    (decimal.Decimal("NaN"), ".value: NaN is not a JSON number"),
    (decimal.Decimal("sNaN"), ".value: NaN is not a JSON number"),
    ([decimal.Decimal("-Infinity")], ".value[0]: Infinity is not a JSON number"),
    (np.float32("nan"), ".value: NaN is not a JSON number"),
    (np.float64("inf"), ".value: Infinity is not a JSON number"),
    (np.array([[0.0], [math.nan]]), ".value[1][0]: NaN is not a JSON number"),
    (np.array([0, math.inf], dtype=np.float32), ".value[1]: Infinity is not a JSON number"),
    (np.array(["2025-01-02", "NaT"], dtype="datetime64[D]"), ".value[1]: datetime64 is not a JSON value"),
    (np.timedelta64(1, "s"), ".value: timedelta64 is not a JSON value; convert it to a number of seconds"),
    (np.complex64(1), ".value: complex64 is not a JSON value"),
    (np.longdouble("0.1"), ".value: longdouble is not a JSON value"),
    (np.array([(1, 2)], dtype=[("a", int), ("b", int)]), ".value[0]: void is not a JSON value"),
    (np.ma.masked_array([1, 2], mask=[True, False]), ".value: MaskedArray is not a JSON value"),
    (pd.NaT, ".value: NaTType is not a JSON value; use None"),
    (pd.NA, ".value: NAType is not a JSON value; use None"),
    (pd.Timedelta(1), ".value: Timedelta is not a JSON value; convert it to a number of seconds"),
    ([pd.Series([1])], ".value[0]: Series is not a JSON value; convert it to a list"),
    (pd.DataFrame({"a": [1]}), ".value: DataFrame is not a JSON value; convert it to a list of dicts"),
    (pd.Index([1]), ".value: Index is not a JSON value"),
    ({1}, ".value: set is not a JSON value; convert it to a list"),
    (frozenset(), ".value: frozenset is not a JSON value; convert it to a list"),
    (b"x", ".value: bytes is not a JSON value; decode it, or encode it as base64"),
    (bytearray(), ".value: bytearray is not a JSON value; decode it, or encode it as base64"),
    (memoryview(b""), ".value: memoryview is not a JSON value; decode it, or encode it as base64"),
    (datetime.timedelta(1), ".value: timedelta is not a JSON value; convert it to a number of seconds"),
    (1j, ".value: complex is not a JSON value"),
    (object(), ".value: object is not a JSON value"),
    (print, ".value: builtin_function_or_method is not a JSON value"),
    (lambda: None, ".value: function is not a JSON value"),
    (functools.partial(print), ".value: partial is not a JSON value"),
    (Point, ".value: type is not a JSON value"),
    (AttrsPoint, ".value: type is not a JSON value"),
    ((number for number in [1]), ".value: generator is not a JSON value"),
    (range(3), ".value: range is not a JSON value"),
    (deque([1]), ".value: deque is not a JSON value"),
    (Point(1, Point({2})), ".value.y.x: set is not a JSON value; convert it to a list"),
    (AttrsPoint(math.nan), ".value.x: NaN is not a JSON number"),
    (StructPoint(b""), ".value.x: bytes is not a JSON value; decode it, or encode it as base64"),
    ({("a", 1): 1}, ".value: expected a str as key, found tuple"),
    ({b"a": 1}, ".value: expected a str as key, found bytes"),
    ([10**5000], ".value[0]: the integer has too many digits"),
    (cycle(lambda value: value), ".value[0]: the value contains itself"),
    (cycle(lambda value: {"a": value}), ".value[0].a: the value contains itself"),
    (cycle(lambda value: Point(value)), ".value[0].x: the value contains itself"),
    (endless(math.nan), ": nested too deeply, or contains itself"),
]


@pytest.mark.parametrize(("value", "problem"), REFUSED, ids=range(len(REFUSED)))
def test_values_are_refused_with_their_path(value: Any, problem: str) -> None:
    payload = models.ConversationPayload(messages=[], value=value)
    with pytest.raises(InvalidValueError) as caught:
        payload.to_json()
    assert str(caught.value) == problem.removeprefix(".").removeprefix(": ")
    with Canned(204) as server, server.client() as mistral:
        with pytest.raises(errors.ValidationError) as rejected:
            mistral.datasets.create_record(dataset_id="d", payload=payload, properties={})
        assert rejected.value.message == f"payload{problem}"
        report = mistral.datasets.create_records("d", [payload], on_error="continue")
        assert report.items[0].error is not None
        assert report.items[0].error.message == f"records[0]: payload{problem}"
        with pytest.raises(errors.ValidationError) as line:
            mistral.datasets.import_jsonl("d", [{"messages": []}, payload])
        assert line.value.message == f"line 2: {problem.removeprefix('.').removeprefix(': ')}"
    assert server.requests == []


def test_errors_do_not_quote_values() -> None:
    class Secretive:
        def to_dict(self) -> dict[str, Any]:
            raise ValueError("my secret")

    messages: list[Any] = [Secretive()]
    with pytest.raises(InvalidValueError) as caught:
        models.ConversationPayload(messages=messages).to_json()
    assert str(caught.value) == "messages[0]: Secretive cannot be converted to JSON: ValueError"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), children, max_size=4)
    ),
    max_leaves=20,
)

Pair = tuple[Any, str]


def leaf(strategy: st.SearchStrategy[Any], text: Callable[[Any], str]) -> st.SearchStrategy[Pair]:
    return strategy.map(lambda value: (value, text(value)))


def quoted(value: Any) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def array(pairs: list[Pair]) -> Pair:
    return [value for value, _ in pairs], f"[{','.join(text for _, text in pairs)}]"


def object_(pairs: dict[str, Pair]) -> Pair:
    text = ",".join(f"{dumped(key)}:{text}" for key, (_, text) in pairs.items())
    return {key: value for key, (value, _) in pairs.items()}, f"{{{text}}}"


def wrapped(pair: Pair) -> Pair:
    return Point(pair[0]), f'{{"x":{pair[1]},"y":null}}'


CONVERTED: st.SearchStrategy[Pair] = st.recursive(
    leaf(PLAIN, dumped)
    | leaf(st.decimals(allow_nan=False, allow_infinity=False), str)
    | leaf(st.uuids(), quoted)
    | leaf(st.datetimes(timezones=st.just(UTC)), lambda value: quoted(value.isoformat()))
    | leaf(st.dates() | st.times(), lambda value: quoted(value.isoformat()))
    | leaf(st.floats(allow_nan=False, allow_infinity=False), dumped).map(lambda pair: (np.float64(pair[0]), pair[1]))
    | leaf(st.integers(-(2**63), 2**63 - 1), str).map(lambda pair: (np.int64(pair[0]), pair[1]))
    | leaf(st.lists(st.integers(0, 255), max_size=4), dumped).map(lambda pair: (np.array(pair[0], np.uint8), pair[1])),
    lambda children: (
        st.lists(children, max_size=4).map(array)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), children, max_size=4).map(
            object_
        )
        | children.map(wrapped)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(CONVERTED)
def test_what_goes_in_is_what_is_on_the_wire(pair: Pair) -> None:
    value, text = pair
    assert written(value) == text


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_strings_with_surrogates_are_written_as_python_reads_them(value: str) -> None:
    assert json.loads(written(value)) == json.loads(json.dumps(value))


@settings(max_examples=200, deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_is_written_in_its_shortest_form(value: float) -> None:
    scalar = np.float32(value)
    text = written(scalar)
    assert text == written(np.array([scalar]))[1:-1]
    assert np.float32(text) == scalar
    # The digits are those of the shortest form.
    assert float(text) == float(np.format_float_scientific(scalar, unique=True))
    assert float(text) == float(str(scalar))


@settings(max_examples=50, deadline=None)
@given(st.lists(PLAIN, max_size=4), st.sampled_from([math.nan, math.inf, {1}, b"", object()]), st.data())
def test_one_invalid_value_is_found_anywhere(items: list[Any], invalid: Any, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(items)))
    items.insert(index, {"here": invalid})
    with pytest.raises(InvalidValueError, match=rf"^value\[{index}\]\.here: "):
        written(items)
