"""Quoting for search expressions, the text by which spans, traces, log records and evaluations are searched."""

from __future__ import annotations

from mistral_datasets import _native

__all__ = ["map_key", "quote"]


def quote(text: str) -> str:
    r"""Quotes a text for a search expression.

    Args:
        text: Any text, such as input of a user.

    Returns:
        The text in single quotes, with a backslash before quotes and backslashes.

    Example:
        >>> expression = f"service_name = {quote(name)} AND duration_ns > 1000000000"
        >>> for span in mistral.spans.iter_spans(search_expression=expression):
        ...     print(span.span_name)
    """
    return _native.quote(text)


def map_key(name: str, key: str) -> str:
    """Returns the field for a key of a map. It is also the name of a field in the calls that return its options.

    Args:
        name: Name of the map: `span_attributes`, `resource_attributes`, `scope_attributes`, `log_attributes` or
            `metadata`.
        key: The key.

    Returns:
        The field, such as `span_attributes['http.method']`.

    Example:
        >>> expression = f"{map_key('span_attributes', 'user.name')} = {quote(user)}"
    """
    return _native.map_key(name, key)
