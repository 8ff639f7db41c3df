"""The filter builder, and the classes of filters."""

from __future__ import annotations

import datetime
import inspect
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from observability_samples import events

from harness import Api, Canned
from mistral_datasets import enums, errors, field, map_key, models, quote
from mistral_datasets.types import FieldName

SLOW = {
    "AND": [
        {"field": "model_name", "op": "eq", "value": "x"},
        {
            "OR": [
                {"field": "invoked_tools", "op": "includes", "value": "web_search"},
                {"field": "input_tokens", "op": "gt", "value": 10},
            ]
        },
    ]
}


def test_every_operator_has_a_method() -> None:
    methods = {name for name, _ in inspect.getmembers(FieldName, inspect.isfunction) if not name.startswith("_")}
    assert methods == {operator.value for operator in enums.FilterOperator}
    for name in methods:
        arguments: list[Any] = [] if name == "isnull" else [1]
        condition = getattr(field("a"), name)(*arguments)
        assert condition.to_dict() == {"field": "a", "op": name, "value": True if name == "isnull" else 1}
        assert getattr(FieldName, name).__doc__.startswith("Matches events whose field ")


def test_conditions_are_combined() -> None:
    filter_ = field("model_name").eq("x") & (
        field("invoked_tools").includes("web_search") | field("input_tokens").gt(10)
    )
    assert filter_.to_dict() == SLOW
    assert type(filter_) is models.FilterGroup
    a, b, c = (field(name).isnull() for name in "abc")
    assert (a & b & c) == (a & (b & c)) == models.FilterGroup(and_=[a, b, c])
    assert (a | b | c) == models.FilterGroup(or_=[a, b, c])
    assert (a & b | c) == models.FilterGroup(or_=[models.FilterGroup(and_=[a, b]), c])
    both = models.FilterGroup(and_=[a], or_=[b])
    assert (both & c) == models.FilterGroup(and_=[both, c])


def test_operands_are_not_changed() -> None:
    left = field("a").eq(1) & field("b").eq(2)
    before = left.to_dict()
    _ = left & field("c").eq(3)
    assert left.to_dict() == before


def test_other_operands_are_refused() -> None:
    condition: Any = field("a").eq(1)
    other: Any = {"field": "b"}
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = condition & other
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = other | condition


def test_values_become_json() -> None:
    time = datetime.datetime(2026, 9, 1, 12, tzinfo=datetime.timezone.utc)
    assert field("timestamp").gte(time).value == "2026-09-01T12:00:00+00:00"
    assert field("a").eq(None).value is None
    assert field("a").eq([1, {"b": None}]).value == [1, {"b": None}]
    with pytest.raises(ValueError, match=r"FilterCondition\.value: NaN is not a JSON number"):
        field("a").gt(float("nan"))
    wrong: Any = 5
    with pytest.raises(TypeError, match=r"FilterCondition\.field: expected a str, found int"):
        field(wrong).eq(1)


def test_repr_shows_short_values_only() -> None:
    assert repr(field("a")) == "field('a')"
    assert repr(field("a").eq("x")) == "FilterCondition(field='a', op='eq', value='x')"
    assert repr(field("a").eq({"b": 1})) == "FilterCondition(field='a', op='eq', value=<1 key>)"
    assert len(repr(field("a").eq("x" * 1000))) < 200
    assert repr(models.FilterGroup(or_=[field("a").isnull()])) == (
        "FilterGroup(or_=[FilterCondition(field='a', op='isnull', value=True)])"
    )


def test_keywords_have_a_trailing_underscore() -> None:
    group = models.FilterGroup.from_dict({"AND": [], "more": 1})
    assert (group.and_, group.or_, group.extra) == ([], None, {"more": 1})
    assert group.to_dict() == {"AND": [], "more": 1}
    assert group.model_dump() == {"AND": [], "more": 1}
    # The official SDK has these names in dicts, too.
    assert models.FilterGroup.from_dict({"and_": [], "or_": None}).to_dict() == {"AND": []}
    with pytest.raises(TypeError, match=r"FilterGroup\.and_: given as `AND`, too"):
        models.FilterGroup.from_dict({"and_": [], "AND": []})


class Dumped:
    """A pydantic model, such as those of the official SDK."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def model_dump(self, **_: object) -> dict[str, Any]:
        return self._values


FORMS: list[Callable[[], Any]] = [
    lambda: {"filters": SLOW},
    lambda: models.FilterPayload.from_dict({"filters": SLOW}),
    lambda: models.FilterGroup.from_dict(SLOW),
    lambda: {"filters": models.FilterGroup.from_dict(SLOW)},
    lambda: {"filters": {"and_": SLOW["AND"]}},
    lambda: models.FilterPayload(
        filters=field("model_name").eq("x") & models.FilterGroup.from_dict(cast("Any", SLOW["AND"][1]))
    ),
    lambda: Dumped({"filters": SLOW}),
]


@pytest.mark.parametrize("form", range(len(FORMS)))
async def test_arguments_may_be_dicts_or_objects(style: str, form: int) -> None:
    with Canned(200, json.dumps(events("a"))) as server:
        api = Api(style, server.client())
        await api.chat_completion_events.search(FORMS[form](), extra_fields=(name for name in ["model_name"]))
        expected = {"search_params": {"filters": SLOW}, "extra_fields": ["model_name"]}
        assert json.loads(server.requests[0][2]) == expected


async def test_none_matches_everything_and_must_be_given(style: str) -> None:
    with Canned(200, json.dumps(events("a"))) as server:
        search = Api(style, server.client()).chat_completion_events.search
        await search({"filters": None})
        await search(models.FilterPayload(filters=None))
        assert [json.loads(body) for _, _, body in server.requests] == [{"search_params": {"filters": None}}] * 2
        refused: list[tuple[Any, str]] = [
            ({}, "search_params.filters: a value is required"),
            (SLOW, "search_params.filters: a value is required"),
            (
                {"filters": {"field": "a", "op": "eq"}},
                "search_params.filters: expected FilterCondition (with field, op, value) or FilterGroup (with "
                "AND, OR), found dict",
            ),
            ({"filters": {"AND": [{"and": []}]}}, "search_params.filters.AND[0]: expected FilterCondition (with"),
            ({"filters": {"field": "a", "op": 5, "value": 1}}, "search_params.filters.op: expected a str, found int"),
        ]
        for wrong, message in refused:
            with pytest.raises(errors.ValidationError) as caught:
                await search(wrong)
            assert message in str(caught.value), caught.value
        values: list[Any] = [None, 5, "a", [], models.JudgeOutput(analysis="a", answer=1)]
        for wrong in values:
            with pytest.raises(TypeError, match=r"^search_params: expected FilterPayload or a dict, found "):
                await search(wrong)
        assert len(server.requests) == 2


def test_texts_are_quoted() -> None:
    assert quote("it's \\") == r"'it\'s \\'"
    assert map_key("span_attributes", "user.name") == "span_attributes['user.name']"
    wrong: Any = None
    with pytest.raises(TypeError, match="text: expected str, found None"):
        quote(wrong)
    with pytest.raises(TypeError, match="key: expected str, found None"):
        map_key("a", wrong)
