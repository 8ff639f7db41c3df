"""`Mistral.raw` refuses methods without a single response before anything is sent."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from harness import Workspace

MESSAGE = "expected a method that sends a single request"


async def test_methods_without_a_single_response_are_refused(workspace: Workspace) -> None:
    dataset = await workspace.dataset_with_records(3)
    file_id = await workspace.file('{"messages": []}\n')
    task = await workspace.datasets.import_from_file(dataset_id=dataset.id, file_id=file_id, wait=True)
    url = (await workspace.files.get_signed_url(file_id=file_id)).url
    pager = workspace.mistral.datasets.iter_records(dataset.id)
    handle = workspace.mistral.datasets.task(dataset_id=dataset.id, task_id=task.id)
    asyncio_style = workspace.style == "asyncio"

    def method(target: Any, name: str) -> Any:
        return getattr(target, f"{name}_async" if asyncio_style else name)

    mistral = workspace.mistral
    import_from_file = method(mistral.datasets, "import_from_file")
    written: list[bytes] = []
    seen: list[object] = []
    calls: list[Callable[[], Any]] = [
        lambda: workspace.raw(method(mistral.datasets, "create_records"), dataset.id, [{"messages": []}]),
        lambda: workspace.raw(method(mistral.datasets, "import_jsonl"), dataset.id, [{"messages": []}]),
        lambda: workspace.raw(method(mistral.datasets, "import_jsonl"), dataset.id, io.BytesIO(b'{"messages": []}')),
        lambda: workspace.raw(method(mistral.datasets, "export"), dataset.id, written.append),
        lambda: workspace.raw(import_from_file, dataset_id=dataset.id, file_id=file_id, wait=True),
        lambda: workspace.raw(method(mistral.files, "download"), file_id=file_id),
        lambda: workspace.raw(method(mistral, "open_link"), url),
        lambda: workspace.raw(method(task, "wait")),
        lambda: workspace.raw(method(handle, "wait")),
        lambda: workspace.raw(method(handle, "wait"), on_progress=seen.append),
        lambda: workspace.raw(method(pager, "count")),
        lambda: workspace.raw(mistral.datasets.iter_records, dataset.id),
        lambda: workspace.raw(mistral.datasets.export_records, dataset.id),
        lambda: workspace.raw(lambda: next(iter(pager))),
    ]
    workspace.requests()
    with warnings.catch_warnings():
        # A coroutine that was never awaited.
        warnings.simplefilter("error")
        for call in calls:
            with pytest.raises(TypeError, match=MESSAGE):
                await call()
    assert workspace.requests() == []
    assert written == []
    # The refusal applies to one call only, and single requests still have a response.
    await workspace.datasets.create_records(dataset.id, [{"messages": []}])
    response = await workspace.raw(import_from_file, dataset_id=dataset.id, file_id=file_id)
    assert (response.status, response.value.dataset_id) == (202, dataset.id)
    response = await workspace.raw(method(handle, "refresh"))
    assert response.value.id == task.id
