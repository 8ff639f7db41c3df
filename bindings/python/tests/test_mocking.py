"""Methods of clients and resources can be replaced in tests of programs that use the package."""

from __future__ import annotations

import inspect
from unittest import mock

import pytest

from harness import UNREACHABLE
from mistral_datasets import Mistral
from mistral_datasets.resources import Datasets, Files, Records


@pytest.fixture
def mistral() -> Mistral:
    return Mistral("k", server_url=UNREACHABLE, max_retries=0)


def names(cls: type[object]) -> list[str]:
    return [name for name in dir(cls) if not name.startswith("_") and inspect.isfunction(getattr(cls, name))]


def test_every_method_of_a_client_can_be_patched(mistral: Mistral) -> None:
    for resource in (mistral.datasets, mistral.files, mistral.datasets.records):
        assert len(names(type(resource))) > 10
        for name in names(type(resource)):
            with mock.patch.object(resource, name, return_value=name):
                pass
            with mock.patch.object(resource, name, autospec=True) as replaced:
                assert hasattr(replaced, "assert_awaited") == name.endswith("_async")
            with mock.patch.object(type(resource), name, autospec=True):
                pass


def test_patched_methods_are_called(mistral: Mistral, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(dataset_id: str) -> str:
        return f"fetched {dataset_id}"

    monkeypatch.setattr(mistral.datasets, "fetch", fetch)
    assert mistral.datasets.fetch("d") == "fetched d"
    assert mistral.beta.observability.datasets.fetch("d") == "fetched d"
    monkeypatch.setattr(mistral.datasets.records, "fetch", fetch)
    assert mistral.datasets.records.fetch("r") == "fetched r"
    with mock.patch.object(Datasets, "list", return_value="a page"):
        assert mistral.datasets.list() == "a page"
    monkeypatch.setattr(mistral, "files", mock.create_autospec(Files, instance=True))
    mistral.files.list(page=1)
    with pytest.raises(TypeError, match="missing a required argument: 'file_id'"):
        mistral.files.retrieve()  # type: ignore[call-arg]


async def check_autospec(datasets: Datasets) -> None:
    await datasets.list_async(page=1)
    await datasets.create_records_async("d", [])


def test_autospec_checks_arguments_and_awaits_async_methods() -> None:
    datasets = mock.create_autospec(Datasets, instance=True)
    assert isinstance(datasets.list_async, mock.AsyncMock)
    assert not isinstance(datasets.list, mock.AsyncMock)
    coroutine = check_autospec(datasets)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    datasets.list_async.assert_awaited_once_with(page=1)
    with pytest.raises(TypeError, match="too many positional arguments"):
        datasets.list(1)
    with pytest.raises(TypeError, match="missing a required argument: 'dataset_record_id'"):
        mock.create_autospec(Records, instance=True).fetch()


def test_autospec_of_a_client_has_its_resources() -> None:
    mistral = mock.create_autospec(Mistral, instance=True)
    mistral.datasets.fetch.return_value = "a dataset"
    assert mistral.datasets.fetch(dataset_id="d") == "a dataset"
    mistral.datasets.records.fetch(dataset_record_id="r")
    mock.create_autospec(Datasets, instance=True).records.fetch(dataset_record_id="r")


def test_resources_can_be_assigned_and_restored(mistral: Mistral) -> None:
    datasets = mistral.datasets
    assert mistral.datasets is datasets
    with mock.patch.object(mistral, "datasets") as replaced:
        assert mistral.datasets is replaced
    assert mistral.datasets is datasets
    with mock.patch.object(mistral, "files") as replaced:
        assert mistral.files is replaced
    assert isinstance(mistral.files, Files)
    fresh = Mistral("k", server_url=UNREACHABLE)
    with pytest.raises(AttributeError, match="datasets"):
        del fresh.datasets
