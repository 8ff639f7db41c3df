"""Objects and methods of the official SDK that this package accepts and offers. Imported when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from mistral_datasets._options import unexpected_keyword

if TYPE_CHECKING:
    from collections.abc import Iterable


def model_dump(
    model: Any,
    fields: list[tuple[str, str]],
    mode: str = "python",
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    exclude_none: bool = False,
) -> dict[str, Any]:
    """Returns a response as a dict, as pydantic does. Called by the native module.

    `fields` are pairs of a name and an attribute.
    """
    if mode not in ("python", "json"):
        raise ValueError(f"mode: expected 'python' or 'json', found {mode!r}")
    values = cast("dict[str, Any]", model.to_dict())
    for name, attribute in fields:
        # A field that a request omits has no value.
        if name in values:
            values[name] = _dumped(getattr(model, attribute), values[name], mode, exclude_none)
    return selected(values, include, exclude, exclude_none)


def selected(
    values: dict[str, Any], include: Iterable[str] | None, exclude: Iterable[str] | None, exclude_none: bool
) -> dict[str, Any]:
    """Returns some of the items of a dict.

    Raises:
        TypeError: `include` or `exclude` is not a collection of names.
    """
    included = None if include is None else _names("include", include)
    excluded = set[str]() if exclude is None else _names("exclude", exclude)
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


_CLIENT_ARGUMENTS = {
    "async_client": "use `proxy`, `ca_certificates`, `headers` or `timeout`; connections are pooled natively",
    "client": "use `proxy`, `ca_certificates`, `headers` or `timeout`; connections are pooled natively",
    "debug_logger": 'use `logging.getLogger("mistral_datasets").setLevel("DEBUG")`',
    "retry_config": "use `retries`",
    "server": 'use `server_url="https://…"`',
    "url_params": "use `server_url`",
}
"""What to use instead of arguments of the official SDK's client."""


def refuse(arguments: Iterable[str]) -> None:
    """Refuses arguments that the client does not have.

    Raises:
        TypeError: There is one. The message names what to use instead.
    """
    for name in arguments:
        if (remedy := _CLIENT_ARGUMENTS.get(name)) is not None:
            raise TypeError(f"Mistral() does not support the argument {name!r} of the official SDK; {remedy}")
        raise unexpected_keyword("Mistral", name)


def refuse_key_function() -> None:
    """Refuses a function as API key.

    Raises:
        TypeError: Always.
    """
    raise TypeError(
        "api_key: expected str, found a function; call it, and use `with_options(api_key=...)` for a new key"
    )
