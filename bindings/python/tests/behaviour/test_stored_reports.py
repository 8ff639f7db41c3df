"""Behaviour cases: reports of bulk calls that are stored as JSON and resumed from.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import errors, models
from mistral_datasets.types import CreateReport, ImportReport


def record(n: int) -> dict[str, Any]:
    return {"payload": {"messages": [{"role": "user", "content": f"question {n}"}]}, "properties": {"n": n}}


LINES = "".join(f'{{"messages": [], "properties": {{"n": {n}}}}}\n' for n in range(30)).encode()


async def numbers(workspace: Workspace, dataset: models.Dataset) -> list[Any]:
    records = await workspace.collect(workspace.mistral.datasets.iter_records(dataset.id))
    return [each.properties.get("n") for each in records]


async def test_create_report_survives_a_restart(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.inject_fault(operation="create_record", skip=3, carry_out=True, reset_after_bytes=0)
    workspace.requests()
    create = workspace.datasets.create_records
    error = await error_of(create, dataset.id, map(record, range(8)), concurrency=1)
    original = error.report
    assert isinstance(original, CreateReport)
    text = original.to_json()
    assert "question" not in text
    assert json.loads(text)["version"] == 1
    restored_error = pickle.loads(pickle.dumps(error))
    assert str(restored_error) == str(error)
    for report in (
        CreateReport.from_json(text),
        pickle.loads(pickle.dumps(original)),
        copy.deepcopy(original),
        restored_error.report,
    ):
        assert isinstance(report, CreateReport)
        assert report.to_json() == text
        assert report.dataset_id == str(dataset.id)
        assert [item.status for item in report.items] == [*["created"] * 3, "unknown", *["not_sent"] * 4]
        stored = report.items[3].error
        assert isinstance(stored, errors.ConnectionError)
        assert (str(stored), stored.ambiguous, stored.body) == (str(error), True, None)
    report = await create(dataset.id, map(record, range(8)), concurrency=1, resume=CreateReport.from_json(text))
    assert (report.created, report.unknown) == (7, 1)
    assert workspace.operations().count("create_record") == 8
    assert await numbers(workspace, dataset) == list(range(8))


async def test_import_report_survives_a_restart(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.inject_fault(operation="import_from_file", skip=1, carry_out=True, reset_after_bytes=0)
    workspace.requests()
    call = workspace.datasets.import_jsonl
    error = await error_of(call, dataset.id, LINES, max_file_bytes=500)
    assert error.ambiguous
    restored = pickle.loads(pickle.dumps(error)).report
    assert isinstance(restored, ImportReport)
    assert isinstance(error.report, ImportReport)
    assert "messages" not in restored.to_json()
    assert (restored.files, restored.unknown) == (error.report.files, error.report.unknown)
    with pytest.raises(errors.ConfigurationError, match="the task has no client"):
        await workspace.wrap(restored.files[0].task).refresh()
    report = await call(dataset.id, LINES, max_file_bytes=500, resume=restored)
    assert report.records + sum(file.records for file in report.unknown) == 30
    assert workspace.operations().count("import_from_file") == len(report.files) + 1
    assert await numbers(workspace, dataset) == list(range(30))


async def test_report_of_another_dataset_is_rejected(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    other = await workspace.dataset()
    created = await workspace.datasets.create_records(dataset.id, [record(0)])
    imported = await workspace.datasets.import_jsonl(dataset.id, LINES)
    workspace.requests()
    for error in (
        await error_of(workspace.datasets.create_records, other.id, [record(0)], resume=created),
        await error_of(workspace.datasets.import_jsonl, other.id, LINES, resume=imported),
    ):
        assert isinstance(error, errors.ValidationError)
        assert error.message.startswith(f"resume: the report belongs to the dataset `{dataset.id}`")
    assert workspace.requests() == []


async def test_unreadable_report_is_rejected(style: str) -> None:
    newer = json.dumps({"version": 2, "report": "create_records", "outcomes": []})
    with pytest.raises(errors.ValidationError, match=r"version 2.*newer client"):
        CreateReport.from_json(newer)
    other = '{"version": 1, "report": "import_jsonl"}'
    with pytest.raises(errors.ValidationError, match="expected a report of `create_records`"):
        CreateReport.from_json(other)
    for text in ("", "{}", '["my secret"]', "my secret"):
        with pytest.raises(errors.ValidationError) as raised:
            ImportReport.from_json(text)
        assert "secret" not in repr(raised.value)
