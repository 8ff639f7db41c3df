"""Behaviour cases: sources that yield nothing.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from harness import Workspace, error_of
from mistral_datasets import errors

LINE = b'{"messages": []}\n'


def assert_empty(error: errors.MistralError) -> None:
    assert isinstance(error, errors.ValidationError)
    assert "the source is empty" in error.message
    assert error.hint is not None
    assert "read before" in error.hint


def at_end(file: Any) -> Any:
    file.read()
    return file


def consumed(items: list[Any]) -> Any:
    generator = (item for item in items)
    list(generator)
    return generator


async def test_import_jsonl_refuses_empty_sources(workspace: Workspace, tmp_path: Path) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    empty, full = tmp_path / "empty.jsonl", tmp_path / "full.jsonl"
    empty.write_bytes(b"")
    full.write_bytes(LINE)
    for lenient in (False, True):
        with full.open("rb") as binary, full.open() as text:
            sources: list[Any] = [
                empty,
                b"",
                b"\n \n",
                io.BytesIO(),
                at_end(io.BytesIO(LINE)),
                at_end(io.StringIO("{}")),
                at_end(binary),
                at_end(text),
                consumed([LINE]),
                [],
            ]
            for source in sources:
                call = workspace.datasets.import_jsonl
                assert_empty(await error_of(call, dataset.id, source, lenient=lenient))
    assert workspace.requests() == []


async def test_create_records_refuses_empty_sources(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    for strategy in ("auto", "single", "file"):
        sources: list[Any] = [consumed([{"messages": []}]), iter(()), map(dict, ())]
        for source in sources:
            assert_empty(await error_of(workspace.datasets.create_records, dataset.id, source, strategy=strategy))
        # A pager can be iterated again, so it cannot have been consumed.
        collections: list[Any] = [[], (), workspace.mistral.datasets.iter_records(dataset.id)]
        for empty in collections:
            report = await workspace.datasets.create_records(dataset.id, empty, strategy=strategy)
            assert report.items == []
    assert set(workspace.operations()) == {"list_records"}


class Pipe(io.RawIOBase):
    """A stream of unknown length."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = list(chunks)

    def read(self, size: int = -1, /) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""


async def test_upload_refuses_consumed_sources(workspace: Workspace, tmp_path: Path) -> None:
    empty, full = tmp_path / "empty.jsonl", tmp_path / "full.jsonl"
    empty.write_bytes(b"")
    full.write_bytes(LINE)
    workspace.requests()
    with full.open("rb") as file:
        for content in (at_end(file), at_end(io.BytesIO(LINE)), Pipe()):
            upload = {"file_name": "a.jsonl", "content": content}
            assert_empty(await error_of(workspace.files.upload, file=upload))
    assert workspace.requests() == []
    with empty.open("rb") as file:
        for content in (b"", io.BytesIO(), file):
            assert (await workspace.files.upload(file={"file_name": "a.jsonl", "content": content})).bytes == 0
    uploaded = await workspace.files.upload(file={"file_name": "a.jsonl", "content": Pipe(b"abc", b"de")})
    assert uploaded.bytes == 5
