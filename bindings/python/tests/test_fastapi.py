"""Responses of this package as responses of a FastAPI application."""

from __future__ import annotations

from typing import Any

import fastapi
from fastapi.testclient import TestClient
from test_models import DATASET, RECORD, page

from mistral_datasets import Mistral
from mistral_datasets.enums import TaskStatus
from mistral_datasets.models import ConversationPayload, Dataset, DatasetRecord, ListRecordsResponse

app = fastapi.FastAPI()


@app.get("/record")
def get_record() -> DatasetRecord:
    return DatasetRecord.from_dict(RECORD)


@app.get("/records")
def get_records() -> ListRecordsResponse:
    return ListRecordsResponse.from_dict({"records": page(RECORD)})


@app.get("/datasets", response_model=list[Dataset])
def get_datasets() -> list[dict[str, Any]]:
    return [DATASET]


@app.get("/payload")
def get_payload() -> ConversationPayload:
    return DatasetRecord.from_dict(RECORD).payload


@app.post("/payload")
def post_payload(payload: ConversationPayload, status: TaskStatus = TaskStatus.RUNNING) -> dict[str, Any]:
    return {"kind": type(payload).__name__, "count": len(payload["messages"]), "status": status}


client = TestClient(app)


def test_responses() -> None:
    assert client.get("/record").json() == RECORD
    assert client.get("/records").json() == {"records": page(RECORD)}
    assert client.get("/datasets").json() == [DATASET]
    assert client.get("/payload").json() == RECORD["payload"]


def test_requests() -> None:
    response = client.post("/payload", params={"status": "PAUSED"}, json={"messages": [{"role": "user"}]})
    assert response.json() == {"kind": "ConversationPayload", "count": 1, "status": "PAUSED"}
    assert client.post("/payload", json=[]).status_code == 422


def test_the_documentation_describes_them() -> None:
    document = client.get("/openapi.json").json()
    schema = document["paths"]["/record"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert "payload" in schema["properties"]


def test_records_of_a_server() -> None:
    with Mistral.local() as mistral:
        dataset = mistral.datasets.create(name="A name", description="")
        mistral.datasets.create_record(dataset_id=dataset.id, payload={"messages": []}, properties={})
        local = fastapi.FastAPI()

        @local.get("/")
        def read() -> ListRecordsResponse:
            return mistral.datasets.list_records(dataset_id=dataset.id)

        assert TestClient(local).get("/").json()["records"]["count"] == 1
