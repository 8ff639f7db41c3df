"""A download that was closed or failed never returns a part of the body as if it were all of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import Api, Canned
from mistral_datasets import Mistral, errors

CONTENT = bytes(range(256)) * 10_000
CLOSED = "closed before it was read completely"


@pytest.fixture
def server() -> Iterator[Canned]:
    with Canned(200, CONTENT) as server:
        yield server


class Interrupted:
    """A server that sends the first 40 bytes of a body of 100, waits for `resume`, and closes the connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.resume = threading.Event()
        self.rest = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + b"x" * 40)
                self.resume.wait(10)
                connection.sendall(self.rest)

    def close(self) -> None:
        self.resume.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def interrupted() -> Iterator[Interrupted]:
    server = Interrupted()
    yield server
    server.close()


async def test_closed(server: Canned, style: str, tmp_path: Path) -> None:
    api = Api(style, server.client())
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    opened: Any = api.wrap(await api.files.download(file_id="f"))
    assert await opened.read(3) == CONTENT[:3]
    await opened.close()
    for _ in range(2):
        with pytest.raises(ValueError, match=CLOSED):
            await opened.read()
        with pytest.raises(ValueError, match=CLOSED):
            await opened.read(10)
    with pytest.raises(ValueError, match=CLOSED):
        await opened.save(path)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file.bin"]


async def test_closed_at_the_end(server: Canned, style: str) -> None:
    api = Api(style, server.client())
    opened: Any = api.wrap(await api.files.download(file_id="f"))
    assert await opened.read() == CONTENT
    await opened.close()
    assert await opened.read() == CONTENT
    opened = api.wrap(await api.files.download(file_id="f"))
    while await opened.read(100_000):
        pass
    await opened.close()
    assert (await opened.read(10), await opened.read()) == (b"", b"")


def test_closed_while_iterating(server: Canned) -> None:
    opened = server.client().files.download(file_id="f")
    chunks = iter(opened)
    next(chunks)
    opened.close()
    with pytest.raises(ValueError, match=CLOSED):
        list(chunks)


async def test_failed(interrupted: Interrupted, style: str, tmp_path: Path) -> None:
    interrupted.resume.set()
    api = Api(style, Mistral("k", server_url=interrupted.url, max_retries=0))
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    opened: Any = api.wrap(await api.files.download(file_id="f"))
    for _ in range(3):
        with pytest.raises(errors.ConnectionError, match="lost"):
            await opened.read()
    with pytest.raises(errors.ConnectionError, match="lost"):
        await opened.save(path)
    assert path.read_bytes() == b"old"


def test_a_read_after_a_cancelled_read_starts_where_it_did(interrupted: Interrupted) -> None:
    interrupted.rest = b"y" * 60

    async def program() -> bytes:
        async with Mistral("k", server_url=interrupted.url, max_retries=0) as mistral:
            opened = await mistral.files.download_async(file_id="f")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(opened.read_async(), 0.3)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(opened.read_async(50), 0.1)
            interrupted.resume.set()
            return await opened.read_async()

    assert asyncio.run(program()) == b"x" * 40 + b"y" * 60
