"""Pickling and copying of clients and retry policies."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import Canned, script
from mistral_datasets import Mistral, RetryPolicy, errors


def test_pickled_client_reads_its_api_key_from_the_environment(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    mistral = Mistral(
        "the secret key",
        server_url=canned.url,
        retries=RetryPolicy(1, first_delay=0.1),
        headers={"X-Team": "blue"},
        timeout_ms=5000,
    ).with_options(headers={"X-Job": "1"})
    pickled = pickle.dumps(mistral)
    assert b"secret" not in pickled
    monkeypatch.setenv("MISTRAL_API_KEY", "the other key")
    restored = pickle.loads(pickled)
    assert repr(restored) == repr(mistral)
    assert restored.datasets.list().datasets.count == 3
    headers = canned.requests[0][1]
    assert (headers["authorization"], headers["x-team"], headers["x-job"]) == ("Bearer the other key", "blue", "1")


def test_copied_client_keeps_its_api_key(canned: Canned) -> None:
    mistral = canned.client()
    for client in (copy.copy(mistral), copy.deepcopy({"client": mistral})["client"]):
        assert client.datasets.list().datasets.count == 3


def test_unpickling_requires_an_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps(Mistral("the secret key"))
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with pytest.raises(errors.ConfigurationError, match="pickled without its API key; set MISTRAL_API_KEY"):
        pickle.loads(pickled)
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    pickled = pickle.dumps(Mistral())
    monkeypatch.delenv("MISTRAL_API_KEY")
    with pytest.raises(errors.ConfigurationError, match="no API key"):
        pickle.loads(pickled)


def test_pickled_client_keeps_its_server_url(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    monkeypatch.setenv("MISTRAL_SERVER_URL", canned.url)
    pickled = pickle.dumps(Mistral())
    monkeypatch.delenv("MISTRAL_SERVER_URL")
    assert pickle.loads(pickled).server_url == canned.url


def test_client_of_a_local_server_cannot_be_pickled() -> None:
    with Mistral.local() as mistral, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(mistral)


@pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX process start")
def test_spawned_processes_unpickle_the_client(canned: Canned, tmp_path: Path) -> None:
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
    result = script(
        f"import runpy, sys; sys.argv[0] = {str(program)!r}; runpy.run_path(sys.argv[0], run_name='__main__')",
        canned.url,
    )
    assert result.stdout.strip() == "12"


def test_retry_policies_can_be_compared_and_pickled() -> None:
    retries = RetryPolicy(7, first_delay=0.25, max_delay=30, max_retry_after=5, retry_unavailable_writes=False)
    assert (retries.max_retries, retries.first_delay, retries.max_delay, retries.max_retry_after) == (7, 0.25, 30, 5)
    assert retries.retry_unavailable_writes is False
    assert (
        repr(retries)
        == "RetryPolicy(7, first_delay=0.25, max_delay=30.0, max_retry_after=5.0, retry_unavailable_writes=False)"
    )
    assert pickle.loads(pickle.dumps(retries)) == retries
    assert {retries, pickle.loads(pickle.dumps(retries))} == {retries}
    assert RetryPolicy() != RetryPolicy(7)
    frozen: Any = retries
    with pytest.raises(AttributeError):
        frozen.max_retries = 3
