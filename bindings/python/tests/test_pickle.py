"""Clients as their configuration, without the key."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import Canned, script
from mistral_datasets import Mistral, RetryPolicy, errors


def test_a_pickled_client_takes_its_key_from_the_environment(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    mistral = Mistral(
        "the secret key",
        server_url=canned.url,
        retries=RetryPolicy(2, first_delay=0.1),
        headers={"X-Team": "blue"},
        timeout_ms=5000,
    ).with_options(headers={"X-Job": "1"})
    kept = pickle.dumps(mistral)
    assert b"secret" not in kept
    monkeypatch.setenv("MISTRAL_API_KEY", "the other key")
    twin = pickle.loads(kept)
    assert repr(twin) == repr(mistral)
    assert twin.datasets.list().datasets.count == 3
    headers = canned.requests[0][1]
    assert (headers["authorization"], headers["x-team"], headers["x-job"]) == ("Bearer the other key", "blue", "1")


def test_a_copied_client_keeps_its_key(canned: Canned) -> None:
    mistral = canned.client()
    for twin in (copy.copy(mistral), copy.deepcopy({"client": mistral})["client"]):
        assert twin.datasets.list().datasets.count == 3


def test_a_client_whose_key_was_given_needs_one_where_it_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = pickle.dumps(Mistral("the secret key"))
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(errors.ConfigurationError, match="pickled without it; set MISTRAL_API_KEY"):
        pickle.loads(kept)
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    kept = pickle.dumps(Mistral())
    monkeypatch.delenv("MISTRAL_API_KEY")
    with pytest.raises(errors.ConfigurationError, match="no API key"):
        pickle.loads(kept)


def test_the_server_of_the_environment_goes_along(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    monkeypatch.setenv("MISTRAL_SERVER_URL", canned.url)
    kept = pickle.dumps(Mistral())
    monkeypatch.delenv("MISTRAL_SERVER_URL")
    assert pickle.loads(kept).server_url == canned.url


def test_a_local_client_stays_where_it_is() -> None:
    with Mistral.local() as mistral, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(mistral)


@pytest.mark.skipif(sys.platform == "win32", reason="programs are started otherwise there")
def test_a_process_that_is_spawned_gets_the_client(canned: Canned, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, os, sys\n"
        "from mistral_datasets import Mistral\n"
        "def count(mistral):\n"
        "    return mistral.datasets.list().datasets.count\n"
        "if __name__ == '__main__':\n"
        "    os.environ['MISTRAL_API_KEY'] = 'k'\n"
        "    mistral = Mistral(server_url=sys.argv[1])\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(sum(pool.map(count, [mistral] * 4)))\n"
    )
    done = script(
        f"import runpy, sys; sys.argv[0] = {str(program)!r}; runpy.run_path(sys.argv[0], run_name='__main__')",
        canned.url,
    )
    assert done.stdout.strip() == "12"


def test_retries_can_be_compared_and_kept() -> None:
    retries = RetryPolicy(8, first_delay=0.25, max_delay=30, max_retry_after=5)
    assert (retries.max_attempts, retries.first_delay, retries.max_delay, retries.max_retry_after) == (8, 0.25, 30, 5)
    assert repr(retries) == "RetryPolicy(8, first_delay=0.25, max_delay=30.0, max_retry_after=5.0)"
    assert pickle.loads(pickle.dumps(retries)) == retries
    assert {retries, RetryPolicy(8, first_delay=0.25, max_delay=30, max_retry_after=5)} == {retries}
    assert RetryPolicy() != RetryPolicy(8)
    frozen: Any = retries
    with pytest.raises(AttributeError):
        frozen.max_attempts = 3
