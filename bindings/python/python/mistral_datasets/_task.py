"""Methods of import tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

# `types` is imported on first use, so annotations name it in full.
import mistral_datasets
from mistral_datasets import _native
from mistral_datasets._compat import Unpack
from mistral_datasets._native import Client, ImportTask

if TYPE_CHECKING:
    import mistral_datasets.types


class TaskMethods:
    """Methods of `ImportTask` and `TaskHandle`."""

    @property
    def _client(self) -> Client | None:
        """The client that returned the task."""
        raise NotImplementedError

    @property
    def dataset_id(self) -> str:
        """ID of the dataset that the task imports into."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """ID of the task."""
        raise NotImplementedError

    def refresh(self, **options: Unpack[mistral_datasets.types.CallOptions]) -> ImportTask:
        """Fetches the current state of the task.

        Args:
            options: Options of this call; see `types.CallOptions`.

        Returns:
            A new `ImportTask`. This object does not change.

        Raises:
            errors.ConfigurationError: The task has no client, because it was created from JSON or unpickled. Use
                `datasets.task`.
            errors.MistralError: Any other failure; see `errors` for the subclasses.
        """
        return _native.refresh_task(self._client, self.dataset_id, self.id, options)

    async def refresh_async(self, **options: Unpack[mistral_datasets.types.CallOptions]) -> ImportTask:
        """Fetches the current state of the task.

        Args:
            options: Options of this call; see `types.CallOptions`.

        Returns:
            A new `ImportTask`. This object does not change.

        Raises:
            errors.ConfigurationError: The task has no client, because it was created from JSON or unpickled. Use
                `datasets.task`.
            errors.MistralError: Any other failure; see `errors` for the subclasses.
        """
        return await _native.refresh_task_async(self._client, self.dataset_id, self.id, options)

    def wait(
        self,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: tuple[float | timedelta, float | timedelta] | None = None,
        on_progress: Callable[[ImportTask], object] | None = None,
    ) -> ImportTask:
        """Waits until the task has finished.

        A task with an unknown status counts as in progress.

        Args:
            timeout: Maximum time to wait, in seconds or as a `timedelta`. Default: 1800.
            poll_interval: First and longest interval between two polls, in seconds; the interval grows from one to the
                other. Default: (0.1, 5.0).
            on_progress: Callback that receives the task after every poll. It runs on the calling thread.

        Returns:
            The task, with the status COMPLETED.

        Raises:
            errors.TaskFailedError: The task is FAILED, CANCELED, TERMINATED or TIMED_OUT. The error's `task` is the
                task.
            errors.TimeoutError: The task is still in progress. It continues, and can be waited for again. The error's
                `task` is the task.
            errors.ConfigurationError: The task has no client, because it was created from JSON or unpickled. Use
                `datasets.task`.
            errors.MistralError: Any other failure; see `errors` for the subclasses.
        """
        arguments = (self._client, self.dataset_id, self.id, timeout, poll_interval)
        if on_progress is None:
            return _native.wait_for_task(*arguments)
        from mistral_datasets import _driver

        return _driver.run(_native.watch_task(*arguments), on_progress)

    async def wait_async(
        self,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: tuple[float | timedelta, float | timedelta] | None = None,
        on_progress: Callable[[ImportTask], object] | None = None,
    ) -> ImportTask:
        """Waits until the task has finished.

        A task with an unknown status counts as in progress.

        Args:
            timeout: Maximum time to wait, in seconds or as a `timedelta`. Default: 1800.
            poll_interval: First and longest interval between two polls, in seconds; the interval grows from one to the
                other. Default: (0.1, 5.0).
            on_progress: Callback that receives the task after every poll. It runs on the event loop, and may be async.

        Returns:
            The task, with the status COMPLETED.

        Raises:
            errors.TaskFailedError: The task is FAILED, CANCELED, TERMINATED or TIMED_OUT. The error's `task` is the
                task.
            errors.TimeoutError: The task is still in progress. It continues, and can be waited for again. The error's
                `task` is the task.
            errors.ConfigurationError: The task has no client, because it was created from JSON or unpickled. Use
                `datasets.task`.
            errors.MistralError: Any other failure; see `errors` for the subclasses.
        """
        arguments = (self._client, self.dataset_id, self.id, timeout, poll_interval)
        if on_progress is None:
            return await _native.wait_for_task_async(*arguments)
        from mistral_datasets import _driver

        return await _driver.run_async(_native.watch_task(*arguments), on_progress)


# `ImportTask` is a native class. Its methods are added here, because native methods have no signatures with types, and
# native async methods are no coroutine functions.
for _method in (TaskMethods.refresh, TaskMethods.refresh_async, TaskMethods.wait, TaskMethods.wait_async):
    setattr(ImportTask, _method.__name__, _method)
