"""Builds filters of chat completion events."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

# `types` is imported on first use, so annotations name it in full.
import mistral_datasets
from mistral_datasets._native import FilterCondition, FilterGroup

if TYPE_CHECKING:
    import mistral_datasets.types

__all__ = ["FieldName", "FilterMethods", "field"]


def field(name: str) -> FieldName:
    """Names a field of chat completion events, to compare it with a value.

    `&` and `|` combine conditions. The API cannot negate a filter; use the opposite operator, such as `neq`.

    Args:
        name: Name of the field, such as `model_name`. A key of the metadata is written as `metadata.key`.

    Returns:
        An object with a method for each operator, which returns a condition.

    Example:
        >>> slow = field("model_name").eq("mistral-medium-latest") & field("total_time_elapsed").gt(2.5)
        >>> search = slow | field("invoked_tools").includes("web_search")
        >>> for event in mistral.chat_completion_events.iter(search, extra_fields=["model_name"]):
        ...     print(event.event_id, event.extra_fields["model_name"])
    """
    return FieldName(name)


class FieldName:
    """The name of a field, with a method for each operator. Created by `field`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def _condition(self, operator: str, value: mistral_datasets.types.JSON) -> FilterCondition:
        return FilterCondition(field=self._name, op=operator, value=value)

    def eq(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field equals a value."""
        return self._condition("eq", value)

    def neq(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field does not equal a value; an unset field matches."""
        return self._condition("neq", value)

    def lt(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field is less than a value."""
        return self._condition("lt", value)

    def lte(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field is at most a value."""
        return self._condition("lte", value)

    def gt(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field is greater than a value."""
        return self._condition("gt", value)

    def gte(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field is at least a value."""
        return self._condition("gte", value)

    def contains(self, value: str) -> FilterCondition:
        """Matches events whose field contains a text."""
        return self._condition("contains", value)

    def notcontains(self, value: str) -> FilterCondition:
        """Matches events whose field does not contain a text; an unset field matches."""
        return self._condition("notcontains", value)

    def icontains(self, value: str) -> FilterCondition:
        """Matches events whose field contains a text, ignoring case."""
        return self._condition("icontains", value)

    def inotcontains(self, value: str) -> FilterCondition:
        """Matches events whose field does not contain a text, ignoring case; an unset field matches."""
        return self._condition("inotcontains", value)

    def startswith(self, value: str) -> FilterCondition:
        """Matches events whose field starts with a text."""
        return self._condition("startswith", value)

    def istartswith(self, value: str) -> FilterCondition:
        """Matches events whose field starts with a text, ignoring case."""
        return self._condition("istartswith", value)

    def endswith(self, value: str) -> FilterCondition:
        """Matches events whose field ends with a text."""
        return self._condition("endswith", value)

    def iendswith(self, value: str) -> FilterCondition:
        """Matches events whose field ends with a text, ignoring case."""
        return self._condition("iendswith", value)

    def matches(self, value: str) -> FilterCondition:
        """Matches events whose field matches a regular expression, anywhere in the text."""
        return self._condition("matches", value)

    def includes(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field is a list that includes a value."""
        return self._condition("includes", value)

    def excludes(self, value: mistral_datasets.types.JSON) -> FilterCondition:
        """Matches events whose field is a list that does not include a value; an unset field matches."""
        return self._condition("excludes", value)

    def len_eq(self, length: int) -> FilterCondition:
        """Matches events whose field is a list with this number of items."""
        return self._condition("len_eq", length)

    def isnull(self, is_null: bool = True) -> FilterCondition:
        """Matches events whose field is unset, or, with `False`, is set."""
        return self._condition("isnull", is_null)

    def __repr__(self) -> str:
        return f"field({self._name!r})"


class FilterMethods:
    """Methods of `FilterCondition` and `FilterGroup`."""

    def __and__(self, other: FilterCondition | FilterGroup, /) -> FilterGroup:
        """Matches what both filters match. Chains become one group."""
        if not isinstance(cast("object", other), (FilterCondition, FilterGroup)):
            return NotImplemented
        return FilterGroup(and_=[*_parts(self, "and_"), *_parts(other, "and_")])

    def __or__(self, other: FilterCondition | FilterGroup, /) -> FilterGroup:
        """Matches what at least one of the filters matches. Chains become one group."""
        if not isinstance(cast("object", other), (FilterCondition, FilterGroup)):
            return NotImplemented
        return FilterGroup(or_=[*_parts(self, "or_"), *_parts(other, "or_")])


def _parts(filter_: object, name: str) -> list[FilterCondition | FilterGroup]:
    """Returns the filters that a group combines in this way alone, or the filter itself."""
    if isinstance(filter_, FilterGroup):
        other = {"and_": "or_", "or_": "and_"}[name]
        parts = getattr(filter_, name)
        if parts is not None and getattr(filter_, other) is None and not filter_.extra:
            return cast("list[FilterCondition | FilterGroup]", parts)
    return [cast("FilterCondition | FilterGroup", filter_)]


# They are native classes. Their operators are added here, because native methods have no signatures with types.
for _class in (FilterCondition, FilterGroup):
    for _method in (FilterMethods.__and__, FilterMethods.__or__):
        setattr(_class, _method.__name__, _method)
