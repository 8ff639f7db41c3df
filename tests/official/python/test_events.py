"""Tests the operations on chat completion events and campaigns, which version 3 of the official SDK does not have."""

import time

import pytest

from telemetry import chat_span, traces_request
from workspace import JUDGE, OPERATIONS, UNKNOWN, as_dict, expect_error

if "chat_completion_events" not in OPERATIONS:
    pytest.skip("this version of the SDK has no chat completion events", allow_module_level=True)

ALL = {"filters": None}


@pytest.fixture
def events(api):
    """The ids of three events, the newest first."""
    now = time.time()
    questions = [("Where is my order?", "small"), ("Please refund my été", "medium"), ("A refund, now!", "medium")]
    spans = [
        chat_span(question, "I will check.", model=f"mistral-{model}-latest", start=now - 60 + number)
        for number, (question, model) in enumerate(questions)
    ]
    api.send_telemetry("traces", traces_request(*spans))
    return api.chat_completion_events.search_ids(search_params=ALL).completion_event_ids


def where(field, op, value):
    return {"filters": {"field": field, "op": op, "value": value}}


def test_search_events_in_pages_newest_first(api, events):
    assert len(events) == 3
    first = api.chat_completion_events.search(search_params=ALL, page_size=2).completion_events
    cursor = first.next or first.cursor
    last = api.chat_completion_events.search(search_params=ALL, page_size=2, cursor=cursor).completion_events
    assert [event.event_id for event in first.results + last.results] == events
    assert not (last.next or last.cursor)
    assert [event.nb_input_tokens for event in first.results] == [21, 21]


def test_search_events_with_a_filter_and_extra_fields(api, events):
    group = {
        "AND": [
            {"field": "model_name", "op": "startswith", "value": "mistral-medium"},
            {"OR": [
                {"field": "last_user_message_preview", "op": "icontains", "value": "ÉTÉ"},
                {"field": "total_time_elapsed", "op": "gt", "value": 60},
            ]},
        ]
    }  # fmt: skip
    found = api.chat_completion_events.search(
        search_params={"filters": group}, extra_fields=["model_name", "total_time_elapsed"]
    ).completion_events.results
    assert [event.event_id for event in found] == [events[1]]
    assert found[0].extra_fields == {"model_name": "mistral-medium-latest", "total_time_elapsed": 1.25}
    unknown = where("nothing", "eq", 1)
    expect_error(400, "FIELDS_BAD_REQUEST", api.chat_completion_events.search, search_params=unknown)


def test_fetch_an_event(api, events):
    event = api.chat_completion_events.fetch(event_id=events[1])
    assert event.request_messages == [{"role": "user", "content": "Please refund my été"}]
    assert [message["content"] for message in event.response_messages] == ["I will check."]
    assert event.nb_messages == 2
    with pytest.raises(Exception, match="not found|does not exist"):
        api.chat_completion_events.fetch(event_id=UNKNOWN)


def test_similar_events(api, events):
    similar = api.chat_completion_events.fetch_similar_events(event_id=events[0]).completion_events.results
    assert similar[0].event_id == events[1]
    assert events[0] not in [event.event_id for event in similar]


def test_judge_an_event(api, events):
    judged = api.chat_completion_events.judge(event_id=events[0], judge_definition=JUDGE)
    assert judged.answer in ("polite", "rude")


def test_fields_options_and_counts(api, events):
    fields = {field.name: field for field in api.fields.list().field_definitions}
    assert {"timestamp", "model_name", "invoked_tools", "total_time_elapsed", "metadata"} <= set(fields)
    assert "startswith" in fields["model_name"].supported_operators
    options = api.fields.fetch_options(field_name="model_name", operator="eq").options
    assert set(options) == {"mistral-medium-latest", "mistral-small-latest"}
    counts = api.fields.fetch_option_counts(field_name="model_name", filter_params=ALL).counts
    assert [(count.value, count.count) for count in counts] == [
        ("mistral-medium-latest", 2),
        ("mistral-small-latest", 1),
    ]


def test_import_events_from_the_explorer(api, dataset, events):
    task = api.datasets.import_from_explorer(dataset_id=dataset.id, completion_event_ids=events[1:])
    api.wait_until_imported(task, 2)
    contents = [as_dict(record.payload)["messages"][0]["content"] for record in api.list_records(dataset)]
    assert contents == ["Please refund my été", "Where is my order?"]


def test_a_campaign_judges_events_and_is_imported(api, dataset, events):
    judge = api.judges.create(**JUDGE)
    filters = where("model_name", "startswith", "mistral-medium")
    campaign = api.campaigns.create(
        name="Refund review", description="", judge_id=judge.id, search_params=filters, max_nb_events=10
    )
    assert (campaign.judge.id, campaign.max_nb_events) == (judge.id, 10)
    deadline = time.monotonic() + 20
    while api.campaigns.fetch_status(campaign_id=campaign.id).status == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert api.campaigns.fetch_status(campaign_id=campaign.id).status == "COMPLETED"
    annotation = f"__judge_{judge.id}"
    selected = api.campaigns.list_events(campaign_id=campaign.id).completion_events
    assert selected.count == 2
    assert {event.extra_fields[annotation] for event in selected.results} <= {"polite", "rude"}
    assert [listed.id for listed in api.campaigns.list(q="refund").campaigns.results] == [campaign.id]
    assert api.campaigns.fetch(campaign_id=campaign.id).id == campaign.id

    task = api.datasets.import_from_campaign(dataset_id=dataset.id, campaign_id=campaign.id)
    api.wait_until_imported(task, 2)
    assert {record.properties[annotation] for record in api.list_records(dataset)} <= {"polite", "rude"}

    assert api.campaigns.delete(campaign_id=campaign.id) is None
    expect_error(404, "CAMPAIGN_NOT_FOUND", api.campaigns.fetch, campaign_id=campaign.id)
    kept = api.chat_completion_events.fetch(event_id=events[0])
    assert kept.extra_fields[annotation] in ("polite", "rude")


def test_a_campaign_without_events_is_not_created(api, events):
    judge = api.judges.create(**JUDGE)
    arguments = {"name": "Nothing", "description": "", "judge_id": judge.id, "max_nb_events": 10}
    filters = where("model_name", "eq", "unknown")
    expect_error(400, "CAMPAIGN_NO_MATCHING_EVENTS", api.campaigns.create, search_params=filters, **arguments)
    assert api.campaigns.list().campaigns.count == 0
