"""Handles to import tasks."""

from __future__ import annotations

from uuid import UUID

from mistral_datasets import _native
from mistral_datasets._task import TaskMethods


class TaskHandle(TaskMethods):
    """A handle to an import task, created by `datasets.task`."""

    def __init__(self, client: _native.Client, dataset_id: str | UUID, task_id: str | UUID, /) -> None:
        self._task_client = client
        self._dataset_id = _native.id_text("dataset_id", dataset_id)
        self._id = _native.id_text("task_id", task_id)

    @property
    def _client(self) -> _native.Client:
        return self._task_client

    @property
    def dataset_id(self) -> str:
        """ID of the dataset that the task imports into."""
        return self._dataset_id

    @property
    def id(self) -> str:
        """ID of the task."""
        return self._id

    def __repr__(self) -> str:
        return f"TaskHandle(dataset_id={self.dataset_id!r}, id={self.id!r})"
