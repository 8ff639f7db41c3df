"""Behaviour cases: exports and progress callbacks.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import gzip
import io
import threading
from pathlib import Path
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import errors, models
from mistral_datasets.types import ExportedRecord, Progress


async def filled(workspace: Workspace) -> tuple[models.Dataset, bytes]:
    """Creates a dataset of three records, and returns it with its export."""
    dataset = await workspace.dataset()
    for text in ("first", "zweites 😀", "third"):
        await workspace.record(dataset, text)
    url = (await workspace.datasets.export_to_jsonl(dataset_id=dataset.id)).file_url
    content = await workspace.read(await workspace.open_link(url))
    workspace.requests()
    return dataset, content


def link_requests(workspace: Workspace) -> list[tuple[int | None, str | None]]:
    """Returns the status and the `Range` header of each download of a presigned URL."""
    requests = [each for each in workspace.requests() if each.operation == "open_link"]
    return [(each.status, each.headers.get("range")) for each in requests]


async def test_export_to_file(workspace: Workspace, tmp_path: Path) -> None:
    dataset, content = await filled(workspace)
    path = tmp_path / "export.jsonl"
    path.write_text("what was there before")
    report = await workspace.datasets.export(dataset.id, path)
    assert report == (3, len(content), path)
    assert path.read_bytes() == content
    # A failure leaves the existing file unchanged and no temporary file.
    workspace.inject_fault(operation="open_link", status=400, body="no", times=None)
    error = await error_of(workspace.datasets.export, dataset.id, str(path))
    assert error.operation == "export"
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["export.jsonl"]
    assert isinstance(await error_of(workspace.datasets.export, "unknown", path), errors.NotFoundError)
    nowhere = tmp_path / "missing" / "export.jsonl"
    assert isinstance(await error_of(workspace.datasets.export, dataset.id, nowhere), errors.ValidationError)
    with pytest.raises(TypeError, match="to: expected a path"):
        await workspace.datasets.export(dataset.id, 5)


async def test_export_compressed(workspace: Workspace, tmp_path: Path) -> None:
    dataset, content = await filled(workspace)
    compressed = tmp_path / "a.jsonl.gz"
    report = await workspace.datasets.export(dataset.id, compressed)
    assert report.bytes == compressed.stat().st_size
    assert gzip.decompress(compressed.read_bytes()) == content
    plain = tmp_path / "b.jsonl.gz"
    await workspace.datasets.export(dataset.id, plain, compression="none")
    assert plain.read_bytes() == content
    written = io.BytesIO()
    await workspace.datasets.export(dataset.id, written, compression="gzip")
    assert gzip.decompress(written.getvalue()) == content
    zstd = tmp_path / "a.jsonl.zst"
    await workspace.datasets.export(dataset.id, zstd)
    assert zstd.read_bytes().startswith(b"\x28\xb5\x2f\xfd")


async def test_export_resumes(workspace: Workspace, tmp_path: Path) -> None:
    dataset, content = await filled(workspace)
    path = tmp_path / "export.jsonl"
    workspace.inject_fault(operation="open_link", truncate_after_bytes=100)
    assert (await workspace.datasets.export(dataset.id, path)).records == 3
    assert path.read_bytes() == content
    assert link_requests(workspace) == [(200, None), (206, "bytes=100-")]
    workspace.inject_fault(operation="open_link", truncate_after_bytes=100)
    chunks: list[bytes] = []
    await workspace.datasets.export(dataset.id, chunks.append)
    assert b"".join(chunks) == content
    workspace.inject_fault(operation="open_link", reset_after_bytes=0, times=None)
    never = tmp_path / "never.jsonl"
    error = await error_of(workspace.datasets.export, dataset.id, never)
    assert isinstance(error, errors.ConnectionError)
    assert (error.attempts, never.exists()) == (5, False)


async def test_export_renews_an_expired_url(workspace: Workspace) -> None:
    dataset, content = await filled(workspace)
    for status in (403, 404, 410):
        workspace.inject_fault(operation="open_link", status=status, body="")
        workspace.requests()
        written = io.BytesIO()
        assert (await workspace.datasets.export(dataset.id, written)).records == 3
        assert written.getvalue() == content
        expected = ["list_records", "export_to_jsonl", "open_link", "export_to_jsonl", "open_link"]
        assert workspace.operations() == expected
    workspace.inject_fault(operation="open_link", status=403, body="", times=None)
    assert isinstance(await error_of(workspace.datasets.export, dataset.id, written), errors.PermissionError)


async def test_export_checks_the_line_count(workspace: Workspace, tmp_path: Path) -> None:
    dataset, _ = await filled(workspace)
    body: dict[str, Any] = {"records": {"count": 5, "results": []}}
    workspace.inject_fault(operation="list_records", status=200, body=body, times=None)
    path = tmp_path / "export.jsonl"
    for call in (
        error_of(workspace.datasets.export, dataset.id, path),
        error_of(workspace.collect, workspace.mistral.datasets.export_records(dataset.id)),
    ):
        error = await call
        assert isinstance(error, errors.DecodingError)
        assert "2 of 5 records are missing" in error.message
    assert list(tmp_path.iterdir()) == []


async def test_export_records(workspace: Workspace) -> None:
    dataset, _ = await filled(workspace)
    stored = await workspace.records(dataset)
    workspace.requests()
    records = workspace.mistral.datasets.export_records(dataset.id)
    assert workspace.requests() == []
    exported: list[ExportedRecord] = await workspace.collect(records)
    assert [each.id for each in exported] == [each.id for each in stored]
    assert [each.payload for each in exported] == [each.payload for each in stored]
    assert [each.properties for each in exported] == [each.properties for each in stored]
    assert {each.source for each in exported} == {"DIRECT_INPUT"}
    assert "created_at" in exported[0].extra
    assert "first" not in repr(exported[0])
    lines = '{"payload": {"messages": []}}\n\nthe conversation\n'
    workspace.inject_fault(operation="open_link", status=200, body=lines)
    loop = workspace.iterate(records)
    assert (await workspace.next(loop)).properties == {}
    error = await error_of(workspace.next, loop)
    assert isinstance(error, errors.DecodingError)
    assert "the conversation" not in repr(error)
    assert await workspace.next(loop) is None


class AsyncFile:
    """A file with an async `write`."""

    def __init__(self) -> None:
        self.content = b""

    async def write(self, chunk: bytes) -> None:
        self.content += chunk


async def test_export_to_writer(workspace: Workspace) -> None:
    dataset, content = await filled(workspace)
    written = io.BytesIO()
    report = await workspace.datasets.export(dataset.id, written)
    assert (report.records, report.bytes, report.path) == (3, len(content), None)
    assert written.getvalue() == content
    threads: list[threading.Thread] = []

    def record_thread(_: bytes) -> None:
        threads.append(threading.current_thread())

    await workspace.datasets.export(dataset.id, record_thread)
    assert set(threads) == {threading.main_thread()}
    if workspace.style == "asyncio":
        file = AsyncFile()
        await workspace.datasets.export(dataset.id, file)
        assert file.content == content

    def fail(_: bytes) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        await workspace.datasets.export(dataset.id, fail)


async def test_transfer_reports_progress(workspace: Workspace) -> None:
    dataset, content = await filled(workspace)
    updates: list[Progress] = []
    await workspace.datasets.export(dataset.id, io.BytesIO(), progress=updates.append)
    last = updates[-1]
    assert (last.phase, last.bytes, last.total_bytes) == ("export", len(content), len(content))
    assert (last.records, last.total_records) == (3, 3)
    updates.clear()
    await workspace.datasets.import_jsonl(dataset.id, content, progress=updates.append)
    by_phase = {each.phase: each for each in updates}
    assert list(by_phase) == ["check", "upload", "import"]
    assert (by_phase["check"].bytes, by_phase["check"].records) == (len(content), 3)
    assert by_phase["import"].records == 3
    updates.clear()
    await workspace.datasets.create_records(dataset.id, [{"messages": []}] * 5, progress=updates.append)
    assert (updates[-1].phase, updates[-1].records) == ("send", 5)
    assert [each.records for each in updates] == sorted(each.records for each in updates)
