"""Behaviour cases: datasets.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import datetime
from uuid import uuid4

from harness import UNREACHABLE, Api, error_of
from mistral_datasets import Mistral, errors


def unreachable(style: str) -> Api:
    """Returns a client of a port on which no server listens."""
    return Api(style, Mistral("a key", server_url=UNREACHABLE, retries=0))


async def test_create_dataset(api: Api) -> None:
    created = await api.datasets.create(name="Refund requests", description="About refunds")
    assert (created.name, created.description) == ("Refund requests", "About refunds")
    assert created.created_at == created.updated_at
    assert created.created_at.tzinfo is datetime.timezone.utc
    assert created.deleted_at is None
    assert all(len(text) == 36 for text in (created.id, created.owner_id, created.workspace_id))


async def test_create_dataset_checks_limits_before_sending(style: str) -> None:
    api = unreachable(style)
    for name, description, expected in [
        ("abcd", "", "name: expected 5 to 50 characters, found 4"),
        ("x" * 51, "", "name: expected 5 to 50 characters, found 51"),
        ("A name", "d" * 201, "description: expected at most 200 characters, found 201"),
    ]:
        error = await error_of(api.datasets.create, name=name, description=description)
        assert isinstance(error, errors.ValidationError)
        assert (error.message, error.error_code, error.status) == (expected, "VALIDATION_ERROR", None)


async def test_create_dataset_counts_characters_not_bytes(api: Api) -> None:
    name = "😀" * 50
    assert (await api.datasets.create(name=name, description="")).name == name


async def test_fetch_dataset(api: Api) -> None:
    created = await api.dataset()
    fetched = await api.datasets.fetch(dataset_id=created.id)
    assert fetched == created
    assert fetched is not created


async def test_fetch_dataset_by_slug(api: Api) -> None:
    created = await api.dataset()
    assert created.slug is not None
    assert await api.datasets.fetch(dataset_id=created.slug) == created


async def test_fetch_unknown_dataset(api: Api) -> None:
    error = await error_of(api.datasets.fetch, dataset_id=uuid4())
    assert isinstance(error, errors.NotFoundError)
    assert (error.status, error.error_code, error.operation) == (404, "DATASET_NOT_FOUND", "fetch_dataset")
    assert error.request_id
    assert not error.retryable


async def test_update_dataset(api: Api) -> None:
    created = await api.dataset()
    updated = await api.datasets.update(dataset_id=created.id, name="Returned goods", description="Something else")
    assert (updated.name, updated.description) == ("Returned goods", "Something else")
    assert (updated.id, updated.created_at) == (created.id, created.created_at)
    assert updated.updated_at > created.updated_at
    assert await api.datasets.fetch(dataset_id=created.id) == updated


async def test_update_dataset_keeps_omitted_fields(api: Api) -> None:
    created = await api.dataset()
    updated = await api.datasets.update(dataset_id=created.id, name="Returned goods")
    assert updated.description == created.description
    updated = await api.datasets.update(dataset_id=created.id, name=None, description="Something else")
    assert (updated.name, updated.description) == ("Returned goods", "Something else")


async def test_delete_dataset(api: Api) -> None:
    dataset = await api.dataset()
    record = await api.record(dataset, "hello")
    assert await api.datasets.delete(dataset_id=dataset.id) is None
    for call in (api.datasets.fetch, api.datasets.list_records, api.datasets.delete):
        error = await error_of(call, dataset_id=dataset.id)
        assert error.error_code == "DATASET_NOT_FOUND"
    error = await error_of(api.datasets.records.fetch, dataset_record_id=record.id)
    assert error.error_code == "DATASET_RECORD_NOT_FOUND"
    assert (await api.datasets.list()).datasets.count == 0


async def test_list_datasets_newest_first(api: Api) -> None:
    for name in ("first", "second", "third"):
        await api.dataset(name)
    page = (await api.datasets.list()).datasets
    assert [dataset.name for dataset in page.results] == ["third", "second", "first"]


async def test_list_datasets_in_pages(api: Api) -> None:
    for name in ("first", "second", "third"):
        await api.dataset(name)
    first = (await api.datasets.list(page_size=2)).datasets
    assert (first.count, len(first.results), first.previous) == (3, 2, None)
    assert first.next.startswith(api.mistral.server_url)
    second = (await api.datasets.list(page_size=2, page=2)).datasets
    assert (second.count, [dataset.name for dataset in second.results], second.next) == (3, ["first"], None)
    assert second.previous
    assert (await api.datasets.list(page_size=2, page=3)).datasets.results == []


async def test_list_datasets_by_query(api: Api) -> None:
    await api.datasets.create(name="Ärger am Schalter", description="")
    await api.datasets.create(name="Something else", description="with ÄRGER in it")
    await api.datasets.create(name="100% unrelated", description="")
    for text, count in [("ärger", 2), ("SCHALTER", 1), ("%", 1), ("nowhere", 0)]:
        assert (await api.datasets.list(q=text)).datasets.count == count, text


async def test_list_datasets_count_only(api: Api) -> None:
    await api.dataset()
    page = (await api.datasets.list(page_size=0)).datasets
    assert (page.count, page.results) == (1, [])


async def test_list_rejects_page_sizes_out_of_range(style: str) -> None:
    api = unreachable(style)
    for page_size, page, expected in [
        (101, 1, "page_size: expected 0 to 100, found 101"),
        (-1, 1, "page_size: expected 0 to 100, found -1"),
        (1, 0, "page: expected at least 1, found 0"),
    ]:
        for call, more in (
            (api.datasets.list, {}),
            (api.datasets.list_records, {"dataset_id": "x"}),
            (api.datasets.list_tasks, {"dataset_id": "x"}),
        ):
            error = await error_of(call, page_size=page_size, page=page, **more)
            assert isinstance(error, errors.ValidationError)
            assert error.message == expected
