"""How bulk transfer gets on with the program: what it takes, on which thread, and what becomes of exceptions."""

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

from harness import Workspace, failing
from mistral_datasets import Mistral, errors, models


def record(n: int) -> dict[str, Any]:
    return {"payload": {"messages": []}, "properties": {"n": n}}


@dataclass
class Conversation:
    messages: list[dict[str, str]]


async def test_create_records_of_every_form(workspace: Workspace) -> None:
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
    records = await workspace.listed(workspace.mistral.datasets.iter_records(dataset.id))
    assert all(each.payload == {"messages": messages} for each in records)
    assert [each.properties for each in records] == [{"n": 1}, {}, {}, {}, {}, {}, {"n": 1}, {}]
    # Records that were read are written to the letter.
    exported = await workspace.listed(workspace.mistral.datasets.export_records(dataset.id))
    again = await workspace.dataset()
    await workspace.datasets.create_records(again.id, itertools.chain(records, exported), concurrency=1)
    copies = await workspace.listed(workspace.mistral.datasets.iter_records(again.id))
    assert [each.payload.to_json() for each in copies] == [each.payload.to_json() for each in records] * 2


async def test_create_records_takes_from_generators_where_they_belong(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    threads: set[threading.Thread] = set()

    def noting() -> Iterator[dict[str, Any]]:
        for n in range(5):
            threads.add(threading.current_thread())
            yield record(n)

    await workspace.datasets.create_records(dataset.id, noting())
    await workspace.datasets.import_jsonl(dataset.id, noting())
    assert threads == {threading.main_thread()}
    if workspace.style == "asyncio":

        async def awaited() -> AsyncIterator[dict[str, Any]]:
            for each in noting():
                await workspace.datasets.list()
                yield each

        assert (await workspace.datasets.create_records(dataset.id, awaited())).created == 5
        assert (await workspace.datasets.import_jsonl(dataset.id, awaited())).records == 5
        assert threads == {threading.main_thread()}


async def test_what_a_generator_raises_is_raised(workspace: Workspace) -> None:
    dataset = await workspace.dataset()

    def broken() -> Iterator[dict[str, Any]]:
        yield record(0)
        yield record(1)
        raise KeyError("of the program")

    calls: list[Callable[[], Any]] = [
        lambda: workspace.datasets.create_records(dataset.id, broken(), strategy="single"),
        lambda: workspace.datasets.create_records(dataset.id, broken(), strategy="file"),
        lambda: workspace.datasets.import_jsonl(dataset.id, broken()),
    ]
    for call in calls:
        with pytest.raises(KeyError, match="of the program") as caught:
            await call()
        # How far the call was is the context.
        assert isinstance(caught.value.__context__, errors.MistralError)
        assert caught.value.__context__.report is not None
    # Those that came before were sent, unless all or none were to be.
    assert sorted(each.properties["n"] for each in await workspace.records(dataset)) == [0, 1]


async def test_import_jsonl_without_waiting(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    report = await workspace.datasets.import_jsonl(dataset.id, ['{"messages": []}'], wait=False)
    (file,) = report.files
    assert (await workspace.on(file.task).wait()).status == "COMPLETED"
    error = await failing(workspace.datasets.import_jsonl, dataset.id, Path("no such file"))
    assert isinstance(error, errors.ValidationError)


async def test_nothing_goes_on_after_the_client_is_closed(workspace: Workspace) -> None:
    mistral = Mistral(workspace.key, server_url=workspace.local.url)
    mistral.close()
    call = workspace.of(mistral).datasets
    assert isinstance(await failing(call.create_records, "d", [record(0)]), errors.ClosedError)
    assert isinstance(await failing(call.import_jsonl, "d", ['{"messages": []}']), errors.ClosedError)
    time.sleep(0.05)
    assert workspace.requests() == []


async def test_what_a_callback_raises_ends_the_wait(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    file_id = await workspace.file('{"messages": []}\n')
    task = await workspace.datasets.import_from_file(dataset_id=dataset.id, file_id=file_id)

    def refuse(task: models.ImportTask) -> None:
        raise KeyError(task.id)

    with pytest.raises(KeyError, match=task.id):
        await workspace.on(task).wait(on_progress=refuse)


async def test_a_bar_shows_progress(
    workspace: Workspace, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = await workspace.filled(3)
    lines: list[Any] = [{"messages": []}] * 3
    await workspace.datasets.import_jsonl(dataset.id, lines, progress=True)
    shown = capfd.readouterr().err
    for phase in ("check", "upload", "import"):
        assert phase in shown
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        await workspace.datasets.export(dataset.id, io.BytesIO(), progress=True)
    wrong: Any = 5
    with pytest.raises(TypeError, match="progress"):
        await workspace.datasets.export(dataset.id, io.BytesIO(), progress=wrong)
