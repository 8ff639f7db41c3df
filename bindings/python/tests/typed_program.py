"""A program that uses the package in every way that types can tell apart; `test_typing` has it checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from typing_extensions import assert_type

from mistral_datasets import Mistral, errors, models
from mistral_datasets.enums import RecordSource, TaskStatus
from mistral_datasets.resources import Datasets, Files, Records
from mistral_datasets.types import JSON, Download, FileUpload


@dataclass
class Conversation:
    messages: list[dict[str, str]]


def blocking(dataset_id: UUID) -> None:
    with Mistral(api_key="k", server_url="http://127.0.0.1:1", timeout_ms=1000) as mistral:
        assert_type(mistral, Mistral)
        assert_type(mistral.datasets, Datasets)
        assert_type(mistral.beta.observability.datasets, Datasets)
        assert_type(mistral.datasets.records, Records)
        assert_type(mistral.files, Files)
        page = mistral.datasets.list(page_size=10, page=None, q="text").datasets
        assert_type(page, models.DatasetPage)
        assert_type(page.results, list[models.Dataset])
        assert_type(page.next, str | None)
        assert_type(page.count, int)
        assert_type(page.results[0].created_at, datetime)
        assert_type(page.results[0].deleted_at, datetime | None)
        assert_type(page.results[0].extra, Mapping[str, JSON])
        mistral.datasets.create_record(dataset_id=dataset_id, payload=Conversation([]), properties={})
        record = mistral.datasets.create_record(
            dataset_id=str(dataset_id),
            payload=models.ConversationPayload(messages=[{"role": "user"}], model="m"),
            properties={"topic": "t"},
            source="DIRECT_INPUT",
        )
        assert_type(record, models.DatasetRecord)
        assert_type(record.payload, models.ConversationPayload)
        assert_type(record.payload.messages, list[dict[str, JSON]])
        assert_type(record.payload["messages"], JSON)
        assert_type(record.properties, dict[str, JSON])
        assert_type(record.source, RecordSource)
        assert_type(record.to_dict(), dict[str, JSON])
        assert_type(models.DatasetRecord.from_json(record.to_json()), models.DatasetRecord)
        as_mapping: Mapping[str, JSON] = record.payload
        mistral.datasets.records.update_payload(dataset_record_id=record.id, payload=as_mapping)
        assert_type(mistral.datasets.delete(dataset_id=dataset_id), None)
        task = mistral.datasets.import_from_explorer(
            dataset_id=dataset_id, completion_event_ids=(each for each in "ab")
        )
        assert_type(task.status, TaskStatus)
        assert_type(task.progress, int | None)
        if task.result is not None:
            assert_type(task.result.imported_record_count, int)
        judged = mistral.datasets.records.judge(dataset_record_id=record.id, judge_definition={"name": "n"})
        assert_type(judged.answer, str | float)
        upload: FileUpload = {"file_name": "a", "content": b"b"}
        assert_type(mistral.files.upload(file=upload).bytes, int | None)
        with mistral.files.download(file_id="f") as download:
            assert_type(download, Download)
            assert_type(download.read(), bytes)
            for chunk in download.iter_bytes(1024):
                assert_type(chunk, bytes)


async def waiting() -> str | None:
    async with Mistral.local("./data") as mistral:
        assert_type(await mistral.datasets.list_async(), models.ListDatasetsResponse)
        assert_type(await mistral.datasets.delete_async(dataset_id="d"), None)
        download = await mistral.open_link_async("http://127.0.0.1:1/")
        async for chunk in download.aiter_bytes():
            assert_type(chunk, bytes)
        try:
            await mistral.close_async()
        except errors.NotFoundError as error:
            assert_type(error.status, int | None)
            return error.error_code
    return None
