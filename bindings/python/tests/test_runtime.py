"""Threads, event loops, cancellation, signals and interpreter shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import COUNT, Canned, Silent, script
from mistral_datasets import Mistral, RetryPolicy, errors


async def count(mistral: Mistral) -> int:
    return (await mistral.datasets.list_async()).datasets.count


# Threads and event loops


def test_client_is_shared_between_threads(canned: Canned) -> None:
    with canned.client() as mistral, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(mistral.datasets.list) for _ in range(40)]
        assert [call.result().datasets.count for call in calls] == [3] * 40
    assert len(canned.requests) == 40


def test_blocking_calls_release_the_gil() -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.005)

    # The server runs on a thread of this process, and could not respond while the GIL is held.
    with Canned(200, COUNT, delay=0.3) as server, server.client() as mistral:
        thread = threading.Thread(target=tick)
        thread.start()
        mistral.datasets.list()
        done.set()
        thread.join()
    assert ticks > 10


def test_client_is_shared_between_consecutive_event_loops(canned: Canned) -> None:
    mistral = canned.client()
    for _ in range(3):
        assert asyncio.run(count(mistral)) == 3
    assert mistral.datasets.list().datasets.count == 3


def test_client_is_shared_between_event_loops_in_threads(canned: Canned) -> None:
    async def several(mistral: Mistral) -> list[int]:
        return await asyncio.gather(*(count(mistral) for _ in range(5)))

    with canned.client() as mistral, ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(lambda: asyncio.run(several(mistral))) for _ in range(4)]
        assert [call.result() for call in calls] == [[3] * 5] * 4


def test_async_calls_run_concurrently() -> None:
    async def several(mistral: Mistral) -> None:
        await asyncio.gather(*(count(mistral) for _ in range(8)))

    with Canned(200, COUNT, delay=0.2) as server, server.client() as mistral:
        began = time.monotonic()
        asyncio.run(several(mistral))
        assert time.monotonic() - began < 1


def test_coroutines_send_nothing_until_awaited(canned: Canned) -> None:
    mistral = canned.client()
    # Outside any event loop.
    call = mistral.datasets.list_async()
    assert asyncio.iscoroutine(call)
    call.close()
    assert canned.requests == []

    async def as_task() -> int:
        return (await asyncio.create_task(mistral.datasets.list_async())).datasets.count

    assert asyncio.run(as_task()) == 3
    assert asyncio.run(mistral.datasets.list_async()).datasets.count == 3


def test_missing_await_emits_a_warning(canned: Canned) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mistral = canned.client()
        mistral.datasets.list_async()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
        gc.collect()
    assert [str(each.message) for each in caught] == ["coroutine 'Datasets.list_async' was never awaited"]
    assert canned.requests == []


def test_coroutines_can_be_awaited_only_once(canned: Canned) -> None:
    async def await_twice(mistral: Mistral) -> None:
        call = mistral.datasets.list_async()
        await call
        await call

    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        asyncio.run(await_twice(canned.client()))


# Cancellation


def test_cancelling_a_task_cancels_its_call(silent: Silent) -> None:
    async def cancel(mistral: Mistral) -> None:
        task = asyncio.create_task(mistral.datasets.list_async())
        while not silent.received_request.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel(Mistral("k", server_url=silent.url)))
    assert silent.disconnected.wait(2)


def test_asyncio_timeout_cancels_the_call(silent: Silent) -> None:
    async def limited(mistral: Mistral) -> None:
        await asyncio.wait_for(mistral.datasets.list_async(), 0.3)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(limited(Mistral("k", server_url=silent.url)))
    assert silent.disconnected.wait(2)


def test_closing_an_event_loop_cancels_its_calls(silent: Silent) -> None:
    loop = asyncio.new_event_loop()
    mistral = Mistral("k", server_url=silent.url)
    call = mistral.datasets.list_async()
    task = loop.create_task(call)
    while not silent.received_request.is_set():
        loop.run_until_complete(asyncio.sleep(0.005))
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    loop.close()
    call.close()
    assert silent.disconnected.wait(2)


def test_response_for_a_closed_event_loop_is_dropped() -> None:
    with Canned(200, COUNT, delay=0.2) as server:
        script(
            """
            import asyncio, sys, time
            from mistral_datasets import Mistral
            loop = asyncio.new_event_loop()
            mistral = Mistral("k", server_url=sys.argv[1])
            task = loop.create_task(mistral.datasets.list_async())
            loop.run_until_complete(asyncio.sleep(0.1))
            task._log_destroy_pending = False
            loop.close()
            time.sleep(0.3)
            assert asyncio.run(mistral.datasets.list_async()).datasets.count == 3
            """,
            server.url,
        )


def test_interpreter_exits_during_a_call(silent: Silent) -> None:
    began = time.monotonic()
    script(
        """
        import sys, threading, time
        from mistral_datasets import Mistral
        mistral = Mistral("k", server_url=sys.argv[1])
        threading.Thread(target=mistral.datasets.list, daemon=True).start()
        time.sleep(0.3)
        """,
        silent.url,
    )
    assert time.monotonic() - began < 10
    assert silent.disconnected.wait(2)


def test_interpreter_exits_with_open_clients_and_downloads(tmp_path: Path) -> None:
    script(
        """
        import sys
        from mistral_datasets import Mistral
        on_disk, in_memory = Mistral.local(sys.argv[1]), Mistral.local()
        for mistral in (on_disk, in_memory):
            mistral.datasets.create(name="Refund requests", description="")
        file = in_memory.files.upload(file={"file_name": "a", "content": b"x" * 1_000_000})
        download = in_memory.files.download(file_id=file.id)
        """,
        str(tmp_path / "data"),
    )
    with Mistral.local(tmp_path / "data") as mistral:
        assert mistral.datasets.list().datasets.count == 1


def test_interpreter_exits_right_after_the_event_loop() -> None:
    # A worker thread may still be notifying the event loop; it must have finished before the interpreter shuts down.
    with Canned(200, COUNT) as server:
        for _ in range(10):
            script(
                """
                import asyncio, sys
                from mistral_datasets import Mistral
                async def main():
                    mistral = Mistral("k", server_url=sys.argv[1])
                    await asyncio.gather(*(mistral.datasets.list_async() for _ in range(5)))
                asyncio.run(main())
                """,
                server.url,
            )


def test_calls_in_atexit_handlers_do_not_hang() -> None:
    with Canned(200, COUNT) as server:
        result = script(
            """
            import asyncio, atexit, sys
            @atexit.register
            def last():
                print(mistral.datasets.list().datasets.count)
                try:
                    asyncio.run(mistral.datasets.list_async())
                except RuntimeError as error:
                    print(error)
            from mistral_datasets import Mistral
            mistral = Mistral("k", server_url=sys.argv[1])
            """,
            server.url,
        )
    assert result.stdout.startswith("3\nthe interpreter is shutting down")


# Signals


@pytest.mark.skipif(sys.platform == "win32", reason="requires POSIX signals")
def test_ctrl_c_interrupts_a_blocking_call(silent: Silent) -> None:
    interrupted_at = 0.0

    def interrupt() -> None:
        nonlocal interrupted_at
        silent.received_request.wait(10)
        interrupted_at = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        Mistral("k", server_url=silent.url).datasets.list()
    assert time.monotonic() - interrupted_at < 0.1
    thread.join()
    assert silent.disconnected.wait(2)


@pytest.mark.skipif(sys.platform == "win32", reason="requires POSIX signals")
def test_signal_handler_that_returns_does_not_interrupt_the_call() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    try:
        with Canned(200, COUNT, delay=0.3) as server, server.client() as mistral:
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            assert mistral.datasets.list().datasets.count == 3
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]


@pytest.mark.skipif(sys.platform == "win32", reason="requires POSIX signals")
def test_signal_interrupts_a_call_during_logging() -> None:
    # Every response and every retry is logged, which runs Python code on this thread.
    logger = logging.getLogger("mistral_datasets")
    logger.setLevel(logging.DEBUG)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with Canned(500) as server:
            for _ in range(10):
                # A new client each time, because the retry budget is limited.
                mistral = server.client(retries=RetryPolicy(99, first_delay=0.001, max_delay=0.004))
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                began = time.monotonic()
                with mistral, pytest.raises(KeyboardInterrupt):
                    mistral.datasets.list(timeout_ms=2_000)
                assert time.monotonic() - began < 0.5
            requests = len(server.requests)
            time.sleep(0.1)
            assert len(server.requests) <= requests + 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize(("raised", "interrupts"), [(KeyboardInterrupt, True), (SystemExit, True), (ValueError, False)])
def test_only_base_exceptions_of_log_handlers_interrupt_the_call(
    canned: Canned, raised: type[BaseException], interrupts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise raised

    ignored: list[type[BaseException]] = []

    def ignore(what: sys.UnraisableHookArgs) -> None:
        ignored.append(what.exc_type)

    monkeypatch.setattr(sys, "unraisablehook", ignore)
    logger = logging.getLogger("mistral_datasets")
    logger.setLevel(logging.DEBUG)
    handler = Raising()
    logger.addHandler(handler)
    try:
        with canned.client() as mistral:
            if interrupts:
                with pytest.raises(raised):
                    mistral.datasets.list()
            else:
                assert mistral.datasets.list().datasets.count == 3
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert ignored == ([] if interrupts else [raised])
    with canned.client() as mistral:
        assert mistral.datasets.list().datasets.count == 3


# Client life cycle


def test_datasets_is_the_same_object_as_in_the_official_sdk() -> None:
    with Mistral("k") as mistral:
        assert mistral.datasets is mistral.beta.observability.datasets
        assert mistral.files is mistral.files


def test_repr_contains_the_server_but_not_the_api_key() -> None:
    mistral = Mistral("the key", server_url="http://127.0.0.1:1/")
    assert repr(mistral) == "Mistral(server_url='http://127.0.0.1:1')"


def test_with_blocks_close_the_client() -> None:
    with Mistral.local() as blocking:
        url = blocking.server_url
    with pytest.raises(errors.ClosedError):
        blocking.datasets.list()
    with pytest.raises(errors.ConnectionError):
        Mistral("k", server_url=url, retries=0).datasets.list()

    async def block() -> Mistral:
        async with Mistral.local() as mistral:
            await mistral.datasets.list_async()
        await mistral.close_async()
        return mistral

    closed = asyncio.run(block())
    with pytest.raises(errors.ClosedError):
        closed.datasets.list()
    closed.close()


def test_local_server_stops_when_its_last_client_is_dropped() -> None:
    mistral = Mistral.local()
    url = mistral.server_url
    datasets = mistral.datasets
    reference = weakref.ref(mistral)
    del mistral
    gc.collect()
    assert reference() is None
    assert datasets.list().datasets.count == 0, "a resource keeps the server running"
    del datasets
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            Mistral("k", server_url=url, retries=0).datasets.list()
        except errors.ConnectionError:
            return
        except errors.AuthenticationError:
            time.sleep(0.02)
    pytest.fail("the server is still running")


def test_user_agent(canned: Canned) -> None:
    canned.client().datasets.list()
    agent = canned.requests[0][1]["user-agent"]
    python = f"python/{sys.version_info.major}.{sys.version_info.minor}"
    assert agent.startswith("mistral-datasets-python/")
    assert f" {python} mistral-datasets/" in agent
