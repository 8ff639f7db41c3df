"""Retry policies, and what the native module needs to parse options."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mistral_datasets import _native

__all__ = ["RetryPolicy"]


class RetryPolicy:
    """Controls how often and after what delay failed requests are retried.

    A request is only retried if that is safe: it is idempotent, or it was not carried out (no connection, status 429,
    or 503 with `Retry-After`). The delay before a retry is random, between 0 and `first_delay`; the upper bound doubles
    with every retry, up to `max_delay`. A `Retry-After` is added to the delay. A client and the clients that
    `with_options` returns share a retry budget of ten retries per second plus one for every five calls.

    Settings that are not given keep the value of the client that the policy is passed to, or their default. Durations
    are seconds or `timedelta`s; the attributes are seconds.

    Args:
        max_retries: Maximum number of retries after the first attempt; 0 disables retries. Default: 4, and 9 for each
            record of `create_records`.
        first_delay: Maximum delay before the first retry. Default: 0.5.
        max_delay: Upper limit of the delay between retries, without `Retry-After`. Default: 8.
        max_retry_after: Longest `Retry-After` that is honored. If the server asks for more, the call fails; the error's
            `retry_after` is the requested delay. Default: 60.
        retry_unavailable_writes: Whether POST requests are retried after status 503 with `Retry-After`. HTTP does not
            guarantee that such a request was not carried out. Default: `True`.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A duration or `max_retries` is negative or not a number.

    Example:
        >>> mistral = Mistral(max_retries=8, retry=RetryPolicy(max_delay=30))
    """

    __slots__ = ("first_delay", "max_delay", "max_retries", "max_retry_after", "retry_unavailable_writes")

    max_retries: int | None
    """Maximum number of retries after the first attempt."""
    first_delay: float | None
    """Maximum delay before the first retry, in seconds."""
    max_delay: float | None
    """Upper limit of the delay between retries, without `Retry-After`, in seconds."""
    max_retry_after: float | None
    """Longest `Retry-After` that is honored, in seconds."""
    retry_unavailable_writes: bool | None
    """Whether POST requests are retried after status 503 with `Retry-After`."""

    def __init__(
        self,
        max_retries: int | None = None,
        *,
        first_delay: float | timedelta | None = None,
        max_delay: float | timedelta | None = None,
        max_retry_after: float | timedelta | None = None,
        retry_unavailable_writes: bool | None = None,
    ) -> None:
        given: Any = retry_unavailable_writes
        if given is not None and not isinstance(given, bool):
            found = type(given).__name__
            raise TypeError(f"retry_unavailable_writes: expected bool, found {found}")
        settings = {
            "max_retries": _native.retries("max_retries", max_retries),
            "first_delay": _native.seconds("first_delay", first_delay),
            "max_delay": _native.seconds("max_delay", max_delay),
            "max_retry_after": _native.seconds("max_retry_after", max_retry_after),
            "retry_unavailable_writes": retry_unavailable_writes,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a RetryPolicy is immutable; create one with another `{name}`")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a RetryPolicy is immutable")

    def _settings(self) -> dict[str, object]:
        names = ("max_retries", "first_delay", "max_delay", "max_retry_after", "retry_unavailable_writes")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RetryPolicy):
            return NotImplemented
        return self._settings() == other._settings()

    def __hash__(self) -> int:
        return hash(tuple(self._settings().items()))

    def __repr__(self) -> str:
        settings = self._settings()
        retries = [repr(settings.pop("max_retries"))] if "max_retries" in settings else []
        return f"RetryPolicy({', '.join([*retries, *(f'{name}={value!r}' for name, value in settings.items())])})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_policy, (self._settings(),)


def _restore_policy(settings: dict[str, Any]) -> RetryPolicy:
    return RetryPolicy(**settings)


def unexpected_keyword(method: str, keyword: str) -> TypeError:
    """Returns the exception for an unknown keyword argument.

    Args:
        method: Public name of the method, such as `datasets.list_records`, or `Mistral`.
        keyword: Name of the argument.
    """
    import difflib
    import inspect

    from mistral_datasets._call_options import CallOptions
    from mistral_datasets._client import Mistral

    group, _, name = method.rpartition(".")
    function = Mistral if method == "Mistral" else getattr(_class_of(group), name)
    parameters = inspect.signature(function).parameters.values()
    named = (parameter.name for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD)
    known = [name for name in named if name != "self"]
    if method != "Mistral":
        known += CallOptions.__annotations__
    nearest = difflib.get_close_matches(keyword, known, n=1)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    return TypeError(f"{method}() got an unexpected keyword argument '{keyword}'{hint}")


def _class_of(group: str) -> type[object]:
    """Returns the class of a method with options."""
    if group == "":
        from mistral_datasets._client import Mistral

        return Mistral
    if group == "task":
        from mistral_datasets._task import TaskMethods

        return TaskMethods
    from mistral_datasets.resources import BY_GROUP

    return BY_GROUP[group]


def from_official(value: Any) -> tuple[RetryPolicy, float | None] | None:
    """Converts a `RetryConfig` of the official SDK to a policy and a deadline. Returns `None` for other objects.

    Its delays grow by the factor `exponent`; ours always double. It retries until `max_elapsed_time` has passed.
    """
    strategy: object = getattr(value, "strategy", None)
    backoff: Any = getattr(value, "backoff", None)
    if not isinstance(strategy, str) or (strategy == "backoff" and not hasattr(backoff, "initial_interval")):
        return None
    if strategy != "backoff":
        return RetryPolicy(0), None
    policy = RetryPolicy(100, first_delay=backoff.initial_interval / 1000, max_delay=backoff.max_interval / 1000)
    return policy, backoff.max_elapsed_time / 1000 or None
