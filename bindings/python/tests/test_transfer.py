"""Uploads and downloads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness import Canned, script
from mistral_datasets import Mistral
from mistral_datasets.types import Download


class FaultyFile:
    """A file that fails while it is read."""

    def __init__(self, *chunks: object) -> None:
        self.chunks = list(chunks)

    def read(self, size: int) -> object:
        chunk = self.chunks.pop(0)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk


@pytest.mark.parametrize("method", ["upload", "upload_async"])
def test_exceptions_of_a_file_propagate(method: str) -> None:
    with Mistral.local() as mistral:

        def upload(content: FaultyFile) -> object:
            call = getattr(mistral.files, method)(file={"file_name": "a", "content": content})
            return asyncio.run(call) if asyncio.iscoroutine(call) else call

        with pytest.raises(OSError, match="the disk is gone"):
            upload(FaultyFile(b"first", OSError("the disk is gone")))
        with pytest.raises(TypeError, match="binary mode"):
            upload(FaultyFile("text"))
        assert mistral.files.list().total == 0


def test_uploads_are_streamed(tmp_path: Path) -> None:
    """Memory grows by less than 16 MiB while a 64 MiB file is uploaded."""
    path = tmp_path / "large"
    with path.open("wb") as target:
        target.truncate(64 * 1024 * 1024)
    with Canned(200, '{"id": "f", "object": "file", "created_at": 1, "filename": "large"}') as server:
        script(
            """
            import resource, sys
            from mistral_datasets import Mistral
            mistral = Mistral("k", server_url=sys.argv[1])
            with open(sys.argv[2], "rb") as content:
                mistral.files.upload(file={"file_name": "warm", "content": b""})
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                mistral.files.upload(file={"file_name": "large", "content": content})
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 16 * 1024, grown
            """,
            server.url,
            str(path),
        )
    assert len(server.requests[1][2]) > 64 * 1024 * 1024


def test_downloads_keep_their_body() -> None:
    with Mistral.local() as mistral:
        file = mistral.files.upload(file={"file_name": "a", "content": b"0123456789"})
        download = mistral.files.download(file_id=file.id)
        assert isinstance(download, Download)
        assert repr(download) == "Download(length=10, is_closed=False)"
        assert download.read() == download.content == download.read() == b"0123456789"
        assert download.is_closed
        assert list(download.iter_bytes(4)) == [b"0123", b"4567", b"89"]
        assert asyncio.run(download.aread()) == b"0123456789"
        with pytest.raises(ValueError, match="chunk_size"):
            next(download.iter_bytes(0))
        with mistral.files.download(file_id=file.id) as closed:
            assert next(iter(closed)) == b"0123456789"
        assert closed.is_closed
        with pytest.raises(ValueError, match="closed before it was read completely"):
            list(closed)
