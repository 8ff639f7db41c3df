"""What programs written for the official SDK use beside its methods, and the code blocks of `docs/migrating.md`.

`tests/official/python/test_drop_in.py` tests the same with objects of the official SDK.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import re
from typing import Any

import pytest
from test_models import DATASET, RECORD, SAMPLES, page

from harness import ROOT, UNREACHABLE, Canned
from mistral_datasets import Mistral, models

GUIDE = (ROOT / "docs" / "migrating.md").read_text("utf-8")
BLOCKS: list[str] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


class BackoffStrategy:
    """As in `mistralai.utils`."""

    initial_interval, max_interval, exponent, max_elapsed_time = 10, 20, 1.1, 60_000


class RetryConfig:
    """As in `mistralai.utils`."""

    strategy, backoff, retry_connection_errors = "backoff", BackoffStrategy(), False


def test_the_first_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(BLOCKS[0], {})
    assert "'name': 'Refund requests'" in capsys.readouterr().out


def test_both_ways_of_reading_everything_read_the_same() -> None:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    exec(BLOCKS[1], before)
    exec(BLOCKS[2], after)
    with Mistral.local() as mistral:
        dataset = mistral.datasets.create(name="Refund requests", description="")
        payloads = [{"messages": [{"role": "user", "content": f"Question {n}"}]} for n in range(250)]
        mistral.datasets.create_records(dataset.id, payloads)
        first = asyncio.run(before["read_all"](mistral, dataset.id))
        second = asyncio.run(after["read_all"](mistral, dataset.id))
    assert first == second
    assert len(first) == 250
    assert json.loads(json.dumps(second)) == first
    assert sorted(json.dumps(payload) for payload in second) == sorted(json.dumps(payload) for payload in payloads)


@pytest.mark.parametrize("name", SAMPLES)
def test_dumps_of_every_class(name: str) -> None:
    model = getattr(models, name).from_dict(SAMPLES[name])
    assert model.model_dump(mode="json") == json.loads(model.model_dump_json()) == SAMPLES[name]
    assert json.loads(model.model_dump_json(indent=2)) == SAMPLES[name]
    assert getattr(models, name).model_validate(model.model_dump()) == model


def test_dumps_contain_objects_unless_json_is_wanted() -> None:
    response = models.ListRecordsResponse.from_dict({"records": page(RECORD)})
    (record,) = response.model_dump()["records"]["results"]
    assert record["created_at"] == response[0].created_at
    assert type(record["created_at"]) is datetime.datetime
    assert record["deleted_at"] is None
    assert type(record["payload"]) is dict
    record["payload"]["messages"].clear()
    record["properties"].clear()
    assert response.to_dict()["records"]["results"] == [RECORD], "a dump is a copy"


def test_arguments_of_dumps() -> None:
    record = models.DatasetRecord.from_dict({**RECORD, "properties": {"a": None}})
    assert record.model_dump(include={"id", "source"}) == {"id": record.id, "source": "EXPLORER"}
    assert set(record.to_dict()) - set(record.model_dump(exclude=["id", "payload"])) == {"id", "payload"}
    without_none = record.model_dump(exclude_none=True, by_alias=True)
    assert "deleted_at" not in without_none
    assert without_none["properties"] == {"a": None}, "a value of the program is not left out"
    response = models.ListRecordsResponse.from_dict({"records": page(RECORD)})
    assert "previous" not in response.model_dump(exclude_none=True)["records"]
    assert "deleted_at" not in response.model_dump_json(exclude_none=True)
    wrong: Any = record
    with pytest.raises(TypeError, match="exclude_unset"):
        wrong.model_dump(exclude_unset=True)
    with pytest.raises(TypeError, match="include: expected a set of field names, found dict"):
        wrong.model_dump(include={"payload": {"messages"}})
    with pytest.raises(ValueError, match="mode: expected 'python' or 'json', found 'xml'"):
        wrong.model_dump(mode="xml")
    assert record.payload.model_dump() == RECORD["payload"]
    assert models.ConversationPayload.from_dict({"messages": [], "a": None}).model_dump(exclude_none=True) == {
        "messages": []
    }


def test_retry_configs_and_aliases() -> None:
    with Canned(503, "{}") as server:
        client = Mistral(
            api_key="k", server_url=server.url, retries=RetryConfig(), timeout_ms=5000, http_headers={"x-team": "blue"}
        )
        with pytest.raises(Exception, match="503"):
            client.with_options(max_retries=2).datasets.list()
        assert len(server.requests) == 3
        assert {headers["x-team"] for _, headers, _ in server.requests} == {"blue"}


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        ("server", "server_url"),
        ("client", "proxy"),
        ("async_client", "proxy"),
        ("debug_logger", 'logging.getLogger("mistral_datasets")'),
        ("retry_config", "retries"),
        ("url_params", "server_url"),
    ],
)
def test_unsupported_arguments_name_their_replacement(argument: str, remedy: str) -> None:
    arguments: dict[str, Any] = {argument: object()}
    with pytest.raises(TypeError, match=f"{argument}.*{re.escape(remedy)}"):
        Mistral("k", server_url=UNREACHABLE, **arguments)
    assert f"{argument}=" in GUIDE


def test_other_arguments_are_unexpected() -> None:
    wrong: Any = Mistral
    with pytest.raises(TypeError, match=r"Mistral\(\) got an unexpected keyword argument 'serverurl'"):
        wrong("k", serverurl="u")
    with pytest.raises(TypeError, match=r"api_key: expected str, found a function; call it"):
        wrong(lambda: "k")


def test_a_dataset_of_the_official_guide() -> None:
    dataset = models.Dataset.model_validate(DATASET)
    assert dataset.model_dump()["name"] == "N"
    with pytest.raises(AttributeError):
        dataset.name = "other"  # type: ignore[misc]


def test_dumps_of_payloads() -> None:
    payload = models.ConversationPayload.from_json('{"messages": [], "n": 1.00, "x": null}')
    assert payload.model_dump(mode="json", by_alias=True) == {"messages": [], "n": 1.0, "x": None}
    assert payload.model_dump(include={"n"}) == payload.model_dump(exclude={"messages", "x"}) == {"n": 1.0}
    assert payload.model_dump_json() == payload.to_json()
    assert payload.model_dump_json(exclude_none=True) == '{"messages":[],"n":1.0}'
    assert payload.model_dump_json(indent=1, include=["n"]) == '{\n "n": 1.0\n}'
