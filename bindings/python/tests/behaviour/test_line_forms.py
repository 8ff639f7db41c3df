"""Behaviour cases: lines and files that are not, or not quite, JSON Lines.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

from harness import Workspace, error_of
from mistral_datasets import errors
from mistral_datasets.types import CreateReport, ImportReport

LINE = '{"messages": [], "text": "\ufeff"}'


async def refused(workspace: Workspace, content: bytes, *, lenient: bool = False) -> str:
    """Returns the message of the error with which an import of `content` must fail."""
    dataset = await workspace.dataset()
    workspace.requests()
    for source in (content, io.BytesIO(content)):
        error = await error_of(workspace.datasets.import_jsonl, dataset.id, source, lenient=lenient)
        assert isinstance(error, errors.ValidationError)
        assert isinstance(error.report, ImportReport)
        assert len(error.report.invalid_lines) == 1
        assert workspace.requests() == []
    return error.message


async def imported(workspace: Workspace, content: bytes) -> list[Any]:
    """Imports content and returns the payloads."""
    dataset = await workspace.dataset()
    await workspace.datasets.import_jsonl(dataset.id, content)
    return [record.payload.to_dict() for record in await workspace.records(dataset)]


async def test_import_jsonl_refuses_json_arrays(workspace: Workspace) -> None:
    arrays: list[list[Any]] = [
        [{"messages": []}, {"messages": []}],
        [{"payload": {"messages": []}}],
        [{"id": 1, "conversations": [{"from": "human", "value": "secret"}]}],
    ]
    for array in arrays:
        for text in (json.dumps(array), json.dumps(array, indent=2)):
            for lenient in (False, True):
                message = await refused(workspace, text.encode(), lenient=lenient)
                assert "a JSON array of records, not JSON Lines" in message
                assert "jq -c '.[]'" in message
                assert "secret" not in message
    messages = [{"role": "user", "content": '[{"messages": []}]'}]
    assert await imported(workspace, json.dumps(messages).encode()) == [{"messages": messages}]


UNKNOWN_KEYS: list[dict[str, Any]] = [
    {"messages": [], "metadata": 1},
    {"payload": {"messages": []}, "propertys": {"n": 1}, "metadata": {}},
    {"payload": {"messages": []}, "metadata": {}, "id": 1, "created_at": 2, "updated_at": 3},
    {"payload": {"messages": []}, "deleted_at": None, "dataset_id": 4, "source": "OTHER"},
]
"""Records with the unknown keys `metadata` (twice) and `propertys`."""


async def test_import_jsonl_checks_keys(workspace: Workspace) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in UNKNOWN_KEYS).encode()
    message = await refused(workspace, lines)
    for part in ("line 2, column 31: ", "`propertys`", "`properties`?", "`allow_unknown_keys`"):
        assert part in message
    dataset = await workspace.dataset()
    for options in ({"allow_unknown_keys": True}, {"lenient": True}):
        report = await workspace.datasets.import_jsonl(dataset.id, lines, **options)
        assert (report.records, report.invalid_line_count) == (4, 0)
        assert report.unknown_keys == {"metadata": 2, "propertys": 1}
        assert report.unknown_key_count == 3
    assert (await workspace.records(dataset))[0].payload == {"messages": [], "metadata": 1}


async def test_create_records_checks_keys(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    for strategy, created in (("single", "created"), ("file", "imported")):
        options = {"strategy": strategy, "concurrency": 1}
        error = await error_of(workspace.datasets.create_records, dataset.id, UNKNOWN_KEYS, **options)
        assert isinstance(error, errors.ValidationError)
        assert "did you mean `properties`?" in error.message
        assert isinstance(error.report, CreateReport)
        report = await workspace.datasets.create_records(dataset.id, UNKNOWN_KEYS, on_error="continue", **options)
        assert [item.status for item in report.items] == [created, "failed", "failed", created]
        assert report.unknown_key_count == 0
        report = await workspace.datasets.create_records(dataset.id, UNKNOWN_KEYS, allow_unknown_keys=True, **options)
        assert (report.created, report.unknown_key_count) == (4, 3)
        assert report.unknown_keys == {"metadata": 2, "propertys": 1}


async def test_import_jsonl_accepts_byte_order_marks(workspace: Workspace, tmp_path: Path) -> None:
    payload = json.loads(LINE)
    content = f"\ufeff{LINE}\n\ufeff{LINE}\n{LINE}\n\ufeff\ufeff{LINE}".encode()
    assert await imported(workspace, content) == [payload] * 4
    # Files without a final line break were joined.
    plain = '{"messages": []}'
    assert await imported(workspace, f"\ufeff{plain}\ufeff{plain}".encode()) == [{"messages": []}] * 2
    path = tmp_path / "marked.jsonl"
    path.write_bytes(content)
    dataset = await workspace.dataset()
    report = await workspace.datasets.import_jsonl(dataset.id, path, wait=False)
    uploaded = await workspace.read(await workspace.files.download(file_id=report.files[0].file_id))
    assert uploaded.decode() == f"{LINE}\n" * 4


async def test_import_jsonl_names_other_formats(workspace: Workspace) -> None:
    for encoding, name in (("utf-16-le", "UTF-16 (little-endian)"), ("utf-16-be", "UTF-16 (big-endian)")):
        for mark in ("\ufeff", ""):
            for lenient in (False, True):
                message = await refused(workspace, f"{mark}{LINE}\n{LINE}\n".encode(encoding), lenient=lenient)
                assert name in message
                assert "UTF-8" in message
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    assert "a Git LFS pointer" in await refused(workspace, pointer, lenient=True)
    for end, position in (("\r\n\x1a", "line 2, column 1: "), ("\x1a", "line 1, column 30: ")):
        message = await refused(workspace, f"{LINE}{end}".encode())
        assert position in message
        assert "Ctrl-Z" in message


ZSTD_LINE = bytes.fromhex("28b52ffd") + b"\x20\x11\x89\x00\x00" + b'{"messages": []}\n'
"""A zstd frame with one uncompressed block of 17 bytes."""


async def test_import_jsonl_reads_unusual_compression(workspace: Workspace) -> None:
    line = f"\ufeff{LINE}\n".encode()
    payload = json.loads(LINE)
    assert await imported(workspace, gzip.compress(line) * 2 + bytes(1_000)) == [payload] * 2
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00size"
    assert await imported(workspace, (skippable + ZSTD_LINE) * 2) == [{"messages": []}] * 2
