"""Behaviour cases: waiting for import tasks.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import threading
from typing import Any

from harness import Workspace, error_of
from mistral_datasets import errors, models


def with_status(task: models.ImportTask, status: str) -> dict[str, Any]:
    """Returns the JSON of a task with another status."""
    fields = task.to_dict()
    names = ("id", "dataset_id", "creator_id", "workspace_id", "created_at", "updated_at")
    return {name: fields[name] for name in names} | {"status": status}


async def start_import(workspace: Workspace, lines: str = '{"messages": []}\n') -> models.ImportTask:
    dataset = await workspace.dataset()
    task: models.ImportTask = await workspace.datasets.import_from_file(
        dataset_id=dataset.id, file_id=await workspace.file(lines)
    )
    return task


async def test_wait_for_a_task(workspace: Workspace) -> None:
    task = await start_import(workspace, '{"messages": []}\n' * 2)
    seen: list[tuple[str, threading.Thread]] = []

    def record_status(task: models.ImportTask) -> None:
        seen.append((task.status, threading.current_thread()))

    completed = await workspace.wrap(task).wait(on_progress=record_status)
    assert (completed.status, completed.progress, completed.result.imported_record_count) == ("COMPLETED", 100, 2)
    # The callback runs on the waiting thread.
    assert seen[-1] == ("COMPLETED", threading.main_thread())
    file_id = await workspace.file('{"messages": []}\n')
    completed = await workspace.datasets.import_from_file(dataset_id=task.dataset_id, file_id=file_id, wait=True)
    assert completed.status == "COMPLETED"


async def test_wait_raises_for_a_failed_task(workspace: Workspace) -> None:
    task = await start_import(workspace, '{"messages": []}\nno JSON\n')
    error = await error_of(workspace.wrap(task).wait)
    assert isinstance(error, errors.TaskFailedError)
    assert error.task is not None
    assert error.task.status == "FAILED"
    assert str(error.task.message) in error.message
    assert (await workspace.wrap(error.task).refresh()).status == "FAILED"
    for status in ("CANCELED", "TERMINATED", "TIMED_OUT"):
        workspace.inject_fault(operation="fetch_task", body=with_status(task, status))
        error = await error_of(workspace.wrap(task).wait)
        assert isinstance(error, errors.TaskFailedError)
        assert error.task is not None
        assert error.task.status == status


async def test_wait_times_out(workspace: Workspace) -> None:
    task = await start_import(workspace)
    workspace.requests()
    workspace.inject_fault(operation="fetch_task", body=with_status(task, "RUNNING"), times=None)
    error = await error_of(workspace.wrap(task).wait, timeout=0.2, poll_interval=(0.02, 0.04))
    assert isinstance(error, errors.TimeoutError)
    assert error.task is not None
    assert (error.task.id, error.task.status) == (task.id, "RUNNING")
    assert 4 <= len(workspace.requests()) <= 11


async def test_wait_polls_through_unknown_statuses(workspace: Workspace) -> None:
    task = await start_import(workspace)
    for status in ("UNKNOWN", "CONTINUED_AS_NEW", "RESTING"):
        workspace.inject_fault(operation="fetch_task", body=with_status(task, status))
    workspace.requests()
    completed = await workspace.wrap(task).wait(poll_interval=(0.005, 0.005))
    assert completed.status == "COMPLETED"
    assert len(workspace.requests()) >= 4


async def test_task_from_saved_ids(workspace: Workspace) -> None:
    task = await start_import(workspace)
    saved = (task.dataset_id, task.id)
    handle = workspace.mistral.datasets.task(dataset_id=saved[0], task_id=saved[1])
    assert (handle.dataset_id, handle.id) == saved
    assert (await workspace.wrap(handle).wait()).id == task.id
    assert (await workspace.wrap(handle).refresh()).status == "COMPLETED"
    unknown = workspace.mistral.datasets.task(dataset_id=saved[0], task_id=saved[0])
    assert (await error_of(workspace.wrap(unknown).refresh)).error_code == "DATASET_TASK_NOT_FOUND"
    # A task created from JSON has no client.
    detached = models.ImportTask.from_json(task.to_json())
    error = await error_of(workspace.wrap(detached).wait)
    assert isinstance(error, errors.ConfigurationError)
    assert "datasets.task" in error.message
