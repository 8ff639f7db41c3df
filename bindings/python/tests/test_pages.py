"""Pages and list responses are sequences of their items."""

from __future__ import annotations

import json

import pytest

from mistral_datasets import Mistral, models
from test_models import DATASET, FILE, RECORD, TASK, page

ITEMS = [
    models.DatasetPage.from_json(json.dumps(page(DATASET, DATASET))),
    models.RecordPage.from_json(json.dumps(page(RECORD, RECORD))),
    models.TaskPage.from_json(json.dumps(page(TASK, TASK))),
    models.ListDatasetsResponse.from_json(json.dumps({"datasets": page(DATASET, DATASET)})),
    models.ListRecordsResponse.from_json(json.dumps({"records": page(RECORD, RECORD)})),
    models.ListTasksResponse.from_json(json.dumps({"tasks": page(TASK, TASK)})),
    models.ListFilesResponse.from_json(json.dumps({"data": [FILE, FILE], "object": "list"})),
]


@pytest.mark.parametrize("response", ITEMS, ids=lambda response: type(response).__name__)
def test_responses_are_sequences_of_their_items(response: models.ListRecordsResponse) -> None:
    items = list(response)
    assert len(response) == len(items) == 2
    assert response[0] is items[0]
    assert response[-1] is items[1]
    assert response[:1] == items[:1]
    assert list(reversed(response)) == items[::-1]
    assert items[0] in response
    first, second = response
    assert (first, second) == tuple(items)
    with pytest.raises(IndexError):
        response[2]
    with pytest.raises(TypeError):
        response["results"]  # type: ignore[call-overload]


def test_items_are_those_of_results() -> None:
    response = models.ListRecordsResponse.from_json(json.dumps({"records": page(RECORD)}))
    assert response[0] is response.records[0] is response.records.results[0]
    response.records.results.clear()
    assert len(response) == len(response.records) == 0


def test_empty_pages_are_true_like_every_response() -> None:
    # Code written for the official SDK, whose responses have no length, tests whether there is a response.
    response = models.ListRecordsResponse.from_json(json.dumps({"records": page()}))
    assert (len(response), len(response.records)) == (0, 0)
    assert response
    assert response.records


def test_other_responses_have_no_length() -> None:
    dataset = models.Dataset.from_json(json.dumps(DATASET))
    assert not hasattr(dataset, "__len__")
    with pytest.raises(TypeError):
        iter(dataset)  # type: ignore[call-overload]


def test_pages_of_the_server() -> None:
    with Mistral.local() as mistral:
        dataset = mistral.datasets.create(name="Refund requests", description="")
        assert list(mistral.datasets.list_records(dataset_id=dataset.id)) == []
        mistral.datasets.create_records(dataset.id, ({"messages": [], "n": n} for n in range(5)), concurrency=1)
        response = mistral.datasets.list_records(dataset_id=dataset.id, page_size=3)
        assert [record.payload["n"] for record in response] == [0, 1, 2]
        assert (len(response), response.records.count) == (3, 5)
        assert [each.id for each in mistral.datasets.list()] == [dataset.id]
        (first, last) = mistral.datasets.iter_records(dataset.id, page_size=3).pages()
        assert (len(first), len(last)) == (3, 2)
        assert [record.payload.n for record in last] == [3, 4]
        assert last[-1].payload.n == 4
        # A page is an iterable of records, which can be copied.
        copy = mistral.datasets.create(name="A copy", description="")
        assert mistral.datasets.create_records(copy.id, response).created == 3
        assert mistral.datasets.create_records(copy.id, response.records).created == 3
