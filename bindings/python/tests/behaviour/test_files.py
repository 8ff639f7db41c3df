"""Behaviour cases: files, presigned URLs and exports.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from harness import UNUSUAL, Api, error_of
from mistral_datasets import errors

LINE = '{"messages": [{"role": "user", "content": "Grüße"}]}\n'


async def test_upload_file_from_bytes(api: Api) -> None:
    content = LINE.encode()
    for value in (content, bytearray(content), memoryview(content)):
        file = await api.files.upload(file={"file_name": "häufig gefragt.jsonl", "content": value})
        assert (file.filename, file.bytes, file.object) == ("häufig gefragt.jsonl", len(content), "file")
        assert file.id


class Unseekable(io.RawIOBase):
    """A stream of unknown length, such as a pipe."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int = -1, /) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""


async def test_upload_file_streamed(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text(LINE * 50_000, encoding="utf-8")
    with path.open("rb") as source:
        file = await api.files.upload(file={"file_name": path.name, "content": source})
    assert file.bytes == path.stat().st_size
    assert (await api.read(await api.files.download(file_id=file.id))) == path.read_bytes()

    with path.open("rb") as source:
        source.seek(file.bytes - 10)
        file = await api.files.upload(file={"file_name": path.name, "content": source})
    assert file.bytes == 10

    pipe = cast("BinaryIO", Unseekable([LINE.encode()] * 10))
    file = await api.files.upload(file={"file_name": "chunks.jsonl", "content": pipe})
    assert file.bytes == len(LINE.encode()) * 10


async def test_list_files(api: Api) -> None:
    first, second, third = [await api.file(text) for text in "123"]
    response = await api.files.list()
    assert ([file.id for file in response.data], response.total) == ([third, second, first], 3)
    response = await api.files.list(page=1, page_size=2)
    assert [file.id for file in response.data] == [first]


async def test_retrieve_file(api: Api) -> None:
    uploaded = await api.files.upload(file={"file_name": "a.jsonl", "content": LINE.encode()})
    retrieved = await api.files.retrieve(file_id=uploaded.id)
    assert {**retrieved.to_dict(), "deleted": None} == {**uploaded.to_dict(), "deleted": None}


async def test_delete_file(api: Api) -> None:
    file = await api.file(LINE)
    response = await api.files.delete(file_id=file)
    assert (response.id, response.deleted) == (file, True)
    for call in (api.files.retrieve, api.files.delete, api.files.download):
        error = await error_of(call, file_id=file)
        assert isinstance(error, errors.NotFoundError)
        assert error.status == 404
    assert (await api.files.list()).total == 0


async def test_download_file(api: Api) -> None:
    content = bytes(range(256)) * 1200
    file = await api.files.upload(file={"file_name": "any.bin", "content": content})
    download = await api.files.download(file_id=file.id)
    assert download.length == len(content)
    assert await api.read(download) == content
    chunks: list[bytes] = []
    if api.style == "asyncio":
        async with await api.files.download(file_id=file.id) as download:
            chunks = [chunk async for chunk in download.aiter_bytes(100_000)]
    else:
        with await api.files.download(file_id=file.id) as download:
            chunks = list(download.iter_bytes(100_000))
    assert [len(chunk) for chunk in chunks] == [100_000, 100_000, 100_000, 7_200]
    assert b"".join(chunks) == content
    assert download.is_closed


async def test_signed_url_needs_no_key(api: Api) -> None:
    file = await api.file(LINE)
    url = (await api.files.get_signed_url(file_id=file, expiry=1)).url
    assert url.startswith(api.mistral.server_url)
    with urllib.request.urlopen(url) as response:
        assert response.read().decode() == LINE
    assert await api.read(await api.open_link(url)) == LINE.encode()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url + "0")
    error = await error_of(api.files.get_signed_url, file_id=file, expiry=0)
    assert error.message == "expiry: expected at least 1, found 0"


async def test_export_then_import(api: Api) -> None:
    dataset = await api.dataset()
    await api.datasets.create_record(dataset_id=dataset.id, payload=UNUSUAL, properties=UNUSUAL)
    for number in range(120):
        await api.record(dataset, f"number {number} \u2028 😀")
    url = (await api.datasets.export_to_jsonl(dataset_id=dataset.id)).file_url
    export = await api.read(await api.open_link(url))
    assert export.count(b"\n") == 121

    copy = await api.dataset()
    file = await api.files.upload(file={"file_name": "export.jsonl", "content": export})
    task = await api.wait(await api.datasets.import_from_file(dataset_id=copy.id, file_id=file.id))
    assert task.result is not None, task
    assert task.result.imported_record_count == 121
    for page in (1, 2):
        read = [
            [
                (record.payload.to_json(), json.dumps(record.properties))
                for record in (
                    await api.datasets.list_records(dataset_id=each.id, page_size=100, page=page)
                ).records.results
            ]
            for each in (dataset, copy)
        ]
        assert read[0]
        assert read[0] == read[1]
