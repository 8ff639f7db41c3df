"""Attributes that hold the resources of a client."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

T = TypeVar("T")

__all__ = ["resource_property"]


class resource_property(cached_property[T]):  # noqa: N801
    """A cached property that can be assigned and deleted, and that mocks treat like a property.

    `mock.create_autospec(Mistral)` would use a plain `cached_property` object as the spec of the attribute, and the
    mock would have no `datasets.fetch`.
    """

    attrname: str  # pyright: ignore[reportIncompatibleVariableOverride]

    def __set__(self, instance: object, value: object) -> None:
        instance.__dict__[self.attrname] = value

    def __delete__(self, instance: object) -> None:
        if self.attrname not in instance.__dict__:
            raise AttributeError(f"'{type(instance).__name__}' object has no cached attribute '{self.attrname}'")
        del instance.__dict__[self.attrname]
