"""Clients in forked children."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import Canned, script

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="requires os.fork")


def test_forked_child_opens_its_own_connections(canned: Canned) -> None:
    result = script(
        """
        import asyncio, os, sys
        from mistral_datasets import Mistral, errors
        mistral = Mistral("k", server_url=sys.argv[1])
        datasets = mistral.datasets
        print(datasets.list().datasets.count, flush=True)
        for generation in range(2):
            child = os.fork()
            if child == 0:
                print(datasets.list().datasets.count, flush=True)
                print(asyncio.run(mistral.beta.observability.datasets.list_async()).datasets.count, flush=True)
                continue
            assert os.waitpid(child, 0)[1] == 0
            print(datasets.list().datasets.count, flush=True)
            break
        """,
        canned.url,
    )
    assert result.stdout.split() == ["3"] * 7
    assert len(canned.requests) == 7


def test_multiprocessing_workers_use_the_parents_client(canned: Canned) -> None:
    result = script(
        """
        import multiprocessing, sys
        from mistral_datasets import Mistral
        mistral = Mistral("k", server_url=sys.argv[1])
        mistral.datasets.list()
        def work(_):
            return mistral.datasets.list().datasets.count
        with multiprocessing.get_context("fork").Pool(3) as pool:
            print(sum(pool.map(work, range(9))))
        """,
        canned.url,
    )
    assert result.stdout.strip() == "27"


def test_forked_child_keeps_options_from_the_environment(canned: Canned) -> None:
    result = script(
        """
        import os, sys
        os.environ["MISTRAL_API_KEY"] = "the key"
        os.environ["MISTRAL_SERVER_URL"] = sys.argv[1]
        from mistral_datasets import Mistral
        mistral = Mistral()
        patient = mistral.with_options(headers={"X-Team": "blue"})
        del os.environ["MISTRAL_API_KEY"], os.environ["MISTRAL_SERVER_URL"]
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
        # Sequentially, because unbuffered output of two processes would interleave.
        print(mistral.datasets.list().datasets.count, patient.datasets.list().datasets.count, flush=True)
        """,
        canned.url,
    )
    assert result.stdout.split() == ["3"] * 4
    assert {headers["authorization"] for _, headers, _ in canned.requests} == {"Bearer the key"}
    assert sorted(headers.get("x-team", "") for _, headers, _ in canned.requests) == ["", "", "blue", "blue"]


def test_prefork_workers_use_the_parents_client(canned: Canned) -> None:
    """As with gunicorn, the program is loaded before the fork, and workers are replaced when they exit."""
    result = script(
        """
        import asyncio, os, sys, threading
        from mistral_datasets import Mistral
        mistral = Mistral("k", server_url=sys.argv[1])
        mistral.datasets.list()
        pager = mistral.datasets.iter()
        def work():
            threads = [threading.Thread(target=mistral.datasets.list) for _ in range(3)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            assert list(pager) == []
            assert asyncio.run(mistral.datasets.list_async()).datasets.count == 3
        for generation in range(2):
            workers = []
            for _ in range(3):
                worker = os.fork()
                if worker == 0:
                    work()
                    sys.exit(0)
                workers.append(worker)
            for worker in workers:
                assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 0
            mistral.datasets.list()
        print("done")
        """,
        canned.url,
    )
    assert result.stdout.strip() == "done"


def test_iterators_cannot_be_used_after_a_fork() -> None:
    script(
        """
        import os, sys
        from mistral_datasets import Mistral, errors
        with Mistral.local() as mistral:
            dataset = mistral.datasets.create(name="Refund requests", description="")
            mistral.datasets.create_records(dataset.id, [{"messages": []}] * 5)
            loop = iter(mistral.datasets.iter_records(dataset.id, page_size=1))
            next(loop)
            child = os.fork()
            if child == 0:
                try:
                    next(loop)
                except errors.ConfigurationError as error:
                    assert "fork" in error.message
                    os._exit(0)
                os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            assert len(list(loop)) == 4
        """
    )


def test_local_server_cannot_be_used_after_a_fork(tmp_path: Path) -> None:
    script(
        """
        import os, sys
        from mistral_datasets import Mistral, errors
        mistral = Mistral.local(sys.argv[1])
        dataset = mistral.datasets.create(name="Refund requests", description="")
        file = mistral.files.upload(file={"file_name": "a", "content": b"x" * 1_000_000})
        download = mistral.files.download(file_id=file.id)
        child = os.fork()
        if child == 0:
            for call in (mistral.datasets.list, download.read):
                try:
                    call()
                except errors.ConfigurationError as error:
                    assert "fork" in error.message, mistral
                else:
                    raise AssertionError
            with Mistral.local() as own:
                assert own.datasets.list().datasets.count == 0
            del mistral, download
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert mistral.datasets.fetch(dataset_id=dataset.id) == dataset
        assert len(download.read()) == 1_000_000
        mistral.close()
        """,
        str(tmp_path / "data"),
    )


def test_closed_client_stays_closed_in_forked_child(canned: Canned) -> None:
    script(
        """
        import os, sys
        from mistral_datasets import Mistral, errors
        mistral = Mistral("k", server_url=sys.argv[1])
        mistral.close()
        child = os.fork()
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        try:
            mistral.datasets.list()
        except errors.ClosedError:
            sys.exit(0)
        """,
        canned.url,
    )
    assert canned.requests == []


def test_forked_child_exits_at_once_while_its_parent_makes_async_calls(canned: Canned) -> None:
    """The child has none of the threads that run the calls, so it must not wait for them."""
    result = script(
        """
        import asyncio, os, sys, time
        from mistral_datasets import Mistral
        mistral = Mistral("k", server_url=sys.argv[1], retries=0)
        async def repeat():
            while True:
                await mistral.datasets.list_async()
        async def main():
            calls = [asyncio.create_task(repeat()) for _ in range(16)]
            slowest = 0
            for _ in range(20):
                await asyncio.sleep(0.02)
                child = os.fork()
                if child == 0:
                    # Exits as `sys.exit` does, but without ending the event loop.
                    import atexit
                    started = time.monotonic()
                    atexit._run_exitfuncs()
                    os._exit(time.monotonic() - started > 1)
                slowest = max(slowest, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            print(slowest)
        asyncio.run(main())
        """,
        canned.url,
    )
    assert result.stdout.strip() == "0"
