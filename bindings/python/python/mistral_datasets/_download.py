"""What a download hands out. The native module imports this when the first download is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from mistral_datasets._native import Content


class Download:
    """Bytes on their way: the content of a file, or what a presigned link leads to.

    They are read once: as a whole with `read`, or piece by piece with `iter_bytes`, which keeps memory small. Methods
    that begin with `a` are for asyncio. Close a download that is not read to its end, or use it in a `with` block.

    Example:
        >>> with mistral.files.download(file_id=file_id) as download:
        ...     for chunk in download.iter_bytes():
        ...         target.write(chunk)
    """

    __slots__ = ("_closed", "_content", "_whole")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._whole: bytes | None = None
        self._closed = False

    @property
    def length(self) -> int | None:
        """How many bytes come in all, where the server says it."""
        return self._content.length

    @property
    def content(self) -> bytes:
        """All bytes, once `read` or `aread` has read them; otherwise they are read now."""
        return self.read()

    @property
    def is_closed(self) -> bool:
        """Whether there is nothing more to read, because it was read or closed."""
        return self._closed

    def read(self) -> bytes:
        """Reads what is left into memory. A second call returns the same bytes.

        Raises:
            errors.ConnectionError: The download broke off.
            errors.TimeoutError: It paused for too long.
        """
        if self._whole is None:
            self._whole = b"".join(self.iter_bytes())
        return self._whole

    async def aread(self) -> bytes:
        """Like `read`, for asyncio."""
        if self._whole is None:
            self._whole = b"".join([chunk async for chunk in self.aiter_bytes()])
        return self._whole

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The bytes piece by piece.

        Args:
            chunk_size: How long every piece but the last is. Without it, pieces are as long as they come.

        Raises:
            errors.ConnectionError: The download broke off.
            errors.TimeoutError: It paused for too long.
        """
        pieces = _Pieces(chunk_size)
        if self._whole is not None:
            yield from pieces.cut(self._whole)
        else:
            while (chunk := self._next_from(self._content.read())) is not None:
                yield from pieces.cut(chunk)
        yield from pieces.rest()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Like `iter_bytes`, for asyncio."""
        pieces = _Pieces(chunk_size)
        if self._whole is not None:
            for piece in pieces.cut(self._whole):
                yield piece
        else:
            while (chunk := self._next_from(await self._content.read_async())) is not None:
                for piece in pieces.cut(chunk):
                    yield piece
        for piece in pieces.rest():
            yield piece

    def _next_from(self, chunk: bytes | None) -> bytes | None:
        if chunk is None:
            self._closed = True
        return chunk

    def close(self) -> None:
        """Breaks the download off. Closing twice is no error."""
        self._closed = True
        self._content.close()

    async def aclose(self) -> None:
        """Like `close`, for asyncio."""
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


class _Pieces:
    """Cuts bytes into pieces of one size."""

    __slots__ = ("_kept", "_size")

    def __init__(self, size: int | None) -> None:
        if size is not None and size < 1:
            raise ValueError("chunk_size must be at least 1")
        self._size = size
        self._kept = bytearray()

    def cut(self, chunk: bytes) -> Iterator[bytes]:
        """The pieces that are whole with this chunk."""
        if self._size is None:
            yield chunk
            return
        self._kept += chunk
        while len(self._kept) >= self._size:
            piece = bytes(self._kept[: self._size])
            del self._kept[: self._size]
            yield piece

    def rest(self) -> Iterator[bytes]:
        """The piece that is left, if one is."""
        if self._kept:
            yield bytes(self._kept)
