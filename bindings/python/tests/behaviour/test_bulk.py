"""Behaviour cases: create_records and import_jsonl.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import errors, models
from mistral_datasets.types import CreateReport, ImportReport


def record(n: int) -> dict[str, Any]:
    return {"payload": {"messages": []}, "properties": {"n": n}}


def line(n: int) -> str:
    return json.dumps({"messages": [], "properties": {"n": n}})


async def numbers(workspace: Workspace, dataset: models.Dataset) -> list[Any]:
    records = await workspace.collect(workspace.mistral.datasets.iter_records(dataset.id))
    workspace.requests()
    return [each.properties.get("n") for each in records]


def created(error: errors.MistralError) -> CreateReport:
    assert isinstance(error.report, CreateReport)
    return error.report


def statuses(report: CreateReport) -> list[str]:
    return [item.status for item in report.items]


async def test_create_records_in_order(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    report = await workspace.datasets.create_records(dataset.id, map(record, range(30)))
    assert (len(report.items), report.created, report.strategy) == (30, 30, "single")
    assert "30 records" in report.reason
    assert report.task is None
    assert report.elapsed > 0
    for number, item in enumerate(report.items):
        fetched = await workspace.datasets.records.fetch(dataset_record_id=item.id)
        assert (fetched.properties, fetched.source, item.error) == ({"n": number}, "DIRECT_INPUT", None)
    second = await workspace.dataset()
    await workspace.datasets.create_records(second.id, map(record, range(20)), concurrency=1)
    assert await numbers(workspace, second) == list(range(20))
    assert (await workspace.datasets.create_records(second.id, [])).items == []
    for options in ({"concurrency": 65}, {"concurrency": -1}, {"strategy": "files"}):
        error = await error_of(workspace.datasets.create_records, second.id, [record(0)], **options)
        assert isinstance(error, errors.ValidationError)


async def test_create_records_reads_the_source_lazily(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.inject_fault(operation="create_record", skip=10, times=None, delay_ms=60_000)
    read = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal read
        for n in itertools.count():
            read += 1
            yield record(n)

    closing = threading.Timer(1, workspace.mistral.close)
    closing.start()
    call = workspace.datasets.create_records
    error = await error_of(call, dataset.id, endless(), strategy="single", concurrency=4)
    closing.join()
    assert isinstance(error, errors.CancelledError)
    # Ten are complete, four are in flight, and at most four are buffered.
    assert 14 <= read <= 18
    assert created(error).created == 10


@pytest.mark.mistral_local(generation="g1")
async def test_create_records_stops_or_continues_on_errors(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    records: list[Any] = [record(n) for n in range(6)]
    records[1] = {"payload": ["my secret"]}
    records[3] = {"payload": {"no": "messages"}}
    error = await error_of(workspace.datasets.create_records, dataset.id, records, concurrency=1)
    assert isinstance(error, errors.ValidationError)
    assert error.message == "records[1]: payload: expected an object"
    assert "secret" not in repr(error)
    assert statuses(created(error)) == ["created", "failed", *["not_sent"] * 4]
    assert await numbers(workspace, dataset) == [0]
    second = await workspace.dataset()
    report = await workspace.datasets.create_records(second.id, records, concurrency=1, on_error="continue")
    assert statuses(report) == ["created", "failed", "created", "failed", "created", "created"]
    record_error = report.items[3].error
    assert isinstance(record_error, errors.ValidationError)
    assert record_error.status == 422
    assert await numbers(workspace, second) == [0, 2, 4, 5]
    # A value that JSON cannot represent fails only its own record.
    report = await workspace.datasets.create_records(
        second.id, [{"messages": [], "x": object()}, {"messages": [float("nan")]}, 5, record(6)], on_error="continue"
    )
    assert statuses(report) == ["failed", "failed", "failed", "created"]
    assert "records[0]: payload.x: object is not a JSON value" in str(report.items[0].error)
    # A failure that affects every record always ends the call.
    error = await error_of(
        workspace.datasets.create_records, "no-such-dataset", records, concurrency=1, on_error="continue"
    )
    assert isinstance(error, errors.NotFoundError)
    assert (created(error).failed, created(error).not_sent) == (1, 5)


async def test_create_records_as_a_file(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    report = await workspace.datasets.create_records(dataset.id, map(record, range(1001)))
    assert (report.strategy, report.created) == ("file", 1001)
    assert "more than 1000" in report.reason
    assert set(statuses(report)) == {"imported"}
    assert report.task is not None
    assert report.task.status == "COMPLETED"
    assert "create_record" not in workspace.operations()
    assert await numbers(workspace, dataset) == list(range(1001))
    second = await workspace.dataset()
    records = [record(0), {"payload": {"messages": "no list"}}, record(2)]
    error = await error_of(workspace.datasets.create_records, second.id, records, strategy="file")
    assert error.message == "records[1]: payload.messages: expected an array, found a string"
    assert created(error).created == 0
    report = await workspace.datasets.create_records(second.id, records, strategy="file", on_error="continue")
    assert statuses(report) == ["imported", "failed", "imported"]


async def test_create_records_resumes(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    workspace.inject_fault(operation="create_record", skip=3, carry_out=True, reset_after_bytes=0)
    call = workspace.datasets.create_records
    error = await error_of(call, dataset.id, map(record, range(8)), concurrency=1)
    assert error.ambiguous
    report = created(error)
    assert (report.created, report.unknown, report.not_sent) == (3, 1, 4)
    report = await call(dataset.id, map(record, range(8)), concurrency=1, resume=report)
    assert (report.created, report.unknown) == (7, 1)
    assert workspace.operations().count("create_record") == 8
    assert await numbers(workspace, dataset) == list(range(8))


async def test_create_records_slows_down_on_429(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    workspace.inject_fault(operation="create_record", skip=4, times=6, status=429, headers={"retry-after": "1"})
    report = await workspace.datasets.create_records(dataset.id, map(record, range(40)), concurrency=4)
    assert report.created == 40
    assert report.elapsed >= 1
    requests = [each for each in workspace.requests() if each.operation == "create_record"]
    assert len(requests) == 46
    assert sorted(await numbers(workspace, dataset)) == list(range(40))


EVERY_FORM = (
    '\ufeff{"messages": [{"role": "user", "content": "A"}], "z": 1.0, "properties": {"n": 0}}\r\n\r\n   \n'
    '{"payload": {"messages": [ ], "big": 12345678901234567890}, "properties": {"n": 1}}\n'
    '[{"role": "user", "content": "chat \\ud83d\\ude00"}, {"role":"assistant"}]\n'
    '{"payload": {"messages": []}}'
)


class AsyncFile:
    """A file with an async `read`."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    async def read(self, size: int) -> bytes:
        return self._file.read(size)


async def test_import_jsonl_in_every_format(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    content = EVERY_FORM.encode()
    path.write_bytes(content)
    sources: list[Any] = [
        path,
        str(path),
        content,
        bytearray(content),
        memoryview(content),
        io.BytesIO(content),
        io.StringIO(EVERY_FORM, newline=""),
        EVERY_FORM.split("\n"),
        (content[start : start + 7] for start in range(0, len(content), 7)),
    ]
    if workspace.style == "asyncio":
        sources.append(AsyncFile(content))
    for source in sources:
        dataset = await workspace.dataset()
        report: ImportReport = await workspace.datasets.import_jsonl(dataset.id, source)
        assert (report.lines, report.records, report.invalid_line_count, report.unknown) == (6, 4, 0, [])
        (file,) = report.files
        assert (file.first_line, file.lines, file.records, file.task.status) == (1, 6, 4, "COMPLETED")
        records = await workspace.records(dataset)
        assert [each.properties for each in records] == [{"n": 0}, {"n": 1}, {}, {}]
        assert records[1].payload.to_json() == '{"messages": [ ], "big": 12345678901234567890}'
    dataset = await workspace.dataset()
    report = await workspace.datasets.import_jsonl(dataset.id, [{"messages": []}, '{"messages": []}'])
    assert report.records == 2


async def test_import_jsonl_compressed(workspace: Workspace, tmp_path: Path) -> None:
    content = "".join(f"{line(n)}\n" for n in range(300)).encode()
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(content))
    sources: list[Any] = [path, gzip.compress(content), io.BytesIO(gzip.compress(content))]
    for source in sources:
        filled = await workspace.dataset()
        report = await workspace.datasets.import_jsonl(filled.id, source)
        assert report.records == 300
        assert await numbers(workspace, filled) == list(range(300))
    dataset = await workspace.dataset()
    await workspace.datasets.import_jsonl(dataset.id, content)
    # Import reads what export compressed.
    compressed = tmp_path / "compressed"
    await workspace.datasets.export(dataset.id, compressed, compression="zstd")
    copy = await workspace.dataset()
    assert (await workspace.datasets.import_jsonl(copy.id, compressed, compression="zstd")).records == 300
    workspace.requests()
    error = await error_of(workspace.datasets.import_jsonl, dataset.id, gzip.compress(content)[:-7])
    assert isinstance(error, errors.ValidationError)
    assert workspace.requests() == []
    error = await error_of(workspace.datasets.import_jsonl, dataset.id, path, compression="none")
    assert isinstance(error, errors.ValidationError)


async def test_import_jsonl_rejects_invalid_lines(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    for bad, column in (('{"messages": [}', 15), ('{"messages": "my secret"}', 14)):
        error = await error_of(workspace.datasets.import_jsonl, dataset.id, [line(0), bad, line(2)])
        assert isinstance(error, errors.ValidationError)
        assert isinstance(error.report, ImportReport)
        (found,) = error.report.invalid_lines
        assert (found.line, found.column) == (2, column)
        assert found.problem in error.message
        assert "secret" not in f"{error!r} {found!r}"
    assert workspace.requests() == []


async def test_import_jsonl_lenient(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    report = await workspace.datasets.import_jsonl(dataset.id, [line(0), "not JSON", line(2), "5"], lenient=True)
    assert (report.lines, report.records, report.invalid_line_count) == (4, 2, 2)
    assert [bad.line for bad in report.invalid_lines] == [2, 4]
    assert await numbers(workspace, dataset) == [0, 2]


async def test_import_jsonl_splits_large_files(workspace: Workspace) -> None:
    content = "".join(f"{line(n)}\n" for n in range(100)).encode()
    dataset = await workspace.dataset()
    for max_bytes in (20, 0, 1 << 40):
        error = await error_of(workspace.datasets.import_jsonl, dataset.id, content, max_file_bytes=max_bytes)
        assert isinstance(error, errors.ValidationError)
    for source in (content, io.BytesIO(content)):
        dataset = await workspace.dataset()
        workspace.requests()
        report = await workspace.datasets.import_jsonl(dataset.id, source, max_file_bytes=len(content) // 3)
        assert (report.lines, report.records, len(report.files)) == (100, 100, 4)
        next_line = 1
        for file in report.files:
            assert (file.first_line, file.lines) == (next_line, file.records)
            next_line += file.lines
        assert workspace.operations().count("upload_file") == 4
        assert await numbers(workspace, dataset) == list(range(100))
