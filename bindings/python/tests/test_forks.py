"""What is left of a client in a forked child."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import Canned, script

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_a_forked_child_has_connections_of_its_own(canned: Canned) -> None:
    done = script(
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
    assert done.stdout.split() == ["3"] * 7
    assert len(canned.requests) == 7


def test_processes_of_multiprocessing_use_the_client_of_their_parent(canned: Canned) -> None:
    done = script(
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
    assert done.stdout.strip() == "27"


def test_a_local_server_stays_with_its_process(tmp_path: Path) -> None:
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


def test_a_closed_client_is_closed_in_a_child_too(canned: Canned) -> None:
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
