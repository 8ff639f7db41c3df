"""Bulk operations: accepted forms of records, and the threads and exceptions of callbacks."""

from __future__ import annotations

import io
import itertools
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import Mistral, errors, models


def record(n: int) -> dict[str, Any]:
    return {"payload": {"messages": []}, "properties": {"n": n}}


@dataclass
class Conversation:
    messages: list[dict[str, str]]


async def test_create_records_accepts_every_form(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    messages = [{"role": "user", "content": "Hi"}]
    payload = models.ConversationPayload(messages=messages)
    forms: list[Any] = [
        {"payload": {"messages": messages}, "properties": {"n": 1}},
        {"payload": {"messages": messages}},
        {"payload": payload, "properties": None},
        {"messages": messages},
        payload,
        Conversation(messages),
        ({"messages": messages}, {"n": 1}),
        (payload, {}),
    ]
    report = await workspace.datasets.create_records(dataset.id, forms, concurrency=1)
    assert report.created == len(forms)
    records = await workspace.collect(workspace.mistral.datasets.iter_records(dataset.id))
    assert all(each.payload == {"messages": messages} for each in records)
    assert [each.properties for each in records] == [{"n": 1}, {}, {}, {}, {}, {}, {"n": 1}, {}]
    # Existing records are sent verbatim.
    exported = await workspace.collect(workspace.mistral.datasets.export_records(dataset.id))
    copy = await workspace.dataset()
    await workspace.datasets.create_records(copy.id, itertools.chain(records, exported), concurrency=1)
    copies = await workspace.collect(workspace.mistral.datasets.iter_records(copy.id))
    assert [each.payload.to_json() for each in copies] == [each.payload.to_json() for each in records] * 2


async def test_generators_run_on_the_calling_thread(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    threads: set[threading.Thread] = set()

    def generate() -> Iterator[dict[str, Any]]:
        for n in range(5):
            threads.add(threading.current_thread())
            yield record(n)

    await workspace.datasets.create_records(dataset.id, generate())
    await workspace.datasets.import_jsonl(dataset.id, generate())
    assert threads == {threading.main_thread()}
    if workspace.style == "asyncio":

        async def generate_async() -> AsyncIterator[dict[str, Any]]:
            for each in generate():
                await workspace.datasets.list()
                yield each

        assert (await workspace.datasets.create_records(dataset.id, generate_async())).created == 5
        assert (await workspace.datasets.import_jsonl(dataset.id, generate_async())).records == 5
        assert threads == {threading.main_thread()}


async def test_exceptions_of_generators_propagate(workspace: Workspace) -> None:
    dataset = await workspace.dataset()

    def fail() -> Iterator[dict[str, Any]]:
        yield record(0)
        yield record(1)
        raise KeyError("in the program")

    calls: list[Callable[[], Any]] = [
        lambda: workspace.datasets.create_records(dataset.id, fail(), strategy="single"),
        lambda: workspace.datasets.create_records(dataset.id, fail(), strategy="file"),
        lambda: workspace.datasets.import_jsonl(dataset.id, fail()),
    ]
    for call in calls:
        with pytest.raises(KeyError, match="in the program") as caught:
            await call()
        # The context is the error with the report.
        assert isinstance(caught.value.__context__, errors.MistralError)
        assert caught.value.__context__.report is not None
    # Earlier records were sent, except by strategy `file`, which is all or nothing.
    assert sorted(each.properties["n"] for each in await workspace.records(dataset)) == [0, 1]


async def test_import_jsonl_without_waiting(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    report = await workspace.datasets.import_jsonl(dataset.id, ['{"messages": []}'], wait=False)
    (file,) = report.files
    assert (await workspace.wrap(file.task).wait()).status == "COMPLETED"
    error = await error_of(workspace.datasets.import_jsonl, dataset.id, Path("no such file"))
    assert isinstance(error, errors.ValidationError)


async def test_bulk_operations_fail_on_a_closed_client(workspace: Workspace) -> None:
    mistral = Mistral(workspace.key, server_url=workspace.local.url)
    mistral.close()
    call = workspace.with_client(mistral).datasets
    assert isinstance(await error_of(call.create_records, "d", [record(0)]), errors.ClosedError)
    assert isinstance(await error_of(call.import_jsonl, "d", ['{"messages": []}']), errors.ClosedError)
    time.sleep(0.05)
    assert workspace.requests() == []


async def test_exceptions_of_a_progress_callback_end_the_wait(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    file_id = await workspace.file('{"messages": []}\n')
    task = await workspace.datasets.import_from_file(dataset_id=dataset.id, file_id=file_id)

    def fail(task: models.ImportTask) -> None:
        raise KeyError(task.id)

    with pytest.raises(KeyError, match=task.id):
        await workspace.wrap(task).wait(on_progress=fail)


async def test_progress_bar(
    workspace: Workspace, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = await workspace.dataset_with_records(3)
    lines: list[Any] = [{"messages": []}] * 3
    await workspace.datasets.import_jsonl(dataset.id, lines, progress=True)
    output = capfd.readouterr().err
    for phase in ("check", "upload", "import"):
        assert phase in output
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        await workspace.datasets.export(dataset.id, io.BytesIO(), progress=True)
    invalid: Any = 5
    with pytest.raises(TypeError, match="progress"):
        await workspace.datasets.export(dataset.id, io.BytesIO(), progress=invalid)
