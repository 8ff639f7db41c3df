"""The client, and the way from it to the operations."""

from __future__ import annotations

from mistral_datasets._native import Client

# Type checkers take this for true; importing it from `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self

    from mistral_datasets._download import Download
    from mistral_datasets.resources import Datasets, Files

__all__ = ["Beta", "Mistral", "Observability"]


class Mistral:
    """A client of Mistral's observability datasets API.

    It can be used from any thread and any event loop, and all uses share its connections. In a forked child it opens
    connections of its own. Use it in a `with` or `async with` block, or close it when it is no longer needed.

    Args:
        api_key: The key to authenticate with. Default: the environment's `MISTRAL_API_KEY`.
        server_url: The server's address. Default: the environment's `MISTRAL_SERVER_URL`, and without that the service.
        timeout_ms: How many milliseconds one request may take until its reply has been read. Default: 300,000. Uploads
            and downloads may take longer, as long as they do not pause for this time.

    Raises:
        errors.ConfigurationError: There is no key, or the server's address is none.

    Example:
        >>> with Mistral() as mistral:
        ...     dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")
        >>> async with Mistral() as mistral:
        ...     page = await mistral.datasets.list_async()
    """

    __slots__ = ("__weakref__", "_client")

    def __init__(
        self, api_key: str | None = None, *, server_url: str | None = None, timeout_ms: int | None = None
    ) -> None:
        self._client = Client(api_key, server_url, timeout_ms)

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
        mistral._client = Client.local(directory)
        return mistral

    @property
    def datasets(self) -> Datasets:
        """Datasets, the records in them, imports, exports and tasks."""
        return self._client.datasets

    @property
    def files(self) -> Files:
        """Uploaded files, which imports read."""
        return self._client.files

    @property
    def beta(self) -> Beta:
        """The long way to `datasets`, as the official SDK has it: `beta.observability.datasets`."""
        return Beta(self._client)

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}(server_url={self.server_url!r})"


class Beta:
    """What the official SDK keeps under `beta`."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def observability(self) -> Observability:
        """What the official SDK keeps under `beta.observability`."""
        return Observability(self._client)


class Observability:
    """What the official SDK keeps under `beta.observability`."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def datasets(self) -> Datasets:
        """Datasets, the records in them, imports, exports and tasks."""
        return self._client.datasets
