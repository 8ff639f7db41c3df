"""Objects and methods of the official SDK that this package accepts and offers. Imported when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable


def model_dump(
    model: Any,
    fields: list[str],
    mode: str = "python",
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    exclude_none: bool = False,
) -> dict[str, Any]:
    """Returns a response as a dict, as pydantic does. Called by the native module."""
    if mode not in ("python", "json"):
        raise ValueError(f"mode: expected 'python' or 'json', found {mode!r}")
    included = None if include is None else _names("include", include)
    excluded = set[str]() if exclude is None else _names("exclude", exclude)
    values = cast("dict[str, Any]", model.to_dict())
    if mode == "python":
        for field in fields:
            values[field] = _python(getattr(model, field), values.get(field))
    return {
        name: _without_none(value) if exclude_none else value
        for name, value in values.items()
        if (included is None or name in included)
        and name not in excluded
        and not (exclude_none and value is None)
    }


def _names(argument: str, names: object) -> set[str]:
    if isinstance(names, (set, frozenset, list, tuple)):
        found = list(cast("Iterable[object]", names))
        if all(isinstance(name, str) for name in found):
            return cast("set[str]", set(found))
    raise TypeError(f"{argument}: expected a set of field names, found {type(names).__name__}")


def _python(value: Any, json: object) -> object:
    """Returns the value of a field as pydantic's mode `python` does: nested responses are dicts, and times objects."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_python(item, item) for item in items]
    if type(value).__module__ == "mistral_datasets.models":
        return value.model_dump()
    if isinstance(value, dict):
        return json
    return value


def model_dump_json(
    model: Any,
    indent: int | None = None,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    exclude_none: bool = False,
) -> str:
    """Returns a response as JSON, as pydantic does. Called by the native module."""
    if indent is None and include is None and exclude is None and not exclude_none:
        return cast("str", model.to_json())
    import json

    values = model_dump(model, [], "json", include, exclude, exclude_none)
    return json.dumps(values, ensure_ascii=False, indent=indent, separators=(",", ":") if indent is None else None)
