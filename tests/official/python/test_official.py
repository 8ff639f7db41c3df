"""Tests every dataset and file operation of the unmodified official SDK against a running local server.

The version under test is the `mistralai` package on PYTHONPATH. MISTRAL_SERVER_URL is the URL of
`mistral-datasets serve`, which must have been started without API keys, so that each test has its own workspace. Tests
with the `api` fixture run twice: with the blocking methods of the SDK and with their asyncio counterparts.
"""

import inspect
import json
import time
import uuid
from datetime import timedelta

import pytest
from mistralai.client import Mistral, errors, models

from workspace import (
    BYE,
    HELLO,
    JUDGE,
    OPERATIONS,
    SERVER_URL,
    STYLES,
    SUPPORTED_DATASETS,
    UNKNOWN,
    UNSUPPORTED,
    VERSION,
    as_dict,
    called_operations,
    expect_error,
    expect_sdk_error,
    observability_groups,
    open_link,
)


def test_the_sdk_has_exactly_the_listed_operations():
    assert VERSION in SUPPORTED_DATASETS, f"add the operations of mistralai {VERSION} to SUPPORTED_DATASETS"
    client = Mistral(api_key="any", server_url=SERVER_URL)
    datasets = client.beta.observability.datasets
    groups = {"datasets": datasets, "records": datasets.records, "files": client.files, **observability_groups(client)}
    for name, group in groups.items():
        methods = {method for method, _ in inspect.getmembers(group, inspect.ismethod) if not method.startswith("_")}
        methods -= {"do_request", "do_request_async"}
        expected = OPERATIONS[name] | UNSUPPORTED.get(name, set())
        assert methods == expected | {f"{operation}_async" for operation in expected}


# Datasets


def test_create_dataset(api):
    created = api.datasets.create(name="Support chats", description="Übersee 🌊")
    assert (created.name, created.description) == ("Support chats", "Übersee 🌊")
    for identifier in (created.id, created.owner_id, created.workspace_id):
        assert str(uuid.UUID(identifier)) == identifier
    assert created.deleted_at is None
    assert created.created_at.utcoffset() == timedelta(0)
    assert created.updated_at == created.created_at


if "slug" in models.Dataset.model_fields:

    def test_fetch_dataset_by_slug(api, dataset):
        assert api.datasets.fetch(dataset_id=dataset.slug) == api.datasets.fetch(dataset_id=dataset.id)


def test_fetch_dataset(api, dataset):
    assert api.datasets.fetch(dataset_id=dataset.id).model_dump() == dataset.model_dump()


def test_update_dataset_changes_only_the_given_fields(api, dataset):
    renamed = api.datasets.update(dataset_id=dataset.id, name="Sales chats")
    assert (renamed.name, renamed.description) == ("Sales chats", dataset.description)
    assert renamed.updated_at > dataset.updated_at
    described = api.datasets.update(dataset_id=dataset.id, name=None, description="")
    assert (described.name, described.description) == ("Sales chats", "")
    assert api.datasets.update(dataset_id=dataset.id).name == "Sales chats"
    assert api.datasets.fetch(dataset_id=dataset.id).name == "Sales chats"


def test_delete_dataset(api, dataset):
    record = api.create_record(dataset)
    assert api.datasets.delete(dataset_id=dataset.id) is None
    expect_error(404, "DATASET_NOT_FOUND", api.datasets.fetch, dataset_id=dataset.id)
    expect_error(404, "DATASET_RECORD_NOT_FOUND", api.records.fetch, dataset_record_id=record.id)
    assert api.datasets.list().datasets.count == 0


def test_list_datasets_in_pages_newest_first(api):
    created = [api.create_dataset(f"Dataset {number}") for number in range(5)]
    first, second, last = [api.datasets.list(page_size=2, page=page).datasets for page in (1, 2, 3)]
    listed = first.results + second.results + last.results
    assert [dataset.id for dataset in listed] == [dataset.id for dataset in reversed(created)]
    assert [page.count for page in (first, second, last)] == [5, 5, 5]
    assert [bool(page.previous) for page in (first, second, last)] == [False, True, True]
    assert [bool(page.next) for page in (first, second, last)] == [True, True, False]


def test_list_datasets_by_text(api):
    for name in ("Alpha & omega", "Beta blockers", "ALPHA two"):
        api.create_dataset(name)
    found = api.datasets.list(q="alpha").datasets
    assert [dataset.name for dataset in found.results] == ["ALPHA two", "Alpha & omega"]
    assert [dataset.name for dataset in api.datasets.list(q="a & o").datasets.results] == ["Alpha & omega"]
    assert api.datasets.list(q="customers").datasets.count == 3
    assert api.datasets.list(q="nothing").datasets.count == 0


def test_list_datasets_count_only(api, dataset):
    page = api.datasets.list(page_size=0).datasets
    assert (page.count, page.results or []) == (1, [])


# Records


def test_create_record(api, dataset):
    record = api.create_record(dataset, HELLO, {"channel": "web", "score": None})
    assert (record.dataset_id, record.source) == (dataset.id, "DIRECT_INPUT")
    assert as_dict(record.payload) == HELLO
    assert record.properties == {"channel": "web", "score": None}
    assert record.deleted_at is None


if "source" in models.CreateDatasetRecordRequest.model_fields:

    def test_create_record_with_a_source(api, dataset):
        source = "TELEMETRY_SPAN"
        record = api.datasets.create_record(dataset_id=dataset.id, payload=HELLO, properties={}, source=source)
        assert record.source == source


def test_unusual_values_survive(api, dataset):
    unusual = {
        "messages": [{"role": "user", "content": "\u0000\u001f\u2028 𝒳🧑\u200d🚀 \\\"'"}, {}],
        "zebra": 2**63,
        "big": 10**40,
        "float": 0.1,
        "small": 5e-324,
        "apple": {"z": [[], {}, None, True], "a": ""},
    }
    record = api.create_record(dataset, unusual, unusual)
    read = api.records.fetch(dataset_record_id=record.id)
    assert json.dumps(as_dict(read.payload)) == json.dumps(unusual)
    assert json.dumps(read.properties) == json.dumps(unusual)


def test_list_records_in_pages_in_order(api, dataset):
    created = [api.create_record(dataset, properties={"number": number}) for number in range(5)]
    pages = [api.datasets.list_records(dataset_id=dataset.id, page_size=2, page=page).records for page in (1, 2, 3)]
    listed = [record for page in pages for record in page.results]
    assert [record.model_dump() for record in listed] == [record.model_dump() for record in created]
    assert [page.count for page in pages] == [5, 5, 5]
    assert [bool(page.next) for page in pages] == [True, True, False]
    assert [bool(page.previous) for page in pages] == [False, True, True]


def test_fetch_record(api, dataset):
    record = api.create_record(dataset)
    assert api.records.fetch(dataset_record_id=record.id).model_dump() == record.model_dump()


def test_update_payload(api, dataset):
    record = api.create_record(dataset, HELLO, {"kept": True})
    assert api.records.update_payload(dataset_record_id=record.id, payload=BYE) is None
    read = api.records.fetch(dataset_record_id=record.id)
    assert (as_dict(read.payload), read.properties) == (BYE, {"kept": True})
    assert read.updated_at > record.updated_at


def test_update_properties(api, dataset):
    record = api.create_record(dataset, HELLO, {"replaced": True})
    assert api.records.update_properties(dataset_record_id=record.id, properties={"new": [1, 2.5]}) is None
    read = api.records.fetch(dataset_record_id=record.id)
    assert (as_dict(read.payload), read.properties) == (HELLO, {"new": [1, 2.5]})


def test_delete_record(api, dataset):
    gone, kept = api.create_record(dataset), api.create_record(dataset)
    assert api.records.delete(dataset_record_id=gone.id) is None
    expect_error(404, "DATASET_RECORD_NOT_FOUND", api.records.fetch, dataset_record_id=gone.id)
    assert [record.id for record in api.list_records(dataset)] == [kept.id]


def test_bulk_delete(api, dataset):
    first, kept, last = [api.create_record(dataset) for _ in range(3)]
    assert api.records.bulk_delete(dataset_record_ids=[first.id, last.id]) is None
    assert [record.id for record in api.list_records(dataset)] == [kept.id]


def test_bulk_delete_is_all_or_nothing(api, dataset):
    record = api.create_record(dataset)
    ids = [record.id, UNKNOWN]
    expect_error(404, "DATASET_RECORD_NOT_FOUND", api.records.bulk_delete, dataset_record_ids=ids)
    assert [kept.id for kept in api.list_records(dataset)] == [record.id]


def test_judge_a_record(api, dataset):
    record = api.create_record(dataset, {"messages": [{"role": "user", "content": "What a rude thing to ask."}]})
    judged = api.records.judge(dataset_record_id=record.id, judge_definition=JUDGE)
    assert judged.answer in ("polite", "rude")
    assert judged.analysis


# Files


def test_upload_and_retrieve_file(api):
    file = api.files.upload(file={"file_name": "chäts.jsonl", "content": b"{}\n{}\n"})
    assert (file.object, file.filename, file.size_bytes) == ("file", "chäts.jsonl", 6)
    assert abs(file.created_at - time.time()) < 60
    read = api.files.retrieve(file_id=file.id)
    assert read.deleted is False
    assert read.model_dump() == file.model_dump() | {"deleted": False}


def test_upload_file_opened_for_reading(api, tmp_path):
    content = bytes(range(256)) * 5_000
    path = tmp_path / "opened.bin"
    path.write_bytes(content)
    with path.open("rb") as opened:
        file = {"file_name": path.name, "content": opened, "content_type": "application/x-test"}
        file = api.files.upload(file=file, purpose="fine-tune", expiry=48, visibility="user")
    assert (file.filename, file.size_bytes, file.purpose) == ("opened.bin", len(content), "fine-tune")
    assert api.read_body(api.files.download(file_id=file.id)) == content


def test_list_files(api):
    uploaded = [api.files.upload(file={"file_name": f"{name}.jsonl", "content": b"{}"}) for name in ("one", "two")]
    page = api.files.list()
    assert (page.object, page.total) == ("list", 2)
    assert [file.id for file in page.data] == [file.id for file in reversed(uploaded)]
    assert [file.filename for file in api.files.list(page=1, page_size=1).data] == ["one.jsonl"]
    assert [file.filename for file in api.files.list(search="TWO").data] == ["two.jsonl"]


def test_download_file(api):
    file = api.upload(HELLO)
    assert api.read_body(api.files.download(file_id=file.id)) == json.dumps(HELLO).encode() + b"\n"


def test_signed_url_needs_no_key(api):
    file = api.upload(HELLO)
    for arguments in ({}, {"expiry": 1}):
        link = api.files.get_signed_url(file_id=file.id, **arguments)
        assert json.loads(open_link(link.url)) == HELLO


def test_delete_file(api):
    file = api.upload(HELLO)
    gone = api.files.delete(file_id=file.id)
    assert (gone.id, gone.object, gone.deleted) == (file.id, "file", True)
    with pytest.raises(errors.SDKError) as caught:
        api.files.retrieve(file_id=file.id)
    assert caught.value.status_code == 404
    assert api.files.list().total == 0


# Imports, tasks and exports


def test_import_from_file(api, dataset):
    file = api.upload(HELLO | {"properties": {"form": "A"}}, {"payload": BYE, "properties": {"form": "B"}}, HELLO)
    task = api.datasets.import_from_file(dataset_id=dataset.id, file_id=file.id)
    assert (task.dataset_id, task.workspace_id) == (dataset.id, dataset.workspace_id)
    api.wait_until_imported(task, 3)
    records = api.list_records(dataset)
    assert [as_dict(record.payload) for record in records] == [HELLO, BYE, HELLO]
    assert [record.properties for record in records] == [{"form": "A"}, {"form": "B"}, {}]
    assert {record.source for record in records} == {"UPLOADED_FILE"}


def test_import_from_file_is_all_or_nothing(api, dataset):
    file = api.upload(HELLO, {"messages": "none"})
    task = api.wait_until_finished(api.datasets.import_from_file(dataset_id=dataset.id, file_id=file.id))
    assert task.status == "FAILED"
    assert "line 2" in task.message
    assert api.datasets.list_records(dataset_id=dataset.id).records.count == 0


def test_import_from_playground(api, dataset):
    inserted = api.insert_fixture("conversations", [HELLO, BYE])
    ids = [conversation["conversation_id"] for conversation in inserted]
    api.wait_until_imported(api.datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=ids), 2)
    records = api.list_records(dataset)
    assert [as_dict(record.payload)["messages"] for record in records] == [HELLO["messages"], BYE["messages"]]
    assert {record.source for record in records} == {"PLAYGROUND"}


def test_import_from_playground_without_conversations(api, dataset):
    api.wait_until_imported(api.datasets.import_from_playground(dataset_id=dataset.id, conversation_ids=[]), 0)


def test_import_from_dataset_records(api, dataset):
    copied = [
        api.create_record(dataset, payload, {"payload": name}) for name, payload in [("hello", HELLO), ("bye", BYE)]
    ]
    ids, target = [record.id for record in copied], api.create_dataset("Another one")
    api.wait_until_imported(api.datasets.import_from_dataset_records(dataset_id=target.id, dataset_record_ids=ids), 2)
    records = api.list_records(target)
    assert [as_dict(record.payload) for record in records] == [HELLO, BYE]
    assert [record.properties for record in records] == [{"payload": "hello"}, {"payload": "bye"}]
    assert not set(ids) & {record.id for record in records}


def insert_events(api):
    events = [{"request_messages": HELLO["messages"][:1], "response_messages": HELLO["messages"][1:]}] * 2
    return [event["event_id"] for event in api.insert_fixture("chat-completion-events", events)]


if "import_from_explorer" in OPERATIONS["datasets"]:

    def test_import_from_explorer(api, dataset):
        ids = insert_events(api)
        api.wait_until_imported(api.datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=ids), 2)
        records = api.list_records(dataset)
        assert [as_dict(record.payload)["messages"] for record in records] == [HELLO["messages"]] * 2
        assert {record.source for record in records} == {"EXPLORER"}


if "import_from_campaign" in OPERATIONS["datasets"]:

    def test_import_from_campaign(api, dataset):
        campaign = api.insert_fixture("campaigns", {"name": "Greetings", "event_ids": insert_events(api)})
        api.wait_until_imported(api.datasets.import_from_campaign(dataset_id=dataset.id, campaign_id=campaign["id"]), 2)
        assert [as_dict(record.payload)["messages"] for record in api.list_records(dataset)] == [HELLO["messages"]] * 2

    def test_unknown_campaign_is_rejected(api, dataset):
        operation = api.datasets.import_from_campaign
        expect_error(404, "CAMPAIGN_NOT_FOUND", operation, dataset_id=dataset.id, campaign_id=UNKNOWN)


def test_unknown_sources_are_rejected_immediately(api, dataset):
    for operation, arguments in [
        (api.datasets.import_from_file, {"file_id": UNKNOWN}),
        (api.datasets.import_from_playground, {"conversation_ids": ["nowhere"]}),
    ]:
        with pytest.raises(errors.ObservabilityError) as caught:
            operation(dataset_id=dataset.id, **arguments)
        assert caught.value.status_code == 404
    arguments = {"dataset_id": dataset.id, "dataset_record_ids": [UNKNOWN]}
    expect_error(404, "DATASET_RECORD_NOT_FOUND", api.datasets.import_from_dataset_records, **arguments)
    assert api.datasets.list_tasks(dataset_id=dataset.id).tasks.count == 0


def test_list_tasks_newest_first(api, dataset):
    file = api.upload(HELLO)
    tasks = [
        api.wait_until_imported(api.datasets.import_from_file(dataset_id=dataset.id, file_id=file.id), 1)
        for _ in range(3)
    ]
    pages = [api.datasets.list_tasks(dataset_id=dataset.id, page_size=2, page=page).tasks for page in (1, 2)]
    listed = [task for page in pages for task in page.results]
    assert [task.model_dump() for task in listed] == [task.model_dump() for task in reversed(tasks)]
    assert [page.count for page in pages] == [3, 3]
    assert [bool(page.next) for page in pages] == [True, False]


def test_export_to_jsonl_and_import_again(api, dataset):
    for payload, properties in [(HELLO, {"number": 2**63}), (BYE | {"more": [1.5, "🌊"]}, {})]:
        api.create_record(dataset, payload, properties)
    link = api.datasets.export_to_jsonl(dataset_id=dataset.id)
    exported = open_link(link.file_url)
    lines = [json.loads(line) for line in exported.splitlines()]
    assert [line["payload"] for line in lines] == [HELLO, BYE | {"more": [1.5, "🌊"]}]
    assert [line["properties"] for line in lines] == [{"number": 2**63}, {}]

    file = api.files.upload(file={"file_name": "export.jsonl", "content": exported})
    target = api.create_dataset("The same again")
    api.wait_until_imported(api.datasets.import_from_file(dataset_id=target.id, file_id=file.id), 2)
    assert [(as_dict(record.payload), record.properties) for record in api.list_records(target)] == [
        (as_dict(record.payload), record.properties) for record in api.list_records(dataset)
    ]


# Errors


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("fetch", {}),
        ("update", {"name": "Any name"}),
        ("delete", {}),
        ("list_records", {}),
        ("create_record", {"payload": HELLO, "properties": {}}),
        ("import_from_file", {"file_id": UNKNOWN}),
        ("import_from_playground", {"conversation_ids": []}),
        ("import_from_dataset_records", {"dataset_record_ids": [UNKNOWN]}),
        ("export_to_jsonl", {}),
        ("list_tasks", {}),
        ("fetch_task", {"task_id": UNKNOWN}),
    ],
)
def test_unknown_dataset(api, operation, arguments):
    expect_error(404, "DATASET_NOT_FOUND", getattr(api.datasets, operation), dataset_id=UNKNOWN, **arguments)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("fetch", {}), ("delete", {}), ("update_payload", {"payload": BYE}), ("update_properties", {"properties": {}})],
)
def test_unknown_record(api, operation, arguments):
    expect_error(
        404, "DATASET_RECORD_NOT_FOUND", getattr(api.records, operation), dataset_record_id=UNKNOWN, **arguments
    )


def test_unknown_task(api, dataset):
    expect_error(404, "DATASET_TASK_NOT_FOUND", api.datasets.fetch_task, dataset_id=dataset.id, task_id=UNKNOWN)


def test_another_key_has_its_own_workspace(api, dataset):
    with Mistral(api_key=uuid.uuid4().hex, server_url=SERVER_URL) as other:
        expect_error(404, "DATASET_NOT_FOUND", other.beta.observability.datasets.fetch, dataset_id=dataset.id)


def test_exceeded_limits_are_validation_errors(api, dataset):
    for name in ("four", "x" * 51):
        error = expect_error(422, "VALIDATION_ERROR", api.datasets.create, name=name, description="")
        assert "name" in error.message
    expect_error(422, "VALIDATION_ERROR", api.datasets.create, name="Long story", description="x" * 201)
    expect_error(422, "VALIDATION_ERROR", api.datasets.update, dataset_id=dataset.id, name="four")
    expect_error(422, "VALIDATION_ERROR", api.datasets.list, page_size=101)
    expect_error(422, "VALIDATION_ERROR", api.records.bulk_delete, dataset_record_ids=[])
    expect_error(422, "VALIDATION_ERROR", api.records.fetch, dataset_record_id="not-a-uuid")


@pytest.mark.parametrize("operation", ["retrieve", "delete", "download", "get_signed_url"])
def test_unknown_file(api, operation):
    with pytest.raises(errors.SDKError) as caught:
        getattr(api.files, operation)(file_id=UNKNOWN)
    assert caught.value.status_code == 404
    assert json.loads(caught.value.body)["detail"]["message"]


def test_missing_key(monkeypatch):
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with Mistral(server_url=SERVER_URL) as client:
        expect_sdk_error(401, "AUTH_UNAUTHORIZED", client.beta.observability.datasets.list)
        expect_sdk_error(401, "AUTH_UNAUTHORIZED", client.files.list)
