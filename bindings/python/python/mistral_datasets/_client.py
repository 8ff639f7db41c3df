"""The client, and the way from it to the operations."""

from __future__ import annotations

import os

from mistral_datasets._native import Client, RetryPolicy

# Type checkers take this for true; importing it from `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self

    from mistral_datasets._download import Download
    from mistral_datasets._raw import P, RawResponse, T
    from mistral_datasets.resources import Datasets, Files

__all__ = ["Beta", "Mistral", "Observability"]


class Mistral:
    """A client of Mistral's observability datasets API.

    It can be used from any thread and any event loop, and all uses share its connections. In a forked child it opens
    connections of its own. It can be pickled, without its key. Use it in a `with` or `async with` block, or close it
    when it is no longer needed.

    Args:
        api_key: The key to authenticate with. Default: the environment's `MISTRAL_API_KEY`.
        server_url: The server's address. Default: the environment's `MISTRAL_SERVER_URL`, and without that the service.
        timeout_ms: How many milliseconds one attempt of a call may take until its response has been read. Default:
            300,000. Uploads and downloads may take longer, as long as they do not pause for this time.
        deadline_ms: How many milliseconds a call may take with all its attempts and the waits between them. Default:
            600,000. Uploads and downloads may take longer.
        retries: How often and after how long calls that failed in passing are made again, where that does no harm: a
            `RetryPolicy`, or a number of attempts, of which 1 (and 0) means once only. Default: `RetryPolicy()`.
        headers: Further headers of every request to the API, such as a gateway wants them.
        proxy: The proxy that all requests go through, such as `http://user:password@host:3128`. Default: what the
            environment says in `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
        ca_certificates: Certificates in PEM that are trusted besides the system's: their bytes, or the path of a file.
            The environment can name files too, `SSL_CERT_FILE` in the place of the system's and `REQUESTS_CA_BUNDLE`
            besides.

    Raises:
        errors.ConfigurationError: There is no key, the server's or the proxy's address is none, a time is nothing, a
        header
            cannot be sent, or the certificates cannot be read.

    Example:
        >>> with Mistral() as mistral:
        ...     dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")
        >>> async with Mistral(retries=RetryPolicy(8, max_delay=30), timeout_ms=60_000) as mistral:
        ...     page = await mistral.datasets.list_async()
    """

    __slots__ = ("__weakref__", "_client", "_datasets", "_files", "_headers", "_settings")

    def __init__(
        self,
        api_key: str | None = None,
        *,
        server_url: str | None = None,
        timeout_ms: int | None = None,
        deadline_ms: int | None = None,
        retries: RetryPolicy | int | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ca_certificates: bytes | str | PathLike[str] | None = None,
    ) -> None:
        given: dict[str, object] = {
            "server_url": server_url,
            "timeout_ms": timeout_ms,
            "deadline_ms": deadline_ms,
            "retries": retries,
            "headers": headers,
        }
        if ca_certificates is not None and not isinstance(ca_certificates, bytes):
            # Importing `pathlib` takes longer than this package.
            with open(ca_certificates, "rb") as file:  # noqa: PTH123
                ca_certificates = file.read()
        client = Client({**given, "api_key": api_key}, proxy, ca_certificates)
        given.update(proxy=proxy, ca_certificates=ca_certificates, key_given=api_key is not None)
        self._set_up(client, given, headers or {})

    def _set_up(self, client: Client, settings: dict[str, object], headers: Mapping[str, str]) -> None:
        self._client = client
        self._datasets: Datasets | None = None
        self._files: Files | None = None
        # What pickle keeps: never the key, but whether it must come from the environment or cannot.
        self._settings = {name: value for name, value in settings.items() if value is not None}
        self._headers = headers

    @classmethod
    def local(cls, directory: str | PathLike[str] | None = None) -> Self:
        """A client of a server that runs in this process, on a free loopback port and with a random key.

        Args:
            directory: Where the server keeps its data; it is made where it is missing. Without it, data are kept in
                memory and gone when the client is closed.

        Returns:
            A client as any other. Closing it stops the server.

        Raises:
            errors.ConfigurationError: The directory cannot be used, or another process uses it.

        Example:
            >>> with Mistral.local() as mistral:
            ...     dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")
        """
        mistral = cls.__new__(cls)
        mistral._set_up(Client.local(directory), {}, {})
        return mistral

    def with_options(
        self,
        *,
        timeout_ms: int | None = None,
        deadline_ms: int | None = None,
        retries: RetryPolicy | int | None = None,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        server_url: str | None = None,
    ) -> Self:
        """A client for which something is otherwise: for some calls. It shares everything else with this one, also its
        connections, and being closed.

        Args:
            timeout_ms: See `Mistral`, also for the others. What is not given stays.
            deadline_ms: The time of a call with all its attempts.
            retries: How often and after how long failed calls are made again.
            headers: Headers beside those that are sent already; one of the same name is replaced.
            api_key: Another key.
            server_url: Another server.

        Raises:
            errors.ConfigurationError: An option cannot hold.

        Example:
            >>> page = mistral.with_options(timeout_ms=5_000, retries=1).datasets.list()
        """
        given: dict[str, object] = {
            "server_url": server_url,
            "timeout_ms": timeout_ms,
            "deadline_ms": deadline_ms,
            "retries": retries,
            "headers": headers,
        }
        other = type(self).__new__(type(self))
        client = self._client.with_options({**given, "api_key": api_key})
        settings = {**self._settings, **{name: value for name, value in given.items() if value is not None}}
        settings["key_given"] = settings.get("key_given", False) or api_key is not None
        other._set_up(client, settings, {**self._headers, **(headers or {})})
        return other

    @property
    def datasets(self) -> Datasets:
        """Datasets, the records in them, imports, exports and tasks."""
        if self._datasets is None:
            from mistral_datasets.resources import Datasets

            self._datasets = Datasets(self._client)
        return self._datasets

    @property
    def files(self) -> Files:
        """Uploaded files, which imports read."""
        if self._files is None:
            from mistral_datasets.resources import Files

            self._files = Files(self._client)
        return self._files

    @property
    def beta(self) -> Beta:
        """The long way to `datasets`, as the official SDK has it: `beta.observability.datasets`."""
        return Beta(self)

    def raw(self, method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        """Makes a call, and returns its response as it came beside what was made of it.

        Args:
            method: The method of a resource that makes the call.
            args: Its arguments, and
            kwargs: those that are given by name.

        Returns:
            What the call returns as `value`, and the response's status, headers, request id and bytes.

        Raises:
            TypeError: The method does not make a single call, as pagers and bulk transfers do not.
            errors.MistralError: As the call.

        Example:
            >>> response = mistral.raw(mistral.datasets.list, page_size=10)
            >>> print(response.value.datasets.count, response.headers["content-type"], response.request_id)
        """
        response: RawResponse[T] = self._client.raw(method, *args, **kwargs)
        return response

    async def raw_async(self, method: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        """Like `raw`, for asyncio.

        Example:
            >>> response = await mistral.raw_async(mistral.datasets.list_async, page_size=10)
        """
        response: RawResponse[T] = await self._client.raw(method, *args, **kwargs)
        return response

    @property
    def server_url(self) -> str:
        """The server's address, without a slash at its end."""
        return self._client.server_url

    def open_link(self, url: str) -> Download:
        """Opens a presigned link, such as the `file_url` of an export. The key is never sent there.

        Args:
            url: The link.

        Returns:
            The bytes on their way.

        Raises:
            errors.ValidationError: It is no http or https link.
            errors.PermissionError: It has expired, or
            errors.NotFoundError: it leads nowhere any more: ask for it again.
        """
        return self._client.open_link(url)

    async def open_link_async(self, url: str) -> Download:
        """Like `open_link`, for asyncio."""
        return await self._client.open_link_async(url)

    def close(self) -> None:
        """Closes the client, and stops a local server. Afterwards calls raise `errors.ClosedError`, but not `close`."""
        self._client.close()

    async def close_async(self) -> None:
        """Like `close`, for asyncio."""
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
        # Nothing about a client changes, so that its copy may be itself; pickle would lose its key.
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        if self._client.is_local:
            raise TypeError("a client of a server in this process cannot be pickled: the server stays here")
        settings = {**self._settings, "headers": self._headers, "server_url": self.server_url}
        return _unpickled, (type(self), settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(server_url={self.server_url!r})"


def over(client: Client) -> Mistral:
    """A client over one that was set up elsewhere, with a key that only its maker knows."""
    mistral = Mistral.__new__(Mistral)
    mistral._set_up(client, {"key_given": True}, {})  # pyright: ignore[reportPrivateUsage]
    return mistral


def _unpickled(cls: type[Mistral], settings: dict[str, object]) -> Mistral:
    """Makes a client again of what pickle kept; the key comes from the environment."""
    key_given = settings.pop("key_given")
    if key_given and not os.environ.get("MISTRAL_API_KEY", "").strip():
        from mistral_datasets.errors import ConfigurationError

        raise ConfigurationError(
            "a client that was given its key was pickled without it; set MISTRAL_API_KEY where it is unpickled"
        )
    return cls(**settings)  # type: ignore[arg-type]


class Beta:
    """What the official SDK keeps under `beta`."""

    __slots__ = ("_mistral",)

    def __init__(self, mistral: Mistral) -> None:
        self._mistral = mistral

    @property
    def observability(self) -> Observability:
        """What the official SDK keeps under `beta.observability`."""
        return Observability(self._mistral)


class Observability:
    """What the official SDK keeps under `beta.observability`."""

    __slots__ = ("_mistral",)

    def __init__(self, mistral: Mistral) -> None:
        self._mistral = mistral

    @property
    def datasets(self) -> Datasets:
        """Datasets, the records in them, imports, exports and tasks."""
        return self._mistral.datasets
