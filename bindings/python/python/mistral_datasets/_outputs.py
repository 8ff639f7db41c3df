"""Targets of exports in Python: files opened for writing, and functions."""

from __future__ import annotations

import io
from inspect import isawaitable, iscoroutinefunction
from typing import Any


class Writer:
    """Writes chunks completely to a file opened for writing, or passes them to a function.

    The `write` method of a file may write a part of a chunk and return the number of bytes, as raw files and sockets
    do. Such a file receives the rest of the chunk in further calls. The result of a function is ignored, unless it is
    the `write` or `send` method of an object.

    Raises:
        TypeError: The target is not a file opened for writing in binary mode or a function.
        ValueError: The file is closed or not writable.
    """

    def __init__(self, to: Any) -> None:
        function: Any = getattr(to, "write", to)
        if not callable(function):
            raise TypeError(f"to: expected a path, a file opened for writing, or a function, found {type(to).__name__}")
        # The file of a bound method.
        file = to if function is not to else getattr(to, "__self__", None)
        self._write = function
        self._counts = getattr(function, "__name__", "write") in ("write", "send") and file is not None
        if self._counts:
            _check_writable(file)

    def write(self, chunk: bytes) -> None:
        """Writes a chunk."""
        rest: bytes | memoryview = chunk
        while len(rest) > 0:
            rest = self._rest(rest, self._write(rest))

    async def write_async(self, chunk: bytes) -> None:
        """Writes a chunk. The target's method may be a coroutine function."""
        rest: bytes | memoryview = chunk
        while len(rest) > 0:
            written = self._write(rest)
            if isawaitable(written):
                written = await written
            rest = self._rest(rest, written)

    def _rest(self, chunk: bytes | memoryview, written: object) -> bytes | memoryview:
        """Returns the part of a chunk that is still to be written, given the result of the last call."""
        if not self._counts:
            return b""
        if written is None and isinstance(getattr(self._write, "__self__", None), io.RawIOBase):
            raise BlockingIOError("to: the file is not blocking and accepts no bytes at the moment")
        if not isinstance(written, int) or isinstance(written, bool) or written >= len(chunk):
            return b""
        if written <= 0:
            raise OSError(f"to: `write` accepted {written} of {len(chunk)} bytes")
        return memoryview(chunk)[written:]


def _check_writable(file: Any) -> None:
    if isinstance(file, io.TextIOBase) or isinstance(getattr(file, "encoding", None), str):
        raise TypeError('to: the file must be opened in binary mode, such as with `open(path, "wb")`')
    if getattr(file, "closed", False) is True:
        raise ValueError("to: the file is closed")
    writable = getattr(file, "writable", None)
    if callable(writable) and not iscoroutinefunction(writable) and writable() is False:
        raise ValueError("to: the file is not opened for writing")
