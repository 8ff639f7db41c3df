"""The class `Mistral`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar, cast

# Modules that are imported on first use are named in full in annotations, so that `typing.get_type_hints` finds them.
import mistral_datasets
from mistral_datasets._compat import Self, Unpack
from mistral_datasets._groups import Groups, Observability
from mistral_datasets._native import Client
from mistral_datasets._options import RetryPolicy

if TYPE_CHECKING:
    import mistral_datasets.types

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["Beta", "Mistral"]


class Mistral(Groups):
    """Client for Mistral's observability API: datasets, and what fills them.

    A client can be shared between threads and event loops, and reuses connections between calls. A forked child opens
    its own connections. A client can be pickled, but the pickle does not contain its API key. Use a client in a `with`
    or `async with` block, or call `close`.

    Args:
        api_key: API key. Default: the environment variable `MISTRAL_API_KEY`.
        server_url: URL of the server. Default: the environment variable `MISTRAL_SERVER_URL`, or the production server.
        timeout: Timeout of one attempt, in seconds or as a `timedelta`, until the response has been read. For uploads
            and downloads it is the longest time without any data transferred. Default: 300.
        deadline: Timeout of a call, in seconds or as a `timedelta`, including all attempts and retry delays. Uploads
            and downloads are exempt. Default: 600.
        max_retries: Maximum number of retries after the first attempt of a request; 0 disables retries. Only requests
            that are safe to repeat are retried. Takes precedence over `retry`. Default: 4.
        retry: Delays and conditions of retries.
        headers: Additional headers for every request to the API.
        proxy: URL of a proxy for all requests, such as `http://user:password@host:3128`. Default: the environment
            variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. `NO_PROXY` lists the hosts to which
            requests are sent directly: domains, IP addresses or ranges, each optionally with a port, or `*`.
        ca_certificates: PEM certificates to trust in addition to the system's, as bytes or as the path of a file. In
            the environment, `REQUESTS_CA_BUNDLE` names an additional file, and `SSL_CERT_FILE` a file that replaces the
            system's certificates. A self-signed server certificate can be given as well.
        timeout_ms: `timeout` in milliseconds, for compatibility with the official SDK.
        deadline_ms: `deadline` in milliseconds.
        retries: `retry`, `max_retries`, or a `RetryConfig` of the official SDK.
        http_headers: The same as `headers`.
        official: Not accepted. For an argument of the official SDK, the error names the replacement.

    Raises:
        errors.ConfigurationError: There is no API key, or an argument is invalid.
        TypeError: An argument has the wrong type, or was given together with its other name.

    Example:
        >>> with Mistral() as mistral:
        ...     dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")
        >>> async with Mistral(max_retries=8, retry=RetryPolicy(max_delay=30), timeout=60) as mistral:
        ...     page = await mistral.datasets.list_async()
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        server_url: str | None = None,
        timeout: float | timedelta | None = None,
        deadline: float | timedelta | None = None,
        max_retries: int | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ca_certificates: bytes | str | PathLike[str] | None = None,
        timeout_ms: int | None = None,
        deadline_ms: int | None = None,
        retries: RetryPolicy | int | mistral_datasets.types.RetryConfig | None = None,
        http_headers: Mapping[str, str] | None = None,
        **official: NoReturn,
    ) -> None:
        if official or callable(api_key):
            from mistral_datasets import _official

            _official.refuse(official)
            _official.refuse_key_function()
        options = _given(
            server_url=server_url,
            timeout=timeout,
            deadline=deadline,
            max_retries=max_retries,
            retry=retry,
            headers=headers,
            timeout_ms=timeout_ms,
            deadline_ms=deadline_ms,
            retries=retries,
            http_headers=http_headers,
        )
        if ca_certificates is not None and not isinstance(ca_certificates, bytes):
            from pathlib import Path

            ca_certificates = Path(_path("ca_certificates", ca_certificates, "bytes or a path")).read_bytes()
        client = Client({**options, "api_key": api_key}, proxy, ca_certificates)
        options.update(_given(proxy=proxy, ca_certificates=ca_certificates))
        self._initialize(client, options, has_explicit_key=api_key is not None)

    def _initialize(
        self,
        client: Client,
        settings: dict[str, object],
        overrides: tuple[dict[str, object], ...] = (),
        *,
        has_explicit_key: bool,
    ) -> None:
        self._client = client
        # Arguments of the constructor and of `with_options`, for pickling: never the API key, only whether one was
        # passed.
        self._settings = settings
        self._overrides = overrides
        self._has_explicit_key = has_explicit_key

    @classmethod
    def local(
        cls,
        directory: str | PathLike[str] | None = None,
        *,
        judge_url: str | None = None,
        judge_key: str | None = None,
        judge_timeout: float | timedelta | None = None,
        judge_models: Mapping[str, str] | None = None,
    ) -> Self:
        """Starts a server in this process and returns a client for it.

        The server listens on a free loopback port and accepts only a random API key.

        Args:
            directory: Data directory of the server, created if necessary. Default: data is kept in memory and lost when
                the client is closed.
            judge_url: Base URL of an OpenAI-compatible API whose models judges ask, such as
                `https://api.mistral.ai/v1`. Default: none, so judging fails with `FEATURE_NOT_SUPPORTED`.
            judge_key: API key for `judge_url`. Default: none is sent.
            judge_timeout: How long a judgement may take, including retries, in seconds or as a `timedelta`. Default: 60
                seconds.
            judge_models: Model names of the endpoint by the names that judges use. Models that are not listed have the
                same name.

        Returns:
            A client. Closing it stops the server.

        Raises:
            errors.ConfigurationError: The directory cannot be used, another server uses it, or a judge option is
                invalid.

        Example:
            >>> with Mistral.local() as mistral:
            ...     dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")

            Judges ask a model that Ollama serves:

            >>> with Mistral.local(
            ...     judge_url="http://localhost:11434/v1", judge_models={"mistral-medium-latest": "llama3.1:8b"}
            ... ) as mistral:
            ...     judges = mistral.judges.list()
        """
        mistral = cls.__new__(cls)
        if directory is not None:
            _path("directory", directory, "a path")
        judge = _given(judge_url=judge_url, judge_key=judge_key, judge_timeout=judge_timeout, judge_models=judge_models)
        mistral._initialize(Client.local(directory, judge), {}, has_explicit_key=True)
        return mistral

    def with_options(
        self,
        *,
        timeout: float | timedelta | None = None,
        deadline: float | timedelta | None = None,
        max_retries: int | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        deadline_ms: int | None = None,
        retries: RetryPolicy | int | mistral_datasets.types.RetryConfig | None = None,
        http_headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Returns a client with some options overridden.

        It shares connections with this client and is closed with it. See `Mistral` for the options; options that are
        not given keep their values.

        Args:
            timeout: Timeout of one attempt, in seconds or as a `timedelta`.
            deadline: Timeout of a call, in seconds or as a `timedelta`, including all attempts and retry delays.
            max_retries: Maximum number of retries after the first attempt; 0 disables retries.
            retry: Delays and conditions of retries.
            headers: Headers to add or replace.
            api_key: API key.
            server_url: URL of the server.
            timeout_ms: `timeout` in milliseconds.
            deadline_ms: `deadline` in milliseconds.
            retries: `retry`, `max_retries`, or a `RetryConfig` of the official SDK.
            http_headers: The same as `headers`.

        Returns:
            A client with these options.

        Raises:
            errors.ConfigurationError: An option is invalid.
            TypeError: An option has the wrong type, or was given together with its other name.

        Example:
            >>> page = mistral.with_options(timeout=5, max_retries=0).datasets.list()
        """
        options = _given(
            server_url=server_url,
            timeout=timeout,
            deadline=deadline,
            max_retries=max_retries,
            retry=retry,
            headers=headers,
            timeout_ms=timeout_ms,
            deadline_ms=deadline_ms,
            retries=retries,
            http_headers=http_headers,
        )
        other = type(self).__new__(type(self))
        other._initialize(
            self._client.with_options({**options, "api_key": api_key}),
            self._settings,
            (*self._overrides, options),
            has_explicit_key=self._has_explicit_key or api_key is not None,
        )
        return other

    @property
    def beta(self) -> Beta:
        """Provides `beta.observability`, for compatibility with the official SDK."""
        return Beta(self)

    def raw(
        self, method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> mistral_datasets.types.RawResponse[T]:
        """Calls a method and returns the HTTP response together with the method's return value.

        Args:
            method: Method of a resource that sends a single request.
            args: Positional arguments of the method.
            kwargs: Keyword arguments of the method.

        Returns:
            The response, with the method's return value as `value`.

        Raises:
            TypeError: The method has no single response: bulk operations, imports, exports, downloads, pagers and
                waits. Nothing was sent.
            errors.MistralError: The call failed; see `errors` for the subclasses.

        Example:
            >>> response = mistral.raw(mistral.datasets.list, page_size=10)
            >>> print(response.value.datasets.count, response.headers["content-type"], response.request_id)
        """
        response: mistral_datasets.types.RawResponse[T] = self._client.raw(method, *args, **kwargs)
        if isinstance(response, Coroutine):
            # It has not started. Closing it avoids the warning that it was never awaited.
            response.close()
            raise TypeError("expected a method that sends a single request; for an async method, use `raw_async`")
        return response

    async def raw_async(
        self, method: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> mistral_datasets.types.RawResponse[T]:
        """Calls an async method and returns the HTTP response together with the method's return value.

        Args:
            method: Async method of a resource that sends a single request.
            args: Positional arguments of the method.
            kwargs: Keyword arguments of the method.

        Returns:
            The response, with the method's return value as `value`.

        Raises:
            TypeError: The method has no single response: bulk operations, imports, exports, downloads, pagers and
                waits. Nothing was sent.
            errors.MistralError: The call failed; see `errors` for the subclasses.

        Example:
            >>> response = await mistral.raw_async(mistral.datasets.list_async, page_size=10)
        """
        from mistral_datasets._raw_async import request_response

        return await request_response(self._client, self._client.raw(method, *args, **kwargs))

    @property
    def server_url(self) -> str:
        """URL of the server, without a trailing slash."""
        return self._client.server_url

    def open_link(
        self, url: str, **options: Unpack[mistral_datasets.types.CallOptions]
    ) -> mistral_datasets.types.Download:
        """Opens a presigned URL, such as the `file_url` of an export. The API key is not sent to it.

        Args:
            url: The URL.
            options: Options of this call; see `types.CallOptions`. Headers are not sent.

        Returns:
            A streaming download.

        Raises:
            errors.ValidationError: The URL is not an HTTP or HTTPS URL.
            errors.PermissionError: The URL has expired. Request a new one.
            errors.NotFoundError: The file no longer exists. Request a new URL.

        Example:
            >>> url = mistral.files.get_signed_url(file_id=file_id).url
            >>> mistral.open_link(url).save("records.jsonl")
        """
        return self._client.open_link(url, options)

    async def open_link_async(
        self, url: str, **options: Unpack[mistral_datasets.types.CallOptions]
    ) -> mistral_datasets.types.Download:
        """Opens a presigned URL, such as the `file_url` of an export. The API key is not sent to it.

        Args:
            url: The URL.
            options: Options of this call; see `types.CallOptions`. Headers are not sent.

        Returns:
            A streaming download.

        Raises:
            errors.ValidationError: The URL is not an HTTP or HTTPS URL.
            errors.PermissionError: The URL has expired. Request a new one.
            errors.NotFoundError: The file no longer exists. Request a new URL.

        Example:
            >>> url = (await mistral.files.get_signed_url_async(file_id=file_id)).url
            >>> await (await mistral.open_link_async(url)).save_async("records.jsonl")
        """
        return await self._client.open_link_async(url, options)

    def close(self) -> None:
        """Closes the client and stops a local server.

        Calls in progress raise `errors.CancelledError`, and later calls raise `errors.ClosedError`. Closing a closed
        client has no effect.
        """
        self._client.close()

    async def close_async(self) -> None:
        """Closes the client and stops a local server.

        Calls in progress raise `errors.CancelledError`, and later calls raise `errors.ClosedError`. Closing a closed
        client has no effect.
        """
        await self._client.close_async()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_async()

    def __copy__(self) -> Self:
        # A client is immutable, so it can be its own copy. Copying by pickling would lose the API key.
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        if self._client.is_local:
            raise TypeError("a client of a local server cannot be pickled, because the server runs in this process")
        # The URL may come from the environment, which may differ where the client is unpickled.
        settings = {**self._settings, "server_url": self.server_url}
        return _unpickle, (type(self), settings, self._overrides, self._has_explicit_key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(server_url={self.server_url!r})"


def from_native(client: Client) -> Mistral:
    """Wraps a native client whose API key was passed explicitly."""
    mistral = Mistral.__new__(Mistral)
    mistral._initialize(client, {}, has_explicit_key=True)  # pyright: ignore[reportPrivateUsage]
    return mistral


def _path(argument: str, value: str | PathLike[str], expected: str) -> str | PathLike[str]:
    """Returns a path.

    Raises:
        TypeError: The value has another type.
    """
    if not isinstance(cast("object", value), (str, PathLike)):
        raise TypeError(f"{argument}: expected {expected}, found {type(value).__name__}")
    return value


def _given(**options: object) -> dict[str, object]:
    """Returns the options that are not `None`."""
    return {name: value for name, value in options.items() if value is not None}


def _unpickle(
    cls: type[Mistral],
    settings: dict[str, object],
    overrides: tuple[dict[str, object], ...],
    has_explicit_key: bool,
) -> Mistral:
    """Recreates a pickled client. The API key comes from the environment."""
    if has_explicit_key and not os.environ.get("MISTRAL_API_KEY", "").strip():
        from mistral_datasets.errors import ConfigurationError

        raise ConfigurationError(
            "the client was pickled without its API key; set MISTRAL_API_KEY where it is unpickled"
        )
    mistral = cls(**settings)  # type: ignore[arg-type]
    for options in overrides:
        mistral = mistral.with_options(**options)  # type: ignore[arg-type]
    return mistral


class Beta:
    """The official SDK's `beta` namespace."""

    __slots__ = ("_mistral",)

    def __init__(self, mistral: Mistral) -> None:
        self._mistral = mistral

    @property
    def observability(self) -> Observability:
        """The official SDK's `beta.observability` namespace."""
        return Observability(self._mistral)
