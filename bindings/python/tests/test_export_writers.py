"""Targets of exports: partial writes, and targets that cannot be written."""

from __future__ import annotations

import io
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import Workspace

RECORDS = 300


class Partial:
    """A writer that writes at most 7 bytes at once."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> int:
        written = bytes(data[:7])
        self.content += written
        return len(written)


class AsyncPartial(Partial):
    async def write(self, data: bytes) -> int:  # type: ignore[override]
        return super().write(data)


class Silent(Partial):
    """A writer that returns nothing."""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.content += data


async def expected(workspace: Workspace, dataset_id: str) -> bytes:
    target = io.BytesIO()
    report = await workspace.datasets.export(dataset_id, target)
    assert report.records == RECORDS
    return target.getvalue()


async def test_partial_writes_are_continued(workspace: Workspace, tmp_path: Path) -> None:
    dataset = await workspace.dataset_with_records(RECORDS)
    content = await expected(workspace, dataset.id)
    writers: list[Partial] = [Partial(), Silent(), *([AsyncPartial()] if workspace.style == "asyncio" else [])]
    for writer in writers:
        report = await workspace.datasets.export(dataset.id, writer)
        assert (report.records, report.bytes) == (RECORDS, len(content))
        assert bytes(writer.content) == content
    bound = Partial()
    await workspace.datasets.export(dataset.id, bound.write)
    assert bytes(bound.content) == content
    with (tmp_path / "raw").open("wb", buffering=0) as raw:
        await workspace.datasets.export(dataset.id, raw)
    assert (tmp_path / "raw").read_bytes() == content
    # The result of a function is not a number of bytes.
    chunks: list[bytes] = []

    def collect(chunk: bytes) -> int:
        chunks.append(chunk)
        return 1

    await workspace.datasets.export(dataset.id, collect)
    assert b"".join(chunks) == content


async def test_sockets_receive_everything(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(RECORDS)
    content = await expected(workspace, dataset.id)
    targets: list[Callable[[socket.socket], Any]] = [
        lambda sender: sender.makefile("wb", buffering=0),
        lambda sender: sender.send,
        lambda sender: sender.sendall,
    ]
    for target in targets:
        sender, receiver = socket.socketpair()
        received = bytearray()

        def receive(receiver: socket.socket = receiver, received: bytearray = received) -> None:
            while data := receiver.recv(1000):
                received.extend(data)

        thread = threading.Thread(target=receive)
        thread.start()
        with sender:
            opened = target(sender)
            await workspace.datasets.export(dataset.id, opened)
            if isinstance(opened, io.IOBase):
                opened.close()
        thread.join()
        receiver.close()
        assert bytes(received) == content


async def test_writers_that_accept_nothing_fail(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(3)

    class Full(Partial):
        def write(self, data: bytes) -> int:
            return 0

    with pytest.raises(OSError, match=r"`write` accepted 0 of \d+ bytes"):
        await workspace.datasets.export(dataset.id, Full())
    read, write = os.pipe()
    os.set_blocking(write, False)
    with os.fdopen(read, "rb"), os.fdopen(write, "wb", buffering=0) as pipe:
        while pipe.write(b"x" * 65536) is not None:
            pass
        with pytest.raises(BlockingIOError):
            await workspace.datasets.export(dataset.id, pipe)


async def test_targets_that_cannot_be_written_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    dataset = await workspace.dataset_with_records(3)
    path = tmp_path / "file"
    path.write_bytes(b"")
    closed = io.BytesIO()
    closed.close()
    with path.open("rb") as read_only, path.open("w") as text, tempfile.NamedTemporaryFile("w") as named:
        cases: list[tuple[Any, type[Exception], str]] = [
            (read_only, ValueError, "to: the file is not opened for writing"),
            (closed, ValueError, "to: the file is closed"),
            (closed.write, ValueError, "to: the file is closed"),
            (text, TypeError, "to: the file must be opened in binary mode"),
            (io.StringIO(), TypeError, "to: the file must be opened in binary mode"),
            (named, TypeError, "to: the file must be opened in binary mode"),
            (5, TypeError, "to: expected a path, a file opened for writing, or a function, found int"),
        ]
        for target, kind, message in cases:
            with pytest.raises(kind, match=message):
                await workspace.datasets.export(dataset.id, target)
    assert workspace.requests() == []
