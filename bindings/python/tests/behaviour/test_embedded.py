"""Behaviour cases: the embedded server.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness import Api, Canned, error_of
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


async def test_local_server_with_a_judge(style: str) -> None:
    content = json.dumps({"analysis": "It is.", "answer": "rude"})
    with Canned(200, json.dumps({"choices": [{"message": {"content": content}}]})) as chat:
        mistral = Mistral.local(
            judge_url=f"{chat.url}/v1",
            judge_key="the judge key",
            judge_timeout=timedelta(seconds=20),
            judge_models={"judge-model": "small"},
        )
        api = Api(style, mistral)
        record = await api.record(await api.dataset(), "This is rude!")
        judge: dict[str, Any] = {
            "name": "tone of it",
            "description": "",
            "model_name": "judge-model",
            "output": {"type": "CLASSIFICATION", "options": [{"value": "rude", "description": ""}]},
            "instructions": "{{ user_message }}",
            "tools": [],
        }
        judged = await api.datasets.records.judge(dataset_record_id=record.id, judge_definition=judge)
        assert (judged.answer, judged.analysis) == ("rude", "It is.")
        [(request, headers, body)] = chat.requests
        assert (request, headers["authorization"]) == ("POST /v1/chat/completions", "Bearer the judge key")
        assert json.loads(body)["model"] == "small"
        await api.close()

    invalid: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"judge_url": "my secret"}, errors.ConfigurationError, "the judge URL is invalid"),
        ({"judge_url": "https://host/v1?key=secret"}, errors.ConfigurationError, "the judge URL must not have a query"),
        ({"judge_url": "http://host", "judge_key": "my\nsecret"}, errors.ConfigurationError, "the judge key"),
        ({"judge_url": "http://host", "judge_key": 5}, TypeError, "judge_key: expected str, found int"),
        ({"judge_url": "http://host", "judge_timeout": -1}, errors.ConfigurationError, "judge_timeout: expected"),
        ({"judge_url": "http://host", "judge_timeout": 0}, errors.ConfigurationError, "the judge timeout"),
        ({"judge_url": "http://host", "judge_models": ["m"]}, TypeError, "judge_models: expected a dict"),
        ({"judge_url": "http://host", "judge_models": {"m": 1}}, TypeError, "judge_models: expected str, found int"),
        ({"judge_key": "secret"}, errors.ConfigurationError, "judge_key: requires `judge_url`"),
    ]
    for options, kind, message in invalid:
        with pytest.raises(kind, match=message) as caught:
            Mistral.local(**options)
        assert "secret" not in str(caught.value)
