"""Behaviour cases: retries, timeouts and cancellation.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import Mistral, RetryPolicy, errors
from mistral_datasets.testing import LocalServer

EMPTY: dict[str, Any] = {"messages": []}


async def test_retries_a_read(workspace: Workspace) -> None:
    for status in (429, 500, 503):
        workspace.inject_fault(operation="list_datasets", status=status, times=2)
        listing = getattr(workspace.mistral.datasets, "list" if workspace.style == "blocking" else "list_async")
        response = await workspace.raw(listing)
        assert (response.status, response.attempts) == (200, 3)
        assert len(workspace.requests()) == 3
    workspace.inject_fault(operation="list_datasets", status=422)
    assert (await error_of(workspace.datasets.list)).attempts == 1


async def test_retries_an_interrupted_read(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    faults: list[dict[str, Any]] = [{"reset_after_bytes": 0}, {"reset_after_bytes": 10}, {"truncate_after_bytes": 10}]
    for fault in faults:
        workspace.inject_fault(operation="fetch_dataset", **fault)
        assert await workspace.datasets.fetch(dataset_id=dataset.id) == dataset
        assert len(workspace.requests()) == 2, fault
    workspace.inject_fault(operation="fetch_dataset", delay_ms=2000)
    assert await workspace.datasets.fetch(dataset_id=dataset.id, timeout_ms=200) == dataset


async def test_never_retries_an_ambiguous_write(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    workspace.requests()
    faults: list[dict[str, Any]] = [{"reset_after_bytes": 0}, {"truncate_after_bytes": 3}, {"status": 500}]
    for number, fault in enumerate(faults, 1):
        workspace.inject_fault(operation="create_record", carry_out=True, **fault)
        error = await error_of(workspace.datasets.create_record, dataset_id=dataset.id, payload=EMPTY, properties={})
        assert (error.ambiguous, error.attempts) == (True, 1)
        assert "may have been carried out" in str(error.hint)
        assert workspace.operations() == ["create_record"]
        assert len(await workspace.records(dataset)) == number
        workspace.requests()


async def test_retries_a_rejected_write(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    faults: list[dict[str, Any]] = [{"status": 429}, {"status": 503, "headers": {"retry-after": "0"}}]
    for fault in faults:
        workspace.requests()
        workspace.inject_fault(operation="create_record", times=2, **fault)
        await workspace.datasets.create_record(dataset_id=dataset.id, payload=EMPTY, properties={})
        assert len(workspace.requests()) == 3
    assert len(await workspace.records(dataset)) == 2


async def test_honors_retry_after(workspace: Workspace) -> None:
    # An HTTP date has whole seconds, so a date two seconds ahead is at least one second away.
    for as_date in (False, True):
        value = formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        workspace.inject_fault(operation="list_datasets", status=429, headers={"retry-after": value})
        began = time.monotonic()
        await workspace.datasets.list()
        assert time.monotonic() - began >= 0.99
    workspace.inject_fault(operation="list_datasets", status=429, headers={"retry-after": "3600"})
    error = await error_of(workspace.datasets.list)
    assert isinstance(error, errors.RateLimitError)
    assert (error.attempts, error.retry_after) == (1, 3600.0)


async def test_error_reports_attempts(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", status=502, times=None)
    error = await error_of(workspace.datasets.list, retries=RetryPolicy(4, first_delay=0.01))
    assert (error.attempts, error.status) == (5, 502)
    assert error.elapsed is not None
    assert error.elapsed > 0
    assert "5 attempts in " in str(error)


async def test_deadline_ends_retries(workspace: Workspace) -> None:
    patient = RetryPolicy(999, first_delay=0.05)
    limited = workspace.with_client(workspace.mistral.with_options(deadline_ms=400, retries=patient))
    workspace.inject_fault(operation="list_datasets", status=500, times=None)
    began = time.monotonic()
    error = await error_of(limited.datasets.list)
    assert time.monotonic() - began < 1.5
    assert error.attempts > 1
    # A deadline also ends an attempt in progress.
    workspace.clear_faults()
    workspace.inject_fault(operation="list_datasets", delay_ms=5000)
    error = await error_of(limited.datasets.list)
    assert isinstance(error, errors.TimeoutError)
    assert "deadline" in error.message


async def test_retries_can_be_disabled(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", status=500, times=None)
    for retries in (0, RetryPolicy(0), RetryPolicy(max_retries=0)):
        assert (await error_of(workspace.datasets.list, retries=retries)).attempts == 1
    without_retries = workspace.with_client(Mistral(workspace.key, server_url=workspace.local.url, retries=0))
    assert (await error_of(without_retries.datasets.list)).attempts == 1
    assert len(workspace.requests()) == 4
    assert (await error_of(without_retries.datasets.list, retries=RetryPolicy(1, first_delay=0))).attempts == 2


async def test_per_call_options(workspace: Workspace, mistral_local_server: LocalServer) -> None:
    named = workspace.with_client(workspace.mistral.with_options(headers={"X-Team": "blue"}))
    await named.datasets.list()
    await workspace.datasets.list(http_headers={"X-Team": "red"})
    await named.datasets.list(http_headers={"X-Job": "1"})
    await workspace.datasets.list()
    headers = [request.headers for request in workspace.requests()]
    assert [each.get("x-team") for each in headers] == ["blue", "red", "blue", None]
    assert headers[2]["x-job"] == "1"

    with mistral_local_server.workspace() as other:
        other.client.datasets.create(name="Elsewhere", description="")
    with_key = workspace.with_client(workspace.mistral.with_options(api_key=other.api_key))
    assert (await with_key.datasets.list()).datasets.count == 1
    assert (await workspace.datasets.list()).datasets.count == 0
    error = await error_of(workspace.datasets.list, server_url="http://127.0.0.1:9", retries=0)
    assert isinstance(error, errors.ConnectionError)

    workspace.inject_fault(operation="list_datasets", delay_ms=5000)
    error = await error_of(workspace.datasets.list, timeout_ms=50, retries=0)
    assert isinstance(error, errors.TimeoutError)


async def test_raw_responses(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    suffix = "" if workspace.style == "blocking" else "_async"
    fetch = getattr(workspace.mistral.datasets, f"fetch{suffix}")
    delete = getattr(workspace.mistral.datasets, f"delete{suffix}")
    response = await workspace.raw(fetch, dataset_id=dataset.id)
    assert response.value == dataset
    assert (response.status, response.attempts) == (200, 1)
    assert response.headers["content-type"] == "application/json"
    assert response.request_id
    assert response.elapsed > 0
    assert json.loads(response.body)["id"] == dataset.id
    deleted = await workspace.raw(delete, dataset_id=dataset.id)
    assert (deleted.value, deleted.status, deleted.body) == (None, 204, b"")
    error = await error_of(workspace.raw, fetch, dataset_id=dataset.id)
    assert isinstance(error, errors.NotFoundError)
    # `raw` applies to one call only, even if that call fails.
    assert (await workspace.datasets.list()).datasets.count == 0
    with pytest.raises(TypeError, match="single request"):
        await workspace.raw(lambda: None)
    assert (await workspace.datasets.list()).datasets.count == 0


async def test_cancelling_stops_a_call(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", status=500, times=None)
    slow = workspace.with_client(workspace.mistral.with_options(retries=RetryPolicy(99, first_delay=0.1)))
    if workspace.style == "asyncio":
        call = asyncio.create_task(slow.datasets.list())
        await asyncio.sleep(0.15)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    else:
        timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            await slow.datasets.list()
        timer.join()
    assert workspace.requests()
    time.sleep(0.3)
    assert workspace.requests() == []


async def test_closing_cancels_calls(workspace: Workspace) -> None:
    workspace.inject_fault(operation="list_datasets", delay_ms=5000, times=None)
    closing = threading.Timer(0.1, workspace.mistral.close)
    began = time.monotonic()
    closing.start()
    error = await error_of(workspace.datasets.list)
    assert isinstance(error, errors.CancelledError)
    assert time.monotonic() - began < 2
    closing.join()
    assert isinstance(await error_of(workspace.datasets.list), errors.ClosedError)
