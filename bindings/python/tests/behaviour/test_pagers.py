"""Behaviour cases: pagers.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import operator
import time
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import errors


async def test_iterate_records_in_order(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(250)
    pager = workspace.mistral.datasets.iter_records(dataset.id, page_size=20)
    assert await workspace.wrap(pager).count() == 250
    assert [record.properties["n"] for record in await workspace.collect(pager)] == list(range(250))
    # Every loop starts from the beginning. The number of remaining items is known after the first one.
    loop = workspace.iterate(pager)
    assert operator.length_hint(loop, -1) == -1
    assert (await workspace.next(loop)).properties["n"] == 0
    assert operator.length_hint(loop) == 249


async def test_iterate_is_lazy(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(30)
    loop = workspace.iterate(workspace.mistral.datasets.iter_records(dataset.id, page_size=10))
    assert workspace.requests() == []
    await workspace.next(loop)
    time.sleep(0.05)
    del loop
    assert workspace.operations() == ["list_records"]


async def test_iterate_prefetches(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(130)
    workspace.inject_fault(operation="list_records", delay_ms=30, times=None)
    durations: list[float] = []
    for prefetch in (1, 8):
        start = time.monotonic()
        pager = workspace.mistral.datasets.iter_records(dataset.id, page_size=10, prefetch=prefetch)
        assert len(await workspace.collect(pager)) == 130
        durations.append(time.monotonic() - start)
        assert len(workspace.requests()) == 13
    # Sequentially, 13 pages take 13 delays; with prefetch they take three: one page, then eight, then four.
    assert durations[0] >= 13 * 0.03
    assert durations[1] < durations[0] / 2


async def test_iterate_pages(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(25)
    pager = workspace.mistral.datasets.iter_records(dataset.id, page_size=10)
    pages = await workspace.collect(pager.pages())
    assert [(page.number, page.count, len(page.results)) for page in pages] == [(1, 25, 10), (2, 25, 10), (3, 25, 5)]
    assert [record.properties["n"] for page in pages for record in page.results] == list(range(25))


async def test_iterate_stops_at_the_limit(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(50)

    datasets: Any = workspace.mistral.datasets

    async def count_items(**options: int) -> int:
        return len(await workspace.collect(datasets.iter_records(dataset.id, **options)))

    assert await count_items(limit=5) == 5
    (request,) = workspace.requests()
    assert "page_size=5" in request.path
    assert await count_items(page_size=10, limit=20) == 20
    assert len(workspace.requests()) == 2
    assert await count_items(limit=0) == 0
    assert workspace.requests() == []


async def test_iterate_skips_duplicates(workspace: Workspace) -> None:
    for _ in range(6):
        await workspace.dataset()
    loop = workspace.iterate(workspace.mistral.datasets.iter(page_size=2, prefetch=1))
    ids = [(await workspace.next(loop)).id]
    # Datasets are listed newest first, so a new one shifts the others.
    await workspace.dataset()
    while (dataset := await workspace.next(loop)) is not None:
        ids.append(dataset.id)
    assert (len(ids), len(set(ids))) == (6, 6)


async def test_iterate_stops_on_an_endless_next(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(3)
    records = [record.to_dict() for record in (await workspace.records(dataset))[:2]]
    workspace.requests()
    for count in (0, 2, 1_000_000):
        workspace.clear_faults()
        body = {"records": {"count": count, "next": "/never-ending", "results": records}}
        workspace.inject_fault(operation="list_records", body=body, times=None)
        pager = workspace.mistral.datasets.iter_records(dataset.id, page_size=2, prefetch=4)
        assert len(await workspace.collect(pager)) == 2
        assert len(workspace.requests()) < 20


async def test_iterate_strict_compares_counts(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(6)
    datasets: Any = workspace.mistral.datasets

    async def collected(strict: bool) -> int:
        return len(await workspace.collect(datasets.iter_records(dataset.id, page_size=2, prefetch=1, strict=strict)))

    assert await collected(strict=True) == 6
    # The server counts more items than it returns.
    listed = await workspace.datasets.list_records(dataset_id=dataset.id, page_size=2)
    results = [record.to_dict() for record in listed.records.results]
    body = {"records": {"count": 6, "next": None, "results": results}}
    workspace.inject_fault(operation="list_records", body=body, times=None)
    assert await collected(strict=False) == 2
    with pytest.raises(errors.ConflictError):
        await collected(strict=True)
    for options in ({"page_size": 0}, {"page_size": 101}, {"prefetch": 0}, {"prefetch": 65}, {"page_size": -1}):
        pager = datasets.iter_records(dataset.id, **options)
        assert isinstance(await error_of(workspace.collect, pager), errors.ValidationError)


async def test_iterate_datasets_and_tasks(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    for n in range(5):
        await workspace.datasets.create(name=f"Number {n}", description="")
        file_id = await workspace.file('{"messages": []}\n')
        await workspace.datasets.import_from_file(dataset_id=dataset.id, file_id=file_id, wait=True)
    pager = workspace.mistral.datasets.iter("number", page_size=2)
    assert [each.name for each in await workspace.collect(pager)] == [f"Number {n}" for n in (4, 3, 2, 1, 0)]
    tasks = await workspace.collect(workspace.mistral.datasets.iter_tasks(dataset.id, page_size=2))
    assert [task.status for task in tasks] == ["COMPLETED"] * 5
    assert (await workspace.wrap(tasks[0]).refresh()) == tasks[0]
