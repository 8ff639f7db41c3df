"""JSON objects with arbitrary keys, such as conversation payloads: dicts whose keys are attributes too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from mistral_datasets._native import object_from_json, object_to_json, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from mistral_datasets._native import RawJson
    from mistral_datasets._preview import Preview

_set_attribute = object.__setattr__


class JsonObject(dict[str, Any]):
    """A JSON object whose keys are attributes too, unless they start with an underscore or are names of methods.

    An object that was received keeps its JSON and is serialized verbatim unless it was modified.
    """

    __slots__ = ("_source",)

    _source: RawJson | None

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        _set_attribute(self, "_source", None)

    def __getattr__(self, name: str, /) -> Any:
        # Libraries look for private names, such as `_repr_html_`, which must not come from the JSON.
        if not name.startswith("_"):
            try:
                return self[name]
            except KeyError:
                pass
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name: str, value: Any, /) -> None:
        if name.startswith("_") or hasattr(type(self), name):
            _set_attribute(self, name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str, /) -> None:
        if name.startswith("_") or hasattr(type(self), name):
            object.__delattr__(self, name)
        elif name in self:
            del self[name]
        else:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    @classmethod
    def from_json(cls, text: str, /) -> Self:
        """Creates an object from JSON.

        Raises:
            errors.DecodingError: The JSON is invalid or not an object.
        """
        return cast("Self", object_from_json(cls, text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], /) -> Self:
        """Creates an object from a dict. The values inside are copied.

        Raises:
            TypeError: The argument is not a dict.
            ValueError: JSON cannot represent a value.
        """
        if not isinstance(cast("object", fields), Mapping):
            raise TypeError(f"{cls.__name__}: expected a dict, found {type(fields).__name__}")
        return cast("Self", object_from_json(cls, object_to_json(dict(fields))))

    def to_json(self) -> str:
        """Returns the object as JSON, verbatim unless it was modified.

        Raises:
            ValueError: JSON cannot represent a value that was added.
        """
        return object_to_json(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a new dict. The values inside are copied."""
        return dict(type(self).from_json(self.to_json()))

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """Returns the object as a new dict, as in the official SDK. Same as `to_dict`.

        Args:
            mode: Has no effect, because all values are JSON values.
            include: Names of the keys to return. Default: all.
            exclude: Names of keys to leave out.
            by_alias: Has no effect, because keys have no aliases.
            exclude_none: Whether to leave out keys of the object whose value is `None`.
        """
        from mistral_datasets import _official

        return _official.selected(self.to_dict(), include, exclude, exclude_none)

    def model_dump_json(
        self,
        *,
        indent: int | None = None,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> str:
        """Returns the object as JSON, as in the official SDK. See `model_dump` for the arguments."""
        from mistral_datasets import _official

        return _official.model_dump_json(self, indent, include, exclude, exclude_none)

    @classmethod
    def model_validate(cls, obj: Mapping[str, Any], /) -> Self:
        """Creates an object from a dict, as in the official SDK. Returns an instance unchanged."""
        return obj if isinstance(obj, cls) else cls.from_dict(obj)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes, /) -> Self:
        """Creates an object from JSON, as in the official SDK. Same as `from_json`."""
        return cls.from_json(json_data if isinstance(json_data, str) else bytes(json_data).decode())

    def preview(self, *, max_messages: int = 20, max_characters: int = 500) -> Preview:
        """Returns the conversation in a readable form, for a terminal or a notebook.

        Nothing else in this package displays conversations: `repr` shows the number of messages only. Control
        characters and characters that change the direction of text are escaped.

        Args:
            max_messages: Maximum number of messages to show.
            max_characters: Maximum number of characters of a message to show.

        Returns:
            An object that notebooks render as HTML, and `print` as text.

        Example:
            >>> record.payload.preview()
            >>> print(record.payload.preview(max_messages=3))
        """
        from mistral_datasets._preview import Preview

        return Preview(self, max_messages, max_characters)

    def __repr__(self) -> str:
        messages = self.get("messages")
        if isinstance(messages, list):
            count, noun = len(cast("Sequence[object]", messages)), "message"
        else:
            count, noun = len(self), "key"
        return f"{type(self).__name__}({count} {noun}{'' if count == 1 else 's'})"

    def __reduce__(self) -> tuple[object, ...]:
        return restore, (type(self), self.to_json())

    def __reduce_ex__(self, protocol: object, /) -> tuple[object, ...]:
        return self.__reduce__()

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type: object, handler: object, /) -> object:
        """Describes the class to pydantic, for fields and FastAPI responses."""
        from mistral_datasets import _pydantic

        return _pydantic.model_schema(cls, source_type, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: object, handler: object, /) -> object:
        """Returns the JSON schema of the class to pydantic."""
        from mistral_datasets import _pydantic

        return _pydantic.json_schema(cls, core_schema, handler)


class UnknownObject(JsonObject):
    """An object of a kind that this version does not know. Its keys are attributes."""

    __slots__ = ()
    __module__ = "mistral_datasets.models"

    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)


def known_key(name: str, doc: str, *, required: bool) -> Any:
    """Returns the attribute of a key. A key that is missing is `None`, unless it is required."""

    def read(self: JsonObject) -> object:
        try:
            return self[name]
        except KeyError:
            if not required:
                return None
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def write(self: JsonObject, value: object) -> None:
        self[name] = value

    def delete(self: JsonObject) -> None:
        del self[name]

    return property(read, write, delete, doc)


def received(cls: type[JsonObject], values: dict[str, Any], source: RawJson) -> JsonObject:
    """Creates an object that was received. Called by the native module."""
    received = _new(cls)
    _update(received, values)
    _set_source(received, source)
    return received


# Reading a page calls `received` for every payload that is read, so it avoids attribute lookups.
_new = cast("Callable[[type[JsonObject]], JsonObject]", dict.__new__)
_update = cast("Callable[[JsonObject, dict[str, Any]], None]", vars(dict)["update"])
_set_source = vars(JsonObject)["_source"].__set__
