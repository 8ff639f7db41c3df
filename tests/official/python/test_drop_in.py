"""Passes objects of the official SDK to this package, and compares what both return.

`docs/migrating.md` lists what programs may expect.
"""

import inspect
import json

import pytest
from mistralai.client import Mistral as OfficialMistral
from mistralai.client import models as official_models
from mistralai.client.utils import BackoffStrategy, RetryConfig

from mistral_datasets import Mistral, errors
from workspace import SERVER_URL, as_dict


@pytest.fixture
def mistral(api):
    """A client of this package for the workspace of the official client."""
    with Mistral(api_key=api.key, server_url=SERVER_URL) as mistral:
        yield mistral


def test_dumps_are_those_of_the_official_sdk(api, mistral, dataset):
    record = api.create_record(dataset)
    ours = mistral.datasets.records.fetch(dataset_record_id=record.id)
    theirs = api.records.fetch(dataset_record_id=record.id)
    for mode in ("python", "json"):
        expected, found = theirs.model_dump(mode=mode), ours.model_dump(mode=mode)
        assert {name: found[name] for name in expected} == expected
    assert json.loads(ours.model_dump_json()).items() >= json.loads(theirs.model_dump_json()).items()
    assert ours.payload.model_dump() == json.loads(json.dumps(ours.payload)) == as_dict(theirs.payload)
    listed = mistral.beta.observability.datasets.list_records(dataset_id=dataset.id)
    assert listed.records.results == [ours]


def test_official_objects_are_accepted(mistral, dataset, tmp_path):
    messages = [{"role": "user", "content": "Hello"}]
    if "ConversationPayload" in official_models.__all__:
        payload = official_models.ConversationPayload(messages=messages)
    else:
        # Payloads are dicts in this version.
        payload = {"messages": messages}
    created = mistral.datasets.create_record(dataset_id=dataset.id, payload=payload, properties={})
    assert created.payload == {"messages": [{"role": "user", "content": "Hello"}]}
    file = official_models.File(file_name="records.jsonl", content=b'{"messages": []}\n')
    assert mistral.files.upload(file=file).filename == "records.jsonl"
    path = tmp_path / "opened.jsonl"
    path.write_bytes(b'{"messages": []}\n')
    with path.open("rb") as opened:
        file = official_models.File(file_name="opened.jsonl", content=opened)
        assert mistral.files.upload(file=file).bytes == 17


def test_retry_configs_are_accepted(api, dataset):
    config = RetryConfig("backoff", BackoffStrategy(1, 50, 1.1, 100), False)
    with Mistral(api_key=api.key, server_url=SERVER_URL, retries=config, timeout_ms=5000) as mistral:
        assert mistral.datasets.fetch(dataset_id=dataset.id, retries=config).id == dataset.id
    with (
        Mistral(api_key="k", server_url="http://127.0.0.1:9", retries=RetryConfig("none", None, False)) as mistral,
        pytest.raises(errors.ConnectionError) as caught,
    ):
        mistral.datasets.list()
    assert caught.value.attempts == 1


# Arguments that the methods of this package have by other names, or have for all methods, in `types.CallOptions`.
OFFICIAL_OPTIONS = {"self", "retries", "server_url", "timeout_ms", "http_headers"}

# Methods that are not in the OpenAPI document of this package.
LEFT_OUT = {"spans.search_pipeline_results", "spans.search_pipeline_results_async"}

REQUIRED_BY_THE_FIRST_GENERATION = {"properties"}


def arguments_of(method):
    parameters = inspect.signature(method).parameters.values()
    return {each.name: each.default is each.empty for each in parameters if each.name not in OFFICIAL_OPTIONS}


def official_methods(group, resource, found):
    """Collects the methods of a resource of the official SDK and of its children, by their public names."""
    for name, method in vars(type(resource)).items():
        if inspect.isfunction(method) and not name.startswith("_") and f"{group}.{name}" not in LEFT_OUT:
            found[f"{group}.{name}"] = method
    for name in getattr(type(resource), "__annotations__", {}):
        child = getattr(resource, name, None)
        if not name.startswith("_") and type(child).__module__.startswith("mistralai.client."):
            official_methods(f"{group}.{name}", child, found)
    return found


def test_methods_have_the_arguments_of_the_official_sdk():
    official = OfficialMistral(api_key="k").beta.observability
    mistral = Mistral(api_key="k")
    compared = 0
    for group in ("datasets", "chat_completion_events", "judges", "campaigns", "spans", "traces", "logs"):
        resource = getattr(official, group, None)
        for name, method in official_methods(group, resource, {}).items() if resource is not None else ():
            ours = mistral.beta.observability
            for part in name.split("."):
                ours = getattr(ours, part)
            expected, found = arguments_of(method), arguments_of(ours)
            assert expected.keys() <= found.keys(), name
            # An argument that the official SDK does not require is not required here either.
            stricter = {each for each in expected if found[each] and not expected[each]}
            assert stricter <= REQUIRED_BY_THE_FIRST_GENERATION, name
            assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(method), name
            compared += 1
    assert compared > 80
