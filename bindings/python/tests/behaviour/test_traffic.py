"""Behaviour cases: searches of the traffic of `traces.json` and `logs.json`, and the import of spans.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from harness import Workspace, error_of
from mistral_datasets import enums, errors, field, map_key, models, quote

TRACE = "0af7651916cd43dd8448eb211c80319c"

SPANS = ["00f067aa0ba902b1", "00f067aa0ba902b2", "00f067aa0ba902b3"]
"""The spans, in the order they started."""


@pytest.fixture
def traffic(workspace: Workspace) -> Workspace:
    """A workspace that has received the traces."""
    workspace.send("traces")
    return workspace


def span_ids(spans: list[models.GetSpan]) -> list[str]:
    return [span.span_id for span in spans]


async def test_events_are_searched_with_filters(traffic: Workspace) -> None:
    events = traffic.chat_completion_events
    summer = field("total_time_elapsed").gt(1) & field("last_user_message_preview").icontains("L'ÉTÉ")
    extra_fields = ["model_name", "total_time_elapsed"]
    [event] = await events.search(summer, extra_fields=extra_fields)
    assert (event.correlation_id, event.nb_input_tokens) == (TRACE, 22)
    assert event.extra_fields == {"model_name": "large", "total_time_elapsed": 1.25}
    pager = traffic.mistral.chat_completion_events.iter({"filters": None}, extra_fields=extra_fields, page_size=1)
    names = [event.extra_fields["model_name"] for event in await traffic.collect(pager)]
    assert names == ["large", "large", "small"]
    assert (await events.search_ids(summer)).completion_event_ids == [event.event_id]


async def test_event_messages_have_chat_form(traffic: Workspace) -> None:
    events = traffic.chat_completion_events
    [event_id] = (await events.search_ids(field("invoked_tools").includes("find_order"))).completion_event_ids
    event: models.ChatCompletionEvent = await events.fetch(event_id)
    assert event.request_messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is order 7?"},
    ]
    [message] = event.response_messages
    [call] = message["tool_calls"]
    assert (message["role"], call["id"], call["function"]["name"]) == ("assistant", "call1", "find_order")
    assert json.loads(call["function"]["arguments"]) == {"number": 7}
    assert event.nb_messages == 3


async def test_event_fields_and_options(traffic: Workspace) -> None:
    fields = traffic.chat_completion_events.fields
    [model] = [found for found in (await fields.list()).field_definitions if found.name == "model_name"]
    assert "startswith" in model.supported_operators
    found = await fields.fetch_options(field_name="model_name", operator=enums.FilterOperator.EQ)
    assert sorted(found.options) == ["large", "small"]
    filters: list[tuple[Any, list[tuple[str, int]]]] = [
        ({"filters": None}, [("large", 2), ("small", 1)]),
        (field("invoked_tools").includes("find_order"), [("small", 1)]),
    ]
    for filter_params, expected in filters:
        counted = await fields.fetch_option_counts(field_name="model_name", filter_params=filter_params)
        assert [(count.value, count.count) for count in counted.counts] == expected


async def test_spans_are_searched_in_pages(traffic: Workspace) -> None:
    spans = traffic.mistral.spans
    pages = await traffic.collect(spans.iter_spans(page_size=2).pages())
    assert [span_ids(list(page)) for page in pages] == [[SPANS[2], SPANS[1]], [SPANS[0]]]
    for expression in (
        map_key("span_attributes", "user.name") + " = " + quote("O'Brien"),
        "input_messages CONTAINS " + quote("l'été"),
    ):
        [span] = (await traffic.spans.search_spans(search_expression=expression)).spans.results
        assert (span.span_id, span.request_model, span.usage_input_tokens) == (SPANS[1], "large", 22)
        assert span.span_attributes["user.name"] == "O'Brien"
    pager = spans.iter_spans(
        search_expression="request_model = 'large' AND duration_ns > 1000000000",
        from_="2026-09-01T12:00:01Z",
        to=datetime.datetime(2026, 9, 1, 12, 0, 2, tzinfo=datetime.timezone.utc),
    )
    assert span_ids(await traffic.collect(pager)) == [SPANS[1]]


async def test_traces_are_summarized(traffic: Workspace) -> None:
    pager = traffic.mistral.traces.iter(search_expression="span_count = 3")
    [trace] = await traffic.collect(pager)
    assert await traffic.traces.get_trace_by_id(trace_id=TRACE) == trace
    assert (trace.trace_id, trace.service_name) == (TRACE, "shop")
    assert (trace.llm_call_count, trace.input_tokens) == (3, 66)
    assert sorted(trace.models_used) == ["large", "small"]
    assert trace.first_turn_last_input_message == "Where is order 7?"
    of_trace = traffic.mistral.traces.iter_trace_spans(trace_id=TRACE, page_size=2)
    assert span_ids(await traffic.collect(of_trace)) == SPANS
    span = await traffic.traces.get_span_by_id(trace_id=TRACE, span_id=SPANS[0])
    assert span.request_model == "small"
    error = await error_of(traffic.traces.get_span_by_id, trace_id=TRACE, span_id="1" * 16)
    assert isinstance(error, errors.NotFoundError)
    assert error.error_code == "SPAN_NOT_FOUND"


async def test_span_evaluations_are_searched(traffic: Workspace) -> None:
    traffic.send("logs")
    spans = traffic.mistral.spans
    some = spans.iter_span_evaluations(search_expression="evaluation_name = 'relevance' AND score_value < 0.6")
    assert [evaluation.score_value for evaluation in await traffic.collect(some)] == [0.5, 0.25]
    latest = spans.iter_latest_span_evaluations(page_size=1)
    assert [evaluation.score_value for evaluation in await traffic.collect(latest)] == [0.5, 0.75]
    metric = {"measure": "score_value", "aggregation": "max"}
    found = await traffic.spans.aggregate_span_evaluations(metric=metric, dimensions=["evaluation_name"])
    assert [(row.metric_name, row.metric_value) for row in found.data] == [("max_score_value", 0.75)]
    options = (await traffic.spans.fetch_span_eval_field_options(field_name="score_label")).options
    assert sorted(options) == ["high", "low", "medium"]


async def test_logs_are_searched(workspace: Workspace) -> None:
    workspace.send("logs")
    pager = workspace.mistral.logs.iter(order=enums.SortOrder.ASC, page_size=1, search_expression="event_name = ''")
    assert [log.body for log in await workspace.collect(pager)] == ["started", "the payment failed"]
    expression = "severity_text = 'ERROR' AND body CONTAINS 'fail'"
    [log] = (await workspace.logs.search(search_expression=expression)).logs.results
    assert (log.severity_number, log.service_name) == (17, "shop")
    assert (await workspace.logs.fetch_options(field_name="service_name")).options == ["shop"]


async def test_spans_are_aggregated(traffic: Workspace) -> None:
    found: models.Aggregation = await traffic.spans.aggregate(
        metric={"measure": "duration_ns", "aggregation": "avg"},
        dimensions=["request_model"],
        order_by=[{"field": "avg_duration_ns", "direction": "desc"}],
    )
    assert [(row.metric_name, row.metric_value, row.dimensions) for row in found.data] == [
        ("avg_duration_ns", 1.25e9, {"request_model": "large"}),
        ("avg_duration_ns", 0.5e9, {"request_model": "small"}),
    ]
    counted: models.Aggregation = await traffic.spans.aggregate(
        metric={"measure": "duration_ns", "aggregation": "count"},
        time_dimension={"granularity": "hour"},
        search_expression="request_model = 'large'",
    )
    hour = datetime.datetime(2026, 9, 1, 12, tzinfo=datetime.timezone.utc)
    assert [(row.metric_value, row.time_bucket) for row in counted.data] == [(2, hour)]


async def test_unknown_search_field_is_rejected(workspace: Workspace) -> None:
    search_spans = workspace.spans.search_spans
    error = await error_of(search_spans, search_expression="nothing = 1")
    assert isinstance(error, errors.ValidationError)
    assert (error.status_code, error.error_code, error.operation) == (400, "FIELDS_BAD_REQUEST", "search_spans")
    filters = field("model_name").eq("large") | field("nothing").eq(1)
    error = await error_of(workspace.chat_completion_events.search, filters)
    assert isinstance(error, errors.ValidationError)
    assert (error.status_code, error.error_code) == (400, "FIELDS_BAD_REQUEST")
    error = await error_of(search_spans, search_expression="duration_ns > > 1")
    assert isinstance(error, errors.ValidationError)
    assert (error.status_code, error.error_code) == (400, "TRACES_FILTER_QUERY_PARSE_ERROR")
    assert "15" in str(error)


async def test_import_spans(traffic: Workspace) -> None:
    dataset = await traffic.dataset()
    source = {"namespace": "span_attributes", "key": "gen_ai.input.messages"}
    mapping = {"mappings": [{"target_field": "messages", "source_field": source}]}
    spans = traffic.mistral.spans.iter_spans(search_expression="request_model = 'large'")
    report = await traffic.datasets.import_spans(dataset.id, spans, mapping)
    assert (report.spans, report.records, report.skipped) == (2, 2, 0)
    records = await traffic.records(dataset)
    texts = [record.payload["messages"][0]["parts"][0]["content"] for record in records]
    assert sorted(texts) == ["It's l'été", "Thanks"]
    assert {record.source for record in records} == {"TELEMETRY_SPAN"}
    assert {record.properties["trace_id"] for record in records} == {TRACE}
