"""Behaviour cases: import tasks.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from harness import Api, Workspace, error_of
from mistral_datasets import errors

LINE = '{"messages": [{"role": "user", "content": "Grüße"}]}\n'
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


async def test_import_from_file(api: Api) -> None:
    dataset = await api.dataset()
    lines = [
        '{"payload": {"messages": [{"role": "user", "content": "B"}], "n": 1.0}, "properties": {"z": 1, "a": 2}}',
        '{"messages": [{"role": "user", "content": "A"}]}',
        '{"messages": [], "properties": {"last": true}}',
    ]
    file = await api.file("\n".join(lines))
    task = await api.datasets.import_from_file(dataset_id=dataset.id, file_id=file)
    assert (task.status, task.dataset_id) == ("RUNNING", dataset.id)
    task = await api.wait(task)
    assert (task.status, task.progress) == ("COMPLETED", 100)
    assert task.result is not None
    counts = task.result.to_dict().values()
    assert list(counts) == [3, 3, 0]
    records = await api.records(dataset)
    assert records[0].payload.to_json() == ('{"messages": [{"role": "user", "content": "B"}], "n": 1.0}')
    assert records[1].payload == {"messages": [{"role": "user", "content": "A"}]}
    assert [record.properties for record in records] == [{"z": 1, "a": 2}, {}, {"last": True}]
    assert {record.source for record in records} == {"UPLOADED_FILE"}


async def test_import_from_file_is_all_or_nothing(api: Api) -> None:
    dataset = await api.dataset()
    for bad in ('{"messages": 5}', "{", '{"properties": {}}', "[]", '{"payload": []}'):
        file = await api.file(f"{LINE}{LINE}{bad}\n{LINE}")
        task = await api.wait(await api.datasets.import_from_file(dataset_id=dataset.id, file_id=file))
        assert task.status == "FAILED", bad
        assert "line 3" in (task.message or ""), task
        assert await api.records(dataset) == []


EVENTS = [
    {
        "request_messages": [{"role": "user", "content": "one"}],
        "response_messages": [{"role": "assistant", "content": "1"}],
    },
    {
        "request_messages": [{"role": "user", "content": "two"}],
        "response_messages": [{"role": "assistant", "content": "2"}],
    },
]


async def test_import_from_explorer(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    ids = workspace.local.insert_events(EVENTS)
    task = await workspace.datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=ids)
    assert (await workspace.wait(task)).status == "COMPLETED"
    records = await workspace.records(dataset)
    assert [record.source for record in records] == ["EXPLORER", "EXPLORER"]
    assert [message["content"] for message in records[0].payload["messages"]] == ["one", "1"]


async def test_import_from_campaign(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    ids = workspace.local.insert_events(EVENTS)
    campaign = workspace.local.insert_campaign("Week 1", ids)
    task = await workspace.datasets.import_from_campaign(dataset_id=dataset.id, campaign_id=campaign)
    assert (await workspace.wait(task)).status == "COMPLETED"
    contents = [record.payload["messages"][0]["content"] for record in await workspace.records(dataset)]
    assert contents == ["one", "two"]


async def test_import_from_playground(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    ids = workspace.local.insert_conversations([HELLO])
    task = await workspace.datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=ids)
    assert (await workspace.wait(task)).status == "COMPLETED"
    (record,) = await workspace.records(dataset)
    assert (record.source, record.payload["messages"]) == ("PLAYGROUND", HELLO["messages"])
    task = await workspace.wait(
        await workspace.datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=[])
    )
    assert task.result is not None
    assert (task.status, task.result.imported_record_count) == ("COMPLETED", 0)


async def test_import_from_dataset_records(api: Api) -> None:
    source, target = await api.dataset(), await api.dataset()
    first, second = await api.record(source, "first"), await api.record(source, "second")
    task = await api.datasets.import_from_dataset_records(
        dataset_id=target.id, dataset_record_ids=[second.id, first.id]
    )
    assert (await api.wait(task)).status == "COMPLETED"
    copies = await api.records(target)
    assert [(copy.payload, copy.properties) for copy in copies] == [
        (record.payload, record.properties) for record in (second, first)
    ]
    assert {copy.id for copy in copies}.isdisjoint({first.id, second.id})
    assert len(await api.records(source)) == 2


async def test_import_from_unknown_sources_is_rejected(api: Api) -> None:
    dataset, unknown = await api.dataset(), str(uuid4())
    datasets = api.datasets
    calls: list[tuple[Any, dict[str, Any], str | None]] = [
        (datasets.import_from_file, {"file_id": unknown}, None),
        (datasets.import_from_explorer, {"completion_event_ids": [unknown]}, None),
        (datasets.import_from_campaign, {"campaign_id": unknown}, "CAMPAIGN_NOT_FOUND"),
        (datasets.import_from_playground, {"conversation_ids": [unknown]}, None),
        (datasets.import_from_dataset_records, {"dataset_record_ids": [unknown]}, "DATASET_RECORD_NOT_FOUND"),
    ]
    for call, source, code in calls:
        error = await error_of(call, dataset_id=dataset.id, **source)
        assert isinstance(error, errors.NotFoundError), error
        assert code in (None, error.error_code)
    error = await error_of(datasets.import_from_file, dataset_id=unknown, file_id="file")
    assert error.error_code == "DATASET_NOT_FOUND"
    assert (await datasets.list_tasks(dataset_id=dataset.id)).tasks.count == 0


async def test_list_tasks(api: Api) -> None:
    dataset = await api.dataset()
    ids: list[str] = []
    for _ in range(3):
        file = await api.file("")
        task = await api.datasets.import_from_file(dataset_id=dataset.id, file_id=file)
        ids.insert(0, (await api.wait(task)).id)
    page = (await api.datasets.list_tasks(dataset_id=dataset.id, page_size=2)).tasks
    assert (page.count, [task.id for task in page.results]) == (3, ids[:2])
    assert page.next


async def test_fetch_unknown_task(api: Api) -> None:
    dataset = await api.dataset()
    error = await error_of(api.datasets.fetch_task, dataset_id=dataset.id, task_id=uuid4())
    assert isinstance(error, errors.NotFoundError)
    assert error.error_code == "DATASET_TASK_NOT_FOUND"
