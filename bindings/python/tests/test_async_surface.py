"""What async methods have in common: names, event loops, closing, logging and cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import aclosing
from importlib import import_module
from typing import Any, cast

import pytest

import mistral_datasets
from harness import Canned, Workspace
from mistral_datasets import Mistral, RetryPolicy
from mistral_datasets.testing import LocalWorkspace

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST", default="none")


class Records(logging.Handler):
    """Stores the value of the context variable with every message."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(REQUEST.get())


@pytest.fixture
def records() -> Iterator[Records]:
    logger = logging.getLogger("mistral_datasets")
    handler, level = Records(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_async_names_end_with_async() -> None:
    """`aclose` is a protocol of Python, and the names of `Download` are those of the official SDK."""
    other: set[str] = set()
    for module in pkgutil.iter_modules(mistral_datasets.__path__):
        try:
            names = vars(import_module(f"mistral_datasets.{module.name}"))
        except ModuleNotFoundError as missing:
            if missing.name != "pydantic_core":
                raise
            # It is imported only if the program uses pydantic.
            continue
        for cls in names.values():
            if not inspect.isclass(cls) or not cls.__module__.startswith("mistral_datasets"):
                continue
            for name, value in vars(cls).items():
                is_async = inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)
                if is_async and not name.startswith("_") and not name.endswith("_async"):
                    other.add(f"{cls.__name__}.{name}")
    assert {name for name in other if not name.startswith("Download.")} == {"Pages.aclose", "FeedPages.aclose"}


def test_methods_without_an_asyncio_event_loop_are_refused_with_a_remedy() -> None:
    """As under trio, which also sends `None` to start a coroutine."""
    with Mistral.local() as mistral:
        pager = mistral.datasets.iter()
        calls: list[Callable[[], Any]] = [
            mistral.datasets.list_async,
            lambda: mistral.datasets.create_records_async("d", [{"messages": []}]),
            lambda: mistral.raw_async(mistral.datasets.list_async),
            mistral.datasets.task("d", "t").wait_async,
            lambda: anext(aiter(pager)),
            lambda: anext(aiter(pager.pages())),
            pager.count_async,
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match=r"require a running asyncio event loop; with trio .* in a thread"):
                call().__await__().send(None)


def test_iterators_can_be_closed(mistral_local: LocalWorkspace) -> None:
    mistral = mistral_local.client
    dataset = mistral.datasets.create(name="Refund requests", description="")
    mistral.datasets.create_records(dataset.id, [{"messages": []} for _ in range(20)])

    async def test() -> None:
        pager = mistral.datasets.iter_records(dataset.id, page_size=2, prefetch=2)
        async with aclosing(aiter(pager)) as items:
            await anext(items)
        assert [item async for item in items] == []
        assert list(items) == []
        # Nothing is sent after the iterator was closed.
        await asyncio.sleep(0.05)
        mistral_local.clear_requests()
        await asyncio.sleep(0.1)
        assert mistral_local.requests() == []
        async with aclosing(pager.pages()) as pages:
            assert (await anext(pages)).number == 1
        with pytest.raises(StopAsyncIteration):
            await anext(pages)
        async with aclosing(aiter(mistral.datasets.export_records(dataset.id))) as exported:
            await anext(exported)
        await exported.aclose()
        assert [item async for item in exported] == []
        # Every loop starts from the beginning.
        assert len([item async for item in pager]) == 20

    asyncio.run(test())


async def test_logs_carry_the_context_of_the_caller(workspace: Workspace, records: Records) -> None:
    dataset = await workspace.dataset_with_records(20)
    datasets = workspace.mistral.datasets
    chunks: list[bytes] = []
    token = REQUEST.set("the caller")
    calls: dict[str, Callable[[], Any]] = {
        "list": workspace.datasets.list,
        "pager": lambda: workspace.collect(datasets.iter_records(dataset.id, page_size=2, prefetch=4)),
        "pages": lambda: workspace.collect(datasets.iter_records(dataset.id, page_size=2).pages()),
        "create_records": lambda: workspace.datasets.create_records(
            dataset.id, [{"messages": []} for _ in range(9)], strategy="single"
        ),
        "import_jsonl": lambda: workspace.datasets.import_jsonl(dataset.id, [{"messages": []}]),
        "export": lambda: workspace.datasets.export(dataset.id, chunks.append),
    }
    try:
        for name, call in calls.items():
            records.seen.clear()
            workspace.inject_fault(status=503, headers={"retry-after": "0"})
            await call()
            assert records.seen, name
            assert set(records.seen) == {"the caller"}, name
    finally:
        REQUEST.reset(token)


def test_concurrent_tasks_log_in_their_own_context(records: Records) -> None:
    with Canned(503, "{}") as server:
        mistral = server.client(retries=RetryPolicy(2, first_delay=0.001))

        async def call(name: str) -> None:
            REQUEST.set(name)
            with contextlib.suppress(mistral_datasets.errors.ServerError):
                await mistral.datasets.list_async()

        async def test() -> None:
            await asyncio.gather(*(call(f"call {number}") for number in range(5)))

        asyncio.run(test())
    assert {records.seen.count(f"call {number}") for number in range(5)} == {len(records.seen) // 5}
    assert len(records.seen) >= 10


def test_coroutines_that_are_never_awaited_have_the_name_of_their_method() -> None:
    with Mistral("k") as mistral:
        coroutine: Any = mistral.datasets.list_async()
        assert coroutine.__qualname__ == "Datasets.list_async"
        coroutine.close()


async def _slow(mistral: Mistral) -> object:
    await asyncio.sleep(0)
    return await mistral.datasets.list_async()


def test_raw_requests_the_response_of_one_call_only(mistral_local: LocalWorkspace) -> None:
    """A call that runs between the creation and the start of another one is not affected."""
    mistral = mistral_local.client

    async def test() -> None:
        responses = await asyncio.gather(
            mistral.raw_async(mistral.datasets.list_async),
            mistral.datasets.list_async(),
            mistral.raw_async(mistral.datasets.list_async, page_size=1),
        )
        assert [type(each).__name__ for each in responses] == ["RawResponse", "ListDatasetsResponse", "RawResponse"]
        # A wrapper that does something else first cannot be asked for a response.
        with pytest.raises(TypeError, match="expected a method that sends a single request"):
            await mistral.raw_async(_slow, mistral)
        with pytest.raises(TypeError, match="expected a method that sends a single request"):
            await mistral.raw_async(cast("Any", mistral.datasets.list))
        assert type(await mistral.datasets.list_async()).__name__ == "ListDatasetsResponse"

    asyncio.run(test())
