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
    for field in fields:
        values[field] = _dumped(getattr(model, field), values[field], mode, exclude_none)
    return {
        name: value
        for name, value in values.items()
        if (included is None or name in included) and name not in excluded and not (exclude_none and value is None)
    }


def _names(argument: str, names: Any) -> set[str]:
    if isinstance(cast("object", names), (set, frozenset, list, tuple)):
        found = set(cast("Iterable[object]", names))
        if all(isinstance(name, str) for name in found):
            return cast("set[str]", found)
    raise TypeError(f"{argument}: expected a set of field names, found {type(names).__name__}")


def _dumped(value: Any, json: Any, mode: str, exclude_none: bool) -> object:
    """Returns the value of a field: nested responses as dicts, and JSON of the user as it is, as a copy."""
    if type(value).__module__ == "mistral_datasets.models" and not isinstance(value, dict):
        return value.model_dump(mode=mode, exclude_none=exclude_none)
    if isinstance(value, list):
        pairs = zip(cast("Iterable[object]", value), json, strict=True)
        return [_dumped(item, item_json, mode, exclude_none) for item, item_json in pairs]
    return json if mode == "json" or isinstance(value, dict) else value


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

    values = model.model_dump(mode="json", include=include, exclude=exclude, exclude_none=exclude_none)
    return json.dumps(values, ensure_ascii=False, indent=indent, separators=(",", ":") if indent is None else None)
