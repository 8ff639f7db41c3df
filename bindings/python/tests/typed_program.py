"""A program that uses every typed API of the package. `test_typing` runs type checkers on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypedDict
from uuid import UUID

from typing_extensions import assert_type

from mistral_datasets import Mistral, RetryPolicy, errors, field, map_key, models, params, quote, resources, types
from mistral_datasets.enums import RecordSource, TaskStatus
from mistral_datasets.resources import Datasets, Files, Records
from mistral_datasets.types import (
    JSON,
    CallOptions,
    CreateReport,
    Download,
    ExportedRecord,
    ExportReport,
    FeedPage,
    FeedPager,
    FileUpload,
    ImportReport,
    Message,
    Page,
    Preview,
    Progress,
    RawResponse,
    SpanImportReport,
    TaskHandle,
    TypedExportedRecord,
    TypedRecord,
)

JUDGE: params.CreateJudgeRequestTypedDict = {
    "name": "Politeness",
    "description": "",
    "model_name": "mistral-small-latest",
    "output": {"type": "REGRESSION", "min_description": "rude", "max_description": "polite"},
    "instructions": "Is it polite?",
    "tools": [],
}


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
        assert_type(record.a_field_of_a_newer_version, JSON)
        assert_type(record.source, RecordSource)
        assert_type([each.id for each in mistral.datasets.list_records(dataset_id=dataset_id)], list[str])
        assert_type(mistral.datasets.list()[0], models.Dataset)
        assert_type(mistral.datasets.list().datasets[:2], list[models.Dataset])
        assert_type(models.Dataset.from_dict({}), models.Dataset)
        assert_type(record.model_dump(), dict[str, JSON])
        record.payload["more"] = 1
        record.payload.more = 1
        text: str = record.source
        assert_type(record.payload.preview(), Preview)
        messages: list[Message] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ]
        typed_payload = types.Conversation(messages=messages)
        mistral.datasets.create_record(dataset_id=dataset_id, payload=typed_payload, properties={})
        mistral.datasets.create_records(dataset_id, [typed_payload, {"payload": typed_payload}])
        for typed in mistral.datasets.iter_records(dataset_id, payload_type=types.Conversation):
            assert_type(typed.payload["messages"][0]["role"], Literal["system", "user", "assistant", "tool"])
        for form in ("path", b"content", ("name", b"content")):
            mistral.files.upload(file=form)
        assert_type(record.payload, models.ConversationPayload)
        assert_type(record.payload.messages, list[dict[str, JSON]] | None)
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
        judged = mistral.datasets.records.judge(dataset_record_id=record.id, judge_definition=JUDGE)
        assert_type(judged.answer, str | float)
        upload: FileUpload = {"file_name": "a", "content": b"b"}
        assert_type(mistral.files.upload(file=upload).bytes, int | None)
        with mistral.files.download(file_id="f") as download:
            assert_type(download, Download)
            assert_type(download.read(), bytes)
            for chunk in download.iter_bytes(1024):
                assert_type(chunk, bytes)


def observability(mistral: Mistral) -> None:
    assert_type(mistral.judges, resources.Judges)
    assert_type(mistral.beta.observability.chat_completion_events.fields, resources.Fields)
    search = field("model_name").eq("x") & (
        field("invoked_tools").includes("web_search") | field("input_tokens").gt(10)
    )
    assert_type(search, models.FilterGroup)
    assert_type(field("a").isnull(False) | search, models.FilterGroup)
    for event in mistral.chat_completion_events.iter(search, extra_fields=["model_name"], limit=5):
        assert_type(event, models.ChatCompletionEventPreview)
        assert_type(event.extra_fields, dict[str, JSON])
    models.FilterPayload(filters={"field": "a", "op": "eq", "value": None})
    models.FilterPayload(filters={"AND": [search, {"OR": []}]})
    mistral.chat_completion_events.search({"filters": {"AND": [{"field": "a", "op": "eq", "value": 1}, search]}})
    mistral.chat_completion_events.search_ids(models.FilterPayload(filters=None))
    output = models.JudgeClassificationOutput(options=[{"value": "yes", "description": ""}])
    assert_type(output.type, Literal["CLASSIFICATION"])
    judge = mistral.judges.create(
        name="Politeness", description="", model_name="m", output=output, instructions="Is it polite?", tools=[]
    )
    assert_type(judge.output, models.JudgeClassificationOutput | models.JudgeRegressionOutput | models.UnknownObject)
    if isinstance(judge.output, models.JudgeRegressionOutput):
        assert_type(judge.output.max, float | None)
    elif isinstance(judge.output, models.UnknownObject):
        assert_type(judge.output.anything, JSON)
    else:
        assert_type(judge.output.options[0].value, str)
    mistral.judges.update(
        judge.id, name="n", description="", model_name="m", output=judge.output, instructions="", tools=()
    )
    answer = mistral.judges.judge_conversation(judge.id, messages=({"role": role} for role in ("user", "assistant")))
    assert_type(answer.answer, str | float)
    campaign = mistral.campaigns.create(
        search_params=search, judge_id=judge.id, name="Review", description="", max_nb_events=5
    )
    assert_type(mistral.campaigns.wait(campaign.id, timeout=5, on_progress=print), TaskStatus)
    expression = f"{map_key('span_attributes', 'a')} = {quote('b')}"
    spans = mistral.spans.iter_spans(search_expression=expression, from_=datetime.now(), to="2026-09-01T00:00:00Z")
    assert_type(spans, FeedPager[models.GetSpan])
    for page in spans.pages():
        assert_type(page, FeedPage[models.GetSpan])
        assert_type(page.next_cursor, str | None)
        assert_type(page[0].span_attributes, dict[str, str])
        assert_type(page[0].request_temperature, float | None)
    report = mistral.datasets.import_spans(
        "d",
        spans,
        {"mappings": [{"target_field": "a", "source_field": {"namespace": "span_attributes", "key": "b"}}]},
        progress=True,
    )
    assert_type(report, SpanImportReport)
    assert_type(report.parts[0].task, models.ImportTask | None)
    rows = mistral.traces.aggregate(
        {"measure": "duration_ns", "aggregation": "p95"},
        time_dimension={"granularity": "hour"},
        order_by=[{"field": "a"}, models.OrderByClause(field="b", direction="desc")],
    )
    assert_type(rows[0].metric_value, float | None)
    assert_type(mistral.logs.list().field_definitions[0].name, str)


class Payload(TypedDict):
    messages: list[dict[str, str]]


def in_bulk(mistral: Mistral, dataset_id: str) -> None:
    response = mistral.raw(mistral.datasets.list, page_size=10)
    assert_type(response, RawResponse[models.ListDatasetsResponse])
    assert_type(response.value.datasets.count, int)
    assert_type(mistral.with_options(retries=RetryPolicy(2, first_delay=1), headers={"a": "b"}), Mistral)
    mistral.datasets.list(retries=0, server_url="http://127.0.0.1:1", timeout_ms=5, http_headers={"a": "b"})
    options: CallOptions = {"timeout": 5, "deadline": timedelta(minutes=1), "max_retries": 0, "headers": {"a": "b"}}
    mistral.datasets.list(retry=RetryPolicy(max_delay=timedelta(seconds=8)))
    mistral.datasets.export(dataset_id, "a.jsonl", **options)
    assert_type(mistral.datasets.fetch(dataset_id, **options), models.Dataset)
    for dataset in mistral.datasets.iter("refund", prefetch=1, limit=5, strict=True):
        assert_type(dataset, models.Dataset)
    for page in mistral.datasets.iter_records(dataset_id).pages():
        assert_type(page, Page[models.DatasetRecord])
    for record in mistral.datasets.iter_records(dataset_id, payload_type=Conversation):
        assert_type(record, TypedRecord[Conversation])
        assert_type(record.payload.messages, list[dict[str, str]])
        assert_type(record.record, models.DatasetRecord)
    for typed in mistral.datasets.iter_records(dataset_id, payload_type=Payload):
        assert_type(typed.payload["messages"], list[dict[str, str]])
    for task in mistral.datasets.iter_tasks(dataset_id, page_size=5):
        assert_type(task.wait(timeout=5, poll_interval=(0.1, 1), on_progress=print), models.ImportTask)
    assert_type(mistral.datasets.task(dataset_id=dataset_id, task_id="t"), TaskHandle)
    assert_type(
        mistral.datasets.import_from_file(dataset_id=dataset_id, file_id="f", wait=True, wait_timeout=5),
        models.ImportTask,
    )
    created = mistral.datasets.create_records(
        dataset_id, [{"messages": []}, ({"messages": []}, {}), Conversation([])], strategy="file", on_error="continue"
    )
    assert_type(created, CreateReport)
    assert_type(created.items[0].error, errors.MistralError | None)
    imported = mistral.datasets.import_jsonl(dataset_id, open("a"), compression="gzip", progress=True)  # noqa: PTH123, SIM115
    assert_type(imported, ImportReport)
    assert_type(imported.files[0].task, models.ImportTask)

    def on_progress(progress: Progress) -> None:
        assert_type(progress.total_bytes, int | None)

    assert_type(mistral.datasets.export(dataset_id, "a.jsonl.gz", progress=on_progress), ExportReport)
    for exported in mistral.datasets.export_records(dataset_id):
        assert_type(exported, ExportedRecord)
    for typed_export in mistral.datasets.export_records(dataset_id, payload_type=Payload):
        assert_type(typed_export, TypedExportedRecord[Payload])


async def in_bulk_async(mistral: Mistral, dataset_id: str) -> None:
    async def records() -> AsyncIterator[dict[str, JSON]]:
        yield {"messages": []}

    response = await mistral.raw_async(mistral.datasets.list_async, page_size=10)
    assert_type(response, RawResponse[models.ListDatasetsResponse])
    async for record in mistral.datasets.iter_records(dataset_id, payload_type=Conversation):
        assert_type(record, TypedRecord[Conversation])
    async for exported in mistral.datasets.export_records(dataset_id):
        assert_type(exported, ExportedRecord)
    assert_type(await mistral.datasets.create_records_async(dataset_id, records()), CreateReport)
    assert_type(await mistral.datasets.import_jsonl_async(dataset_id, records()), ImportReport)
    assert_type(await mistral.datasets.iter().count_async(), int)
    async with aclosing(aiter(mistral.datasets.iter_records(dataset_id))) as items:
        assert_type(await anext(items), models.DatasetRecord)


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
