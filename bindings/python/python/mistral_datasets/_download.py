"""Streaming downloads. Imported by the native module when it opens the first download."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from mistral_datasets import errors
from mistral_datasets._compat import Buffer, Self
from mistral_datasets._native import Content


class Download:
    """Streaming body of a file or presigned URL.

    The body arrives once: completely with `read()`, in pieces with `read(size)` like a binary file, in chunks with
    `iter_bytes`, or in a file with `save`. All but `read()` use constant memory. Methods that end with `_async` are
    for asyncio. If you do not read a download completely, close it or use it in a `with` block.

    Reading a download that was closed before its end raises `ValueError`, as for files. Reading on after an error of
    this package raises the error again. An incomplete body is never returned as a complete one.

    A download can be passed to libraries that read binary files, such as `gzip.open`, `io.TextIOWrapper` and
    `pandas.read_json`. It cannot seek.

    Example:
        >>> mistral.files.download(file_id=file_id).save("records.jsonl")
        >>> with mistral.files.download(file_id=file_id) as download:
        ...     first = download.read(1000)
        ...     for chunk in download:
        ...         target.write(chunk)
    """

    __slots__ = ("_body", "_buffer", "_closed", "_content", "_ended", "_failure")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._body: bytes | None = None
        self._buffer = b""
        self._ended = False
        self._closed = False
        self._failure: errors.MistralError | None = None

    @property
    def length(self) -> int | None:
        """Total number of bytes, if the server sends it."""
        return self._content.length

    @property
    def content(self) -> bytes:
        """The whole body. Reads it if `read` or `read_async` has not been called."""
        return self.read()

    @property
    def is_closed(self) -> bool:
        """Whether the download has been read completely or closed."""
        return self._ended or self._closed

    @property
    def closed(self) -> bool:
        """Whether `close` was called, as for files. A download that was read completely is not closed."""
        return self._closed

    def readable(self) -> bool:
        """Returns `True`, as for files."""
        return True

    def writable(self) -> bool:
        """Returns `False`, as for files."""
        return False

    def seekable(self) -> bool:
        """Returns `False`, as for files."""
        return False

    def flush(self) -> None:
        """Does nothing, as for files opened for reading."""

    def read(self, size: int | None = None, /) -> bytes:
        """Reads the rest of the body, or a piece of it.

        Args:
            size: Maximum number of bytes. Fewer are returned at the end only, and none after it. Default: the rest of
                the body, which is kept in memory. Further calls without a size return the same bytes.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
            ValueError: The download was closed before it was read completely.
        """
        if size is None or size < 0:
            if self._body is None:
                parts: list[bytes] = []
                with self._restoring(parts):
                    parts.extend(self.iter_bytes())
                self._body = b"".join(parts)
            return self._body
        parts = []
        with self._restoring(parts):
            while (missing := size - sum(map(len, parts))) > 0 and self._body is None:
                chunk = self._take(missing) or self._keep(self._next(), missing)
                if not chunk:
                    break
                parts.append(chunk)
        return b"".join(parts)

    async def read_async(self, size: int | None = None, /) -> bytes:
        """Reads the rest of the body, or a piece of it.

        Args:
            size: Maximum number of bytes. Fewer are returned at the end only, and none after it. Default: the rest of
                the body, which is kept in memory. Further calls without a size return the same bytes.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
            ValueError: The download was closed before it was read completely.
        """
        if size is None or size < 0:
            if self._body is None:
                parts: list[bytes] = []
                with self._restoring(parts):
                    async for chunk in self.iter_bytes_async():
                        parts.append(chunk)
                self._body = b"".join(parts)
            return self._body
        parts = []
        with self._restoring(parts):
            while (missing := size - sum(map(len, parts))) > 0 and self._body is None:
                chunk = self._take(missing) or self._keep(await self._next_async(), missing)
                if not chunk:
                    break
                parts.append(chunk)
        return b"".join(parts)

    aread = read_async
    """Alias of `read_async`, as in httpx."""

    def read1(self, size: int = -1, /) -> bytes:
        """Reads at most `size` bytes, waiting for data once, as buffered files do."""
        if self._body is not None:
            return b""
        limit = size if size >= 0 else 1 << 30
        return self._take(limit) or self._keep(self._next(), limit)

    def readinto(self, buffer: Buffer, /) -> int:
        """Reads bytes into a writable buffer, as files do. Returns their number, which is 0 at the end."""
        view = memoryview(buffer).cast("B")
        piece = self.read1(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def save(self, path: str | os.PathLike[str]) -> int:
        """Saves the rest of the body in a file, which is created or replaced when the body is complete.

        Args:
            path: Path of the file.

        Returns:
            The number of bytes.

        Raises:
            OSError: The file cannot be written.
            errors.ConnectionError: The connection was lost. An existing file is unchanged.
            errors.TimeoutError: No data arrived for too long. An existing file is unchanged.
            ValueError: The download was closed before it was read completely. An existing file is unchanged.

        Example:
            >>> mistral.files.download(file_id=file_id).save("records.jsonl")
        """
        with self, _Target(path) as target:
            for chunk in self.iter_bytes():
                target.write(chunk)
            return target.size

    async def save_async(self, path: str | os.PathLike[str]) -> int:
        """Saves the rest of the body in a file, which is created or replaced when the body is complete.

        Args:
            path: Path of the file. Writing to it blocks the event loop for the time the disk needs.

        Returns:
            The number of bytes.

        Raises:
            OSError: The file cannot be written.
            errors.ConnectionError: The connection was lost. An existing file is unchanged.
            errors.TimeoutError: No data arrived for too long. An existing file is unchanged.
            ValueError: The download was closed before it was read completely. An existing file is unchanged.

        Example:
            >>> await (await mistral.files.download_async(file_id=file_id)).save_async("records.jsonl")
        """
        async with self:
            with _Target(path) as target:
                async for chunk in self.iter_bytes_async():
                    target.write(chunk)
                return target.size

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Iterates over the body in chunks.

        Args:
            chunk_size: Size of every chunk except the last. Default: chunks as they arrive.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
            ValueError: The download was closed before it was read completely.
        """
        chunker = _Chunker(chunk_size)
        if self._body is not None:
            yield from chunker.split(self._body)
        else:
            if rest := self._take(len(self._buffer)):
                yield from chunker.split(rest)
            while (chunk := self._next()) is not None:
                yield from chunker.split(chunk)
        yield from chunker.rest()

    async def iter_bytes_async(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Iterates over the body in chunks.

        Args:
            chunk_size: Size of every chunk except the last. Default: chunks as they arrive.

        Raises:
            errors.ConnectionError: The connection was lost.
            errors.TimeoutError: No data arrived for too long.
            ValueError: The download was closed before it was read completely.
        """
        chunker = _Chunker(chunk_size)
        if self._body is not None:
            for piece in chunker.split(self._body):
                yield piece
        else:
            if rest := self._take(len(self._buffer)):
                for piece in chunker.split(rest):
                    yield piece
            while (chunk := await self._next_async()) is not None:
                for piece in chunker.split(chunk):
                    yield piece
        for piece in chunker.rest():
            yield piece

    aiter_bytes = iter_bytes_async
    """Alias of `iter_bytes_async`, as in httpx."""

    def _next(self) -> bytes | None:
        """Returns the next chunk, or `None` at the end."""
        self._check()
        try:
            return self._received(self._content.read())
        except errors.MistralError as error:
            self._failure = error
            raise

    async def _next_async(self) -> bytes | None:
        """Returns the next chunk, or `None` at the end."""
        self._check()
        try:
            return self._received(await self._content.read_async())
        except errors.MistralError as error:
            self._failure = error
            raise

    def _check(self) -> None:
        """Raises an exception if the rest of the body cannot be read."""
        if self._failure is not None:
            raise self._failure
        if self._closed and not self._ended:
            raise ValueError("the download was closed before it was read completely")

    def _received(self, chunk: bytes | None) -> bytes | None:
        if chunk is None:
            # The native module returns `None` after `close` as well, also if another thread has just called it.
            self._check()
            self._ended = True
        return chunk

    @contextmanager
    def _restoring(self, parts: list[bytes]) -> Generator[None, None, None]:
        """Puts parts back into the buffer if a read is cancelled or fails, so that the next read starts with them."""
        try:
            yield
        except BaseException:
            self._buffer = b"".join(parts) + self._buffer
            raise

    def _take(self, size: int) -> bytes:
        """Returns bytes that were received but not returned."""
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _keep(self, chunk: bytes | None, size: int) -> bytes:
        """Returns the beginning of a chunk and keeps its rest."""
        if chunk is None:
            return b""
        self._buffer = chunk[size:]
        return chunk[:size]

    def close(self) -> None:
        """Stops the download. Has no effect if it is already closed."""
        self._closed = True
        self._buffer = b""
        self._content.close()

    async def close_async(self) -> None:
        """Stops the download. Has no effect if it is already closed."""
        self.close()

    aclose = close_async
    """Alias of `close_async`, as in httpx."""

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_bytes()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.iter_bytes_async()

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


class _Target:
    """A file that replaces another once it is complete."""

    __slots__ = ("_file", "_path", "_temporary", "size")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        # `tempfile` would create a file that only its owner can read.
        self._temporary = self._path.with_name(f".{self._path.name}.{os.urandom(6).hex()}")
        self.size = 0

    def __enter__(self) -> Self:
        if self._path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a directory; give the path of a file", str(self._path))
        if not self._path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the directory does not exist", str(self._path))
        self._file = self._temporary.open("xb")
        return self

    def write(self, chunk: bytes) -> None:
        """Writes a chunk."""
        self._file.write(chunk)
        self.size += len(chunk)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink()


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
