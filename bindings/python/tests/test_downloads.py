"""Downloads are like binary files, and uploads accept what people have."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import Api, Canned
from mistral_datasets import Mistral, errors
from mistral_datasets.types import Download

CONTENT = bytes(range(256)) * 1000
LINES = b'{"messages": []}\n{"messages": [], "n": 2}\n'


@pytest.fixture
def server() -> Iterator[Canned]:
    with Canned(200, CONTENT) as server:
        yield server


def download(server: Canned) -> Download:
    return server.client().files.download(file_id="f")


async def test_pieces(server: Canned, style: str) -> None:
    api = Api(style, server.client())
    opened: Any = api.wrap(await api.files.download(file_id="f"))
    pieces: list[bytes] = []
    while piece := await opened.read(100_000):
        pieces.append(piece)
    assert [len(piece) for piece in pieces] == [100_000, 100_000, 56_000]
    assert b"".join(pieces) == CONTENT
    assert (await opened.read(10), await opened.read(0)) == (b"", b"")


async def test_the_rest_after_a_piece(server: Canned, style: str) -> None:
    api = Api(style, server.client())
    opened: Any = api.wrap(await api.files.download(file_id="f"))
    assert await opened.read(7) == CONTENT[:7]
    assert await opened.read() == CONTENT[7:]
    assert await opened.read(5) == b""
    opened = api.wrap(await api.files.download(file_id="f"))
    # Like a response of httpx, which the official SDK returns.
    assert await opened.read() == await opened.read() == await opened.read(-1) == CONTENT


def test_chunks_after_a_piece(server: Canned) -> None:
    opened = download(server)
    assert opened.read(3) == CONTENT[:3]
    assert b"".join(opened) == CONTENT[3:]
    opened = download(server)
    assert opened.read(3) == CONTENT[:3]
    assert {len(chunk) for chunk in opened.iter_bytes(1000)} == {1000, 997}


def test_as_a_file(server: Canned) -> None:
    opened = download(server)
    assert (opened.readable(), opened.writable(), opened.seekable(), opened.closed) == (True, False, False, False)
    assert io.BufferedReader(opened).read(10) == CONTENT[:10]  # type: ignore[type-var]
    with download(server) as opened:
        target = io.BytesIO()
        import shutil

        shutil.copyfileobj(opened, target)
    assert target.getvalue() == CONTENT
    assert opened.closed
    with Canned(200, gzip.compress(LINES)) as compressed, gzip.open(download(compressed)) as lines:  # type: ignore[arg-type]
        assert lines.read() == LINES
    with Canned(200, LINES) as plain, io.TextIOWrapper(download(plain)) as text:  # type: ignore[type-var]
        assert list(text) == LINES.decode().splitlines(keepends=True)


async def test_save(server: Canned, style: str, tmp_path: Path) -> None:
    api = Api(style, server.client())
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    opened: Any = api.wrap(await api.files.download(file_id="f"))
    assert await opened.save(path) == len(CONTENT)
    assert path.read_bytes() == CONTENT
    opened = api.wrap(await api.files.download(file_id="f"))
    await opened.read(6)
    assert await opened.save(str(path)) == len(CONTENT) - 6
    assert path.read_bytes() == CONTENT[6:]
    assert [each.name for each in tmp_path.iterdir()] == ["file.bin"]
    for wrong in (tmp_path, tmp_path / "nothing" / "file"):
        with pytest.raises(OSError, match=str(wrong)):
            await api.wrap(await api.files.download(file_id="f")).save(wrong)


def test_an_incomplete_download_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with Canned(200, CONTENT, headers={"content-encoding": "unknown"}) as server:
        opened = download(server)
        chunks = opened.iter_bytes

        def broken(chunk_size: int | None = None) -> Iterator[bytes]:
            yield next(chunks())
            raise errors.ConnectionError("the connection was lost")

        class Broken(Download):
            iter_bytes = staticmethod(broken)  # type: ignore[assignment]

        lost = Broken(opened._content)
        with pytest.raises(errors.ConnectionError):
            lost.save(path)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file.bin"]


# Uploads


class OfficialFile:
    """`mistralai.models.File`."""

    file_name = "official.jsonl"
    content = LINES
    content_type = None


async def test_uploads(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(LINES)
    with path.open("rb") as file:
        forms: list[tuple[Any, str]] = [
            (path, "records.jsonl"),
            (str(path), "records.jsonl"),
            (LINES, "upload.jsonl"),
            (bytearray(LINES), "upload.jsonl"),
            (memoryview(LINES), "upload.jsonl"),
            (file, "records.jsonl"),
            (io.BytesIO(LINES), "upload.jsonl"),
            (("named.jsonl", LINES), "named.jsonl"),
            (("named.jsonl", io.BytesIO(LINES), "application/jsonl"), "named.jsonl"),
            ({"file_name": "dict.jsonl", "content": LINES}, "dict.jsonl"),
            (OfficialFile(), "official.jsonl"),
        ]
        for form, name in forms:
            uploaded = await api.files.upload(file=form)
            assert (uploaded.filename, uploaded.bytes) == (name, len(LINES)), form
            assert await api.read(await api.files.download(file_id=uploaded.id)) == LINES


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (5, "expected a path, bytes, .* found int"),
        ({"name": "a"}, "expected a path, bytes, .* a dict with `file_name` and `content`"),
        (("a", b"", None, 5), "found a tuple of 4"),
        ((5, b""), "file_name: expected a str, found int"),
        (("a", b"", 5), "content_type: expected a str, found int"),
        (("a", "text"), "content: expected bytes or a file"),
    ],
)
def test_wrong_uploads_are_refused(form: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        Mistral("k", server_url="http://127.0.0.1:9").files.upload(file=form)


def test_a_missing_file_is_not_uploaded(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Mistral("k", server_url="http://127.0.0.1:9").files.upload(file=tmp_path / "nothing.jsonl")
