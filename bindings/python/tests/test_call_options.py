"""Options of clients and calls: durations, retries, headers, aliases, and where they apply."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from harness import UNREACHABLE, Canned, Workspace, error_of
from mistral_datasets import Mistral, RetryPolicy, errors, models

FAST = RetryPolicy(first_delay=0.001, max_delay=0.001)

ALIASES: list[tuple[str, Any, str, Any]] = [
    ("timeout", 5, "timeout_ms", 5000),
    ("deadline", 5, "deadline_ms", 5000),
    ("retry", FAST, "retries", 3),
    ("max_retries", 3, "retries", FAST),
    ("headers", {"a": "b"}, "http_headers", {"a": "c"}),
]


@dataclass
class BackoffStrategy:
    """As in the official SDK."""

    initial_interval: int
    max_interval: int
    exponent: float
    max_elapsed_time: int


@dataclass
class RetryConfig:
    """As in the official SDK."""

    strategy: str
    backoff: BackoffStrategy
    retry_connection_errors: bool


async def calls(workspace: Workspace) -> dict[str, Callable[..., Any]]:
    """Returns calls of every kind, which take options, and must be awaited."""
    dataset = await workspace.dataset_with_records(3)
    file_id = await workspace.file('{"messages": []}\n')
    url = (await workspace.files.get_signed_url(file_id=file_id)).url
    task = await workspace.datasets.import_from_file(dataset.id, file_id, wait=True)
    datasets: Any = workspace.mistral.datasets

    async def iterate(**options: Any) -> list[Any]:
        return await workspace.collect(datasets.iter_records(dataset.id, **options))

    async def export_records(**options: Any) -> list[Any]:
        return await workspace.collect(datasets.export_records(dataset.id, **options))

    async def download(**options: Any) -> bytes:
        return await workspace.read(await workspace.files.download(file_id, **options))

    async def open_link(**options: Any) -> bytes:
        return await workspace.read(await workspace.wrap(workspace.mistral).open_link(url, **options))

    records: list[dict[str, Any]] = [{"messages": []}]
    chunks: list[bytes] = []
    return {
        "list_records": partial(workspace.datasets.list_records, dataset.id),
        "create_records": partial(workspace.datasets.create_records, dataset.id, records, strategy="single"),
        "import_jsonl": partial(workspace.datasets.import_jsonl, dataset.id, records),
        "export": partial(workspace.datasets.export, dataset.id, chunks.append),
        "refresh": workspace.wrap(task).refresh,
        "iterate": iterate,
        "export_records": export_records,
        "download": download,
        "open_link": open_link,
    }


async def test_every_kind_of_call_sends_its_headers(workspace: Workspace) -> None:
    for name, call in (await calls(workspace)).items():
        workspace.requests()
        await call(headers={"X-Team": "blue"}, timeout=timedelta(seconds=30), deadline=60, max_retries=2)
        requests = [request for request in workspace.requests() if request.operation != "open_link"]
        assert requests or name == "open_link"
        assert [request.headers.get("x-team") for request in requests] == ["blue"] * len(requests), name


async def test_every_kind_of_call_has_a_timeout_and_retries(workspace: Workspace) -> None:
    for name, call in (await calls(workspace)).items():
        if name == "open_link":
            continue
        workspace.inject_fault(delay_ms=20_000)
        workspace.requests()
        error = await error_of(call, timeout=0.1, max_retries=0)
        assert isinstance(error, errors.TimeoutError), name
        workspace.clear_faults()
        assert len(workspace.requests()) == 1, name


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_max_retries_counts_retries_after_the_first_attempt(style: str, retries: int) -> None:
    with Canned(503, "{}") as server:
        mistral = server.client(retries=FAST)
        clients = [
            Mistral("k", server_url=server.url, retry=FAST, max_retries=retries),
            Mistral("k", server_url=server.url, retries=RetryPolicy(retries, first_delay=0.001)),
            mistral.with_options(max_retries=retries),
            mistral.with_options(retries=retries),
        ]
        attempts: list[Callable[[], Any]] = [client.datasets.list for client in clients]
        attempts += [
            lambda: mistral.datasets.list(max_retries=retries),
            lambda: mistral.datasets.list(retries=retries),
            # The number takes precedence over the policy's.
            lambda: mistral.datasets.list(max_retries=retries, retry=RetryPolicy(7)),
        ]
        for attempt in attempts:
            server.requests.clear()
            with pytest.raises(errors.ServerError) as caught:
                attempt()
            assert (len(server.requests), caught.value.attempts) == (retries + 1, retries + 1)
        assert style


async def test_durations_are_seconds_or_timedeltas(workspace: Workspace) -> None:
    workspace.inject_fault(delay_ms=20_000, times=None)
    durations: list[dict[str, Any]] = [
        {"timeout": 0.05},
        {"timeout": timedelta(milliseconds=50)},
        {"timeout_ms": 50},
        {"deadline": 0.05},
        {"deadline": timedelta(milliseconds=50)},
        {"deadline_ms": 50},
    ]
    for options in durations:
        error = await error_of(workspace.datasets.list, **options, max_retries=0)
        assert isinstance(error, errors.TimeoutError)
        client = workspace.with_client(workspace.mistral.with_options(**options, max_retries=0))
        assert isinstance(await error_of(client.datasets.list), errors.TimeoutError)


def test_invalid_durations_are_rejected_with_their_name() -> None:
    for name in ("timeout", "deadline"):
        for value in (-1, float("nan"), float("inf"), timedelta(seconds=-1), 0):
            with pytest.raises(errors.ConfigurationError, match=name):
                Mistral("k", **{name: value})  # type: ignore[arg-type]
            with pytest.raises(errors.ConfigurationError, match=name):
                Mistral("k").datasets.list(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(errors.ConfigurationError, match="max_retries: expected a number of retries from 0, found -1"):
        Mistral("k", max_retries=-1)
    for name in ("first_delay", "max_delay", "max_retry_after"):
        with pytest.raises(ValueError, match=f"{name}: expected a duration of at least 0 seconds, found -1"):
            RetryPolicy(**{name: -1})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=f"{name}: expected a number of seconds or a timedelta, found bool"):
            RetryPolicy(**{name: True})
    with pytest.raises(ValueError, match="wait_timeout: expected a duration"):
        Mistral("k").datasets.import_from_file("d", "f", wait=True, wait_timeout=-1)


@pytest.mark.parametrize(("option", "value", "alias", "other"), ALIASES)
def test_an_option_and_its_alias_cannot_be_given_together(option: str, value: Any, alias: str, other: Any) -> None:
    mistral = Mistral("k", server_url=UNREACHABLE)
    both = {option: value, alias: other}
    for call in (
        lambda: Mistral("k", **both),
        lambda: mistral.with_options(**both),
        lambda: mistral.datasets.list(**both),
        lambda: mistral.datasets.export("d", bytes, **both),
        lambda: mistral.datasets.iter(**both),
    ):
        with pytest.raises(TypeError, match=f"`{option}` and `{alias}` are the same option; pass one of them"):
            call()
    # `None` is the same as leaving the option out.
    with_none: dict[str, Any] = {option: value, alias: None}
    Mistral("k", **with_none)  # pyright: ignore[reportArgumentType]


def test_retry_configs_of_the_official_sdk_are_converted() -> None:
    backoff = BackoffStrategy(1, 2, 1.5, 300)
    with Canned(503, "{}") as server:
        mistral = server.client()
        with pytest.raises(errors.MistralError):
            mistral.datasets.list(retries=RetryConfig("backoff", backoff, True))
        # It retries until the time has passed, or the retry budget is exhausted.
        assert len(server.requests) > 5
    # Another server, because the last request may have been given up before it arrived.
    with Canned(503, "{}") as server:
        with pytest.raises(errors.ServerError):
            server.client().datasets.list(retries=RetryConfig("none", backoff, True))
        assert len(server.requests) == 1
    with pytest.raises(
        TypeError, match=r"retries: expected mistral_datasets\.RetryPolicy, a number of retries, or a Retr"
    ):
        Mistral("k", retries=object())  # type: ignore[arg-type]


async def test_waiting_has_a_timeout_of_its_own(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    file_id = await workspace.file('{"messages": []}\n')
    for wait_timeout in (0.05, timedelta(milliseconds=50)):
        sources: list[tuple[Callable[..., Any], Any]] = [
            (workspace.datasets.import_from_file, file_id),
            (workspace.datasets.import_jsonl, ['{"messages": []}']),
        ]
        for call, source in sources:
            workspace.inject_fault(task_stuck=True, operation="import_from_file")
            error = await error_of(call, dataset.id, source, wait=True, wait_timeout=wait_timeout, timeout=10)
            assert isinstance(error, errors.TimeoutError)
            task: models.ImportTask = error.task or cast("Any", error.report).files[0].task
            handle = workspace.wrap(workspace.mistral.datasets.task(dataset.id, task.id))
            assert isinstance(await error_of(handle.wait, timeout=wait_timeout), errors.TimeoutError)


def test_options_are_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    with Canned(503, "{}", delay=0) as server:
        mistral = Mistral(
            server_url=server.url,
            timeout=timedelta(seconds=3),
            deadline_ms=60_000,
            retry=FAST,
            max_retries=7,
            http_headers={"X-Team": "blue"},
        ).with_options(timeout_ms=5000, retries=1, headers={"X-Job": "1"})
        restored = pickle.loads(pickle.dumps(mistral.with_options(max_retries=2)))
        for client, attempts in ((pickle.loads(pickle.dumps(mistral)), 2), (restored, 3)):
            server.requests.clear()
            with pytest.raises(errors.ServerError):
                client.datasets.list()
            assert len(server.requests) == attempts
            headers = server.requests[0][1]
            assert (headers["x-team"], headers["x-job"]) == ("blue", "1")


def test_retry_policies_are_values() -> None:
    policy = RetryPolicy(3, first_delay=timedelta(milliseconds=500), max_delay=8)
    assert policy == RetryPolicy(max_retries=3, first_delay=0.5, max_delay=8.0)
    assert hash(policy) == hash(pickle.loads(pickle.dumps(policy)))
    assert repr(policy) == "RetryPolicy(3, first_delay=0.5, max_delay=8.0)"
    assert (policy.max_retries, policy.first_delay, policy.max_retry_after) == (3, 0.5, None)
    with pytest.raises(AttributeError, match="immutable"):
        policy.max_retries = 4
    with pytest.raises(TypeError, match="max_retries: expected a number of retries, found bool"):
        RetryPolicy(True)
    with pytest.raises(TypeError, match="retry_unavailable_writes: expected bool, found int"):
        RetryPolicy(retry_unavailable_writes=1)  # type: ignore[arg-type]


async def test_progress_is_a_bool_or_a_function(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    for progress in (False, None):
        await workspace.datasets.create_records(dataset.id, [{"messages": []}], progress=progress)
    with pytest.raises(TypeError, match="progress: expected bool, a function or None, found int"):
        await workspace.datasets.create_records(dataset.id, [{"messages": []}], progress=5)


async def test_every_kind_of_call_has_a_server_url(workspace: Workspace) -> None:
    for name, call in (await calls(workspace)).items():
        if name != "open_link":
            error = await error_of(call, server_url=UNREACHABLE, max_retries=0)
            assert isinstance(error, errors.ConnectionError), name


async def test_the_deadline_of_an_import_covers_neither_upload_nor_waiting(workspace: Workspace) -> None:
    dataset = await workspace.dataset()
    file_id = await workspace.file('{"messages": []}\n')
    sources: list[tuple[Callable[..., Any], Any]] = [
        (workspace.datasets.import_from_file, file_id),
        (workspace.datasets.import_jsonl, ['{"messages": []}']),
    ]
    for call, source in sources:
        workspace.inject_fault(task_delay_ms=700, operation="import_from_file")
        workspace.inject_fault(delay_ms=700, operation="upload_file")
        await call(dataset.id, source, wait=True, deadline=0.5)
        workspace.clear_faults()
    workspace.inject_fault(delay_ms=20_000, operation="import_from_file")
    error = await error_of(workspace.datasets.import_from_file, dataset.id, file_id, wait=True, deadline=0.1)
    assert isinstance(error, errors.TimeoutError)
