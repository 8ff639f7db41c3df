"""Behaviour cases: unusual values that are accepted, in responses and as names of directories.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from harness import Api, Canned, error_of
from mistral_datasets import Mistral, errors

ID = "00000000-0000-0000-0000-000000000000"


async def test_unusual_values_in_responses_are_read(style: str) -> None:
    for body, count in [
        ('{"datasets": {"count": 0.0, "results": []}}', 0),
        ('\ufeff{"datasets": {"count": 2e0}}', 2),
    ]:
        with Canned(200, body) as server:
            read = (await Api(style, server.client()).datasets.list()).datasets.count
            assert (read, type(read)) == (count, int)
    with Canned(200, '{"datasets": {"count": 0.5}}') as server:
        assert isinstance(await error_of(Api(style, server.client()).datasets.list), errors.DecodingError)

    dataset = {
        "id": ID,
        "created_at": "2025-12-17T10:25:07.5",
        "updated_at": "2025-12-17 10:25:07",
        "deleted_at": None,
        "name": "Refund requests",
        "description": "",
        "owner_id": ID,
        "workspace_id": ID,
    }
    with Canned(200, json.dumps(dataset)) as server:
        read = await Api(style, server.client()).datasets.fetch(dataset_id=ID)
        assert read.created_at == datetime.datetime(2025, 12, 17, 10, 25, 7, 500_000, datetime.timezone.utc)
        assert read.updated_at == datetime.datetime(2025, 12, 17, 10, 25, 7, 0, datetime.timezone.utc)

    file = '{"id": "f", "object": "file", "bytes": 3.0, "created_at": 1.0, "filename": "a", "purpose": "batch"'
    with Canned(200, f'\ufeff{file}, "sample_type": "batch_request", "source": "upload"}}') as server:
        api = Api(style, server.client())
        uploaded = await api.files.upload(file={"file_name": "a", "content": b"abc"})
        assert (uploaded.bytes, uploaded.created_at) == (3, 1)
    with Canned(404, '\ufeff{"message": "gone"}') as server:
        assert (await error_of(Api(style, server.client()).datasets.list)).message == "gone"


async def test_local_directories_with_unusual_names(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.name == "nt":
        pytest.skip("these names are not allowed on Windows")
    names = ["file:odd", "file:x#y", "a?b", ":memory:", "%41", "file::memory:?cache=shared", "é b"]
    # Only a relative path can start with `file:`.
    monkeypatch.chdir(tmp_path)
    for name in names:
        with Mistral.local(name) as mistral:
            dataset = await Api(style, mistral).dataset()
            # The directory stays the same.
            os.chdir("/")
            await Api(style, mistral).records(dataset)
        os.chdir(tmp_path)
        with Mistral.local(tmp_path / name) as mistral:
            assert await Api(style, mistral).datasets.fetch(dataset_id=dataset.id) == dataset
    assert {path.name for path in tmp_path.iterdir()} == set(names)
