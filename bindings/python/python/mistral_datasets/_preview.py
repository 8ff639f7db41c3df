"""Conversations in a readable form.

`types` imports this module, so the modules that a preview needs are imported when one is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

_VISIBLE_FORMATS = "\u200c\u200d"
"""Format characters that join letters and emoji."""

_STYLE = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 0.5em 0"


class Preview:
    """A conversation for display. `str` returns text, and notebooks render HTML.

    Characters that could disguise the text are escaped: control characters, characters that change the direction of
    text, and invisible ones. HTML is escaped as well.
    """

    __slots__ = ("_max_characters", "_max_messages", "_payload")

    def __init__(self, payload: Mapping[str, Any], max_messages: int = 20, max_characters: int = 500) -> None:
        if max_messages < 1 or max_characters < 1:
            raise ValueError("max_messages and max_characters must be at least 1")
        self._payload = payload
        self._max_messages = max_messages
        self._max_characters = max_characters

    def _parts(self) -> tuple[list[tuple[str, str]], str]:
        """Returns the role and the text of each message, and what is not shown."""
        messages = self._payload.get("messages")
        if not isinstance(messages, list):
            return [("payload", self._text(_compact(dict(self._payload))))], ""
        found = cast("list[object]", messages)
        parts: list[tuple[str, str]] = []
        for message in found[: self._max_messages]:
            if isinstance(message, Mapping):
                fields = cast("Mapping[str, object]", message)
                parts.append((_escaped(str(fields.get("role", "message")))[:40], self._text(_content(fields))))
            else:
                parts.append(("message", self._text(_compact(message))))
        more = len(found) - len(parts)
        return parts, f"… {more} more message{'' if more == 1 else 's'}" if more else ""

    def _text(self, text: str) -> str:
        more = len(text) - self._max_characters
        if more > 0:
            text = text[: self._max_characters]
        return _escaped(text) + (f" … {more:,} more characters" if more > 0 else "")

    def __str__(self) -> str:
        parts, more = self._parts()
        lines = [f"{role}: {text}".replace("\n", "\n    ") for role, text in parts]
        return "\n".join([*lines, more] if more else lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        import html

        parts, more = self._parts()
        rows = [
            f'<div style="{_STYLE}"><strong>{html.escape(role)}</strong>\n{html.escape(text)}</div>'
            for role, text in parts
        ]
        if more:
            rows.append(f"<em>{html.escape(more)}</em>")
        return f"<div>{''.join(rows)}</div>"


def _content(message: Mapping[str, object]) -> str:
    """Returns the content of a message and its tool calls."""
    content = message.get("content")
    lines: list[str] = []
    if isinstance(content, str):
        lines.append(content)
    elif isinstance(content, list):
        lines.extend(_part(part) for part in cast("list[object]", content))
    elif content is not None:
        lines.append(_compact(content))
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        lines.extend(_call(call) for call in cast("list[object]", calls))
    return "\n".join(lines)


def _part(part: object) -> str:
    if isinstance(part, Mapping):
        fields = cast("Mapping[str, object]", part)
        text = fields.get("text")
        # The other kinds contain images, audio and documents.
        return text if isinstance(text, str) else f"[{fields.get('type', 'content')}]"
    return part if isinstance(part, str) else _compact(part)


def _call(call: object) -> str:
    function = cast("Mapping[str, Any]", call).get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return f"[tool call] {_compact(cast('Any', call))}"
    fields = cast("Mapping[str, object]", function)
    arguments = fields.get("arguments", "")
    return f"[tool call] {fields.get('name')}({arguments if isinstance(arguments, str) else _compact(arguments)})"


def _compact(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def _escaped(text: str) -> str:
    return "".join(character if _is_plain(character) else _escape(character) for character in text)


def _is_plain(character: str) -> bool:
    import unicodedata

    category = unicodedata.category(character)
    # Letters, marks, numbers, punctuation, symbols and spaces, but neither line separators nor invisible characters.
    return category[0] not in "CZ" or category == "Zs" or character in "\n\t" or character in _VISIBLE_FORMATS


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
