"""Behaviour cases: the embedded server.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import Api, error_of
from mistral_datasets import Mistral, errors


async def test_local_server_in_memory(style: str) -> None:
    api = Api(style, Mistral.local())
    dataset = await api.dataset()
    await api.record(dataset, "hello")
    assert len(await api.records(dataset)) == 1
    url = api.mistral.server_url
    await api.close()
    await api.close()
    assert isinstance(await error_of(api.datasets.list), errors.ClosedError)
    other = api.with_client(Mistral("k", server_url=url))
    assert isinstance(await error_of(other.datasets.list), errors.ConnectionError)


async def test_local_server_on_disk(style: str, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    api = Api(style, Mistral.local(directory))
    dataset = await api.dataset()
    with pytest.raises(errors.ConfigurationError):
        Mistral.local(str(directory))
    await api.close()
    api = Api(style, Mistral.local(str(directory)))
    assert await api.datasets.fetch(dataset_id=dataset.id) == dataset
    await api.close()
