"""Behaviour cases: pagers over listings from which items are deleted.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness import Workspace
from mistral_datasets import errors


async def test_iterate_while_deleting(workspace: Workspace) -> None:
    for count, options, every in (
        (2_500, {}, 1),
        (300, {"page_size": 20, "prefetch": 8}, 2),
        (60, {"page_size": 7, "prefetch": 1}, 1),
    ):
        dataset = await workspace.dataset_with_records(count)
        datasets: Any = workspace.mistral.datasets
        records = workspace.iterate(datasets.iter_records(dataset.id, **options))
        numbers: list[Any] = []
        while (record := await workspace.next(records)) is not None:
            numbers.append(record.properties["n"])
            if len(numbers) % every == 0:
                await workspace.datasets.records.delete(dataset_record_id=record.id)
        assert numbers == list(range(count))
        listed = await workspace.datasets.list_records(dataset_id=dataset.id, page_size=1)
        assert listed.records.count == count - count // every


async def test_iterate_detects_missed_items(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(3)
    listed = await workspace.datasets.list_records(dataset_id=dataset.id, page_size=2)
    results = [record.to_dict() for record in listed.records.results]
    datasets: Any = workspace.mistral.datasets
    for options in ({}, {"strict": True}, {"strict": False}):
        workspace.clear_faults()
        # Every response counts fewer items, so the pager never knows what it has missed.
        for count in range(999, 899, -1):
            body = {"records": {"count": count, "next": "/next", "results": results}}
            workspace.inject_fault(operation="list_records", body=body)
        pager = datasets.iter_records(dataset.id, page_size=2, prefetch=1, **options)
        if options.get("strict") is False:
            assert len(await workspace.collect(pager)) >= 2
        else:
            with pytest.raises(errors.ConflictError, match="may have been missed"):
                await workspace.collect(pager)
