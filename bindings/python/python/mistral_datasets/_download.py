"""Streaming downloads. Imported by the native module when it opens the first download."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from mistral_datasets._native import Content


class Download:
    """Streaming body of a file or presigned URL.

    The body can be consumed once: completely with `read`, or in chunks with `iter_bytes`, which keeps memory usage
    constant. Methods that start with `a` are for asyncio. If you do not read a download completely, close it or use it
    in a `with` block.

    Example:
        >>> with mistral.files.download(file_id=file_id) as download:
        ...     for chunk in download.iter_bytes():
        ...         target.write(chunk)
    """

    __slots__ = ("_body", "_closed", "_content")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._body: bytes | None = None
        self._closed = False

    @property
    def length(self) -> int | None:
        """Total number of bytes, if the server sends it."""
        return self._content.length

    @property
    def content(self) -> bytes:
        """The whole body. Reads it if `read` or `aread` has not been called."""
        return self.read()

    @property
    def is_closed(self) -> bool:
        """Whether the download has been read completely or closed."""
        return self._closed

    def read(self) -> bytes:
        """Reads the rest of the body into memory. Further calls return the same bytes.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
        """
        if self._body is None:
            self._body = b"".join(self.iter_bytes())
        return self._body

    async def aread(self) -> bytes:
        """Reads the rest of the body into memory. Further calls return the same bytes.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
        """
        if self._body is None:
            self._body = b"".join([chunk async for chunk in self.aiter_bytes()])
        return self._body

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Iterates over the body in chunks.

        Args:
            chunk_size: Size of every chunk except the last. Default: chunks as they arrive.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
        """
        chunker = _Chunker(chunk_size)
        if self._body is not None:
            yield from chunker.split(self._body)
        else:
            while (chunk := self._received(self._content.read())) is not None:
                yield from chunker.split(chunk)
        yield from chunker.rest()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Iterates over the body in chunks.

        Args:
            chunk_size: Size of every chunk except the last. Default: chunks as they arrive.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
        """
        chunker = _Chunker(chunk_size)
        if self._body is not None:
            for piece in chunker.split(self._body):
                yield piece
        else:
            while (chunk := self._received(await self._content.read_async())) is not None:
                for piece in chunker.split(chunk):
                    yield piece
        for piece in chunker.rest():
            yield piece

    def _received(self, chunk: bytes | None) -> bytes | None:
        if chunk is None:
            self._closed = True
        return chunk

    def close(self) -> None:
        """Stops the download. Has no effect if it is already closed."""
        self._closed = True
        self._content.close()

    async def aclose(self) -> None:
        """Stops the download. Has no effect if it is already closed."""
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_bytes()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.aiter_bytes()

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
        self.close()

    def __repr__(self) -> str:
        return f"Download(length={self.length}, is_closed={self.is_closed})"


class _Chunker:
    """Splits a stream of bytes into chunks of a fixed size."""

    __slots__ = ("_buffer", "_size")

    def __init__(self, size: int | None) -> None:
        if size is not None and size < 1:
            raise ValueError("chunk_size must be at least 1")
        self._size = size
        self._buffer = bytearray()

    def split(self, data: bytes) -> Iterator[bytes]:
        """Adds data and returns the complete chunks."""
        if self._size is None:
            yield data
            return
        self._buffer += data
        while len(self._buffer) >= self._size:
            chunk = bytes(self._buffer[: self._size])
            del self._buffer[: self._size]
            yield chunk

    def rest(self) -> Iterator[bytes]:
        """Returns the incomplete last chunk, if there is one."""
        if self._buffer:
            yield bytes(self._buffer)
