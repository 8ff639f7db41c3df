"""Helpers of the official SDK tests: a workspace of the local server, and checks of errors."""

import json
import os
import time
from importlib.metadata import version
from urllib.request import Request, urlopen

import pytest
from mistralai.client import errors

VERSION = version("mistralai")
SERVER_URL = os.environ.get("MISTRAL_SERVER_URL", "").rstrip("/")

# The operations of each SDK version. `test_the_sdk_has_exactly_the_listed_operations` fails for other versions and
# operations, so that none is left untested.
DATASETS = {
    "create", "create_record", "delete", "export_to_jsonl", "fetch", "fetch_task", "import_from_dataset_records",
    "import_from_file", "import_from_playground", "list", "list_records", "list_tasks", "update",
}  # fmt: skip
SUPPORTED_DATASETS = {
    "2.5.1": DATASETS | {"import_from_campaign", "import_from_explorer"},
    "3.7.0": DATASETS | {"import_from_spans"},
}
SPANS = {
    "fetch_span_eval_field_options", "fetch_span_field_options", "list_span_eval_fields", "list_span_fields",
    "search_latest_span_evaluations", "search_span_evaluations", "search_spans",
}  # fmt: skip
TRACES = {
    "fetch_options", "get_span_by_id", "get_trace_by_id", "get_trace_fields", "get_trace_spans", "search",
}  # fmt: skip
OPERATIONS = {
    "datasets": SUPPORTED_DATASETS.get(VERSION, DATASETS),
    "records": {"bulk_delete", "delete", "fetch", "judge", "update_payload", "update_properties"},
    "files": {"delete", "download", "get_signed_url", "list", "retrieve", "upload"},
    "judges": {"create", "delete", "fetch", "judge_conversation", "list", "update"},
    "logs": {"fetch_options", "list", "search"},
}
if VERSION == "2.5.1":
    OPERATIONS |= {
        "chat_completion_events": {"fetch", "fetch_similar_events", "judge", "search", "search_ids"},
        "fields": {"fetch_option_counts", "fetch_options", "list"},
        "campaigns": {"create", "delete", "fetch", "fetch_status", "list", "list_events"},
        "spans": SPANS,
        "traces": TRACES,
    }
else:
    OPERATIONS |= {"spans": SPANS | {"aggregate", "aggregate_span_evaluations"}, "traces": TRACES | {"aggregate"}}
# Operations that the server does not have, because they belong to resources outside of its scope.
UNSUPPORTED = {"spans": {"search_pipeline_results"}} if VERSION == "3.7.0" else {}
STYLES = ["blocking", "asyncio"]

UNKNOWN = "01890000-0000-7000-8000-000000000000"
HELLO = {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Good morning."}]}
BYE = {"messages": [{"role": "user", "content": "Goodbye."}]}
JUDGE = {
    "name": "politeness",
    "description": "Whether the assistant is polite",
    "model_name": "mistral-large-latest",
    "instructions": "Judge the answer.",
    "tools": [],
    "output": {
        "type": "CLASSIFICATION",
        "options": [{"value": "polite", "description": "It is"}, {"value": "rude", "description": "It is not"}],
    },
}

# The operations called so far, as (style, group, operation).
called_operations = set()


def observability_groups(client):
    """Returns the resources of the SDK that are tested beside datasets and files."""
    observability = client.beta.observability
    names = [name for name in OPERATIONS if name not in ("datasets", "records", "files", "fields")]
    groups = {name: getattr(observability, name) for name in names}
    if "fields" in OPERATIONS:
        groups["fields"] = observability.chat_completion_events.fields
    return groups


class Group:
    """The operations of one group in one style. Calls are recorded in `called_operations`."""

    def __init__(self, name, operations, style, run):
        self.name, self.operations, self.style, self.run = name, operations, style, run

    def __getattr__(self, operation):
        called_operations.add((self.style, self.name, operation))
        if self.style == "blocking":
            return getattr(self.operations, operation)
        coroutine_function = getattr(self.operations, f"{operation}_async")
        return lambda **arguments: self.run(coroutine_function(**arguments))


class Workspace:
    """A client with its own API key, and so its own workspace, used in one style."""

    def __init__(self, client, key, style, run):
        self.client, self.key, self.style, self.run = client, key, style, run
        datasets = client.beta.observability.datasets
        self.datasets = Group("datasets", datasets, style, run)
        self.records = Group("records", datasets.records, style, run)
        self.files = Group("files", client.files, style, run)
        for name, group in observability_groups(client).items():
            setattr(self, name, Group(name, group, style, run))

    def create_dataset(self, name="Support chats"):
        return self.datasets.create(name=name, description="Conversations with customers")

    def create_record(self, dataset, payload=HELLO, properties=None):
        return self.datasets.create_record(dataset_id=dataset.id, payload=payload, properties=properties or {})

    def list_records(self, dataset):
        return self.datasets.list_records(dataset_id=dataset.id).records.results

    def upload(self, *lines):
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return self.files.upload(file={"file_name": "chats.jsonl", "content": content})

    def read_body(self, response):
        return response.read() if self.style == "blocking" else self.run(response.aread())

    def insert_fixture(self, kind, body):
        """Inserts test data that cannot be created through the API."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        url = f"{SERVER_URL}/local/v1/{kind}"
        with urlopen(Request(url, json.dumps(body).encode(), headers, method="POST")) as response:
            return json.load(response)

    def send_telemetry(self, signal, body):
        """Sends OTLP as JSON, as any OpenTelemetry exporter does."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        url = f"{SERVER_URL}/telemetry/v1/{signal}"
        with urlopen(Request(url, json.dumps(body).encode(), headers, method="POST")) as response:
            assert json.load(response) == {}

    def wait_until_finished(self, task):
        """Polls a task until it has finished."""
        deadline = time.monotonic() + 20
        while task.status == "RUNNING":
            assert time.monotonic() < deadline, f"the import is still running: {task}"
            time.sleep(0.02)
            task = self.datasets.fetch_task(dataset_id=task.dataset_id, task_id=task.id)
        return task

    def wait_until_imported(self, task, count):
        """Polls a task until it has finished, and checks that it imported `count` records."""
        assert task.status in ("RUNNING", "COMPLETED")
        task = self.wait_until_finished(task)
        assert (task.status, task.progress) == ("COMPLETED", 100), task.message
        if "result" in type(task).model_fields:
            counts = task.result
            assert (counts.requested_record_count, counts.imported_record_count) == (count, count)
            assert counts.skipped_record_count == 0
        return task


def as_dict(payload):
    """Returns a payload as a dict. Version 2.5.1 of the SDK parses it into a model."""
    return payload if isinstance(payload, dict) else payload.model_dump()


def open_link(url):
    """Downloads a signed link without an API key."""
    with urlopen(url) as response:
        return response.read()


def expect_error(status, code, operation, **arguments):
    """Calls an operation that must fail with the typed error of the SDK, and returns the error."""
    with pytest.raises(errors.ObservabilityError) as caught:
        operation(**arguments)
    error = caught.value
    assert (error.status_code, error.data.detail.error_code) == (status, code), error.message
    assert error.message == error.data.detail.message != ""
    return error


def expect_sdk_error(status, code, operation, **arguments):
    """Calls an operation that must fail with the generic error of the SDK, whose code is only in the body."""
    with pytest.raises(errors.SDKError) as caught:
        operation(**arguments)
    assert caught.value.status_code == status
    detail = json.loads(caught.value.body)["detail"]
    assert detail["error_code"] == code
    assert detail["message"]
