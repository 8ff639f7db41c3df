"""Tests the operations on spans, traces and logs, and the telemetry of the official SDK itself."""

import http.server
import json
import threading
import time

import pytest
from mistralai.client import Mistral

from telemetry import chat_span, evaluation, log_record, logs_request, traces_request
from workspace import OPERATIONS, SERVER_URL, as_dict, expect_error


@pytest.fixture
def spans(api):
    """Three spans of one trace, in the order they started."""
    start = time.time() - 60
    first = chat_span("Where is my order?", "It ships today.", start=start, seconds=0.5)
    others = [
        chat_span("Thanks", "You are welcome.", trace_id=first["traceId"], start=start + number, model="mistral-large")
        for number in (1, 2)
    ]
    api.send_telemetry("traces", traces_request(first, *others))
    return [first, *others]


def span_ids(spans):
    return [span["spanId"] for span in spans]


def test_search_spans_in_pages_newest_first(api, spans):
    first = api.spans.search_spans(page_size=2).spans
    last = api.spans.search_spans(page_size=2, cursor=first.next or first.cursor).spans
    assert [span.span_id for span in first.results + last.results] == span_ids(reversed(spans))
    found = api.spans.search_spans(search_expression="request_model = 'mistral-large' AND duration_ns > 1000000000").spans
    assert [span.span_id for span in found.results] == span_ids([spans[2], spans[1]])
    span = found.results[0]
    assert (span.service_name, span.operation_name, span.usage_input_tokens) == ("shop-bot", "chat", 21)
    assert span.span_attributes["gen_ai.request.model"] == "mistral-large"


def test_invalid_expressions_are_rejected(api):
    error = expect_error(
        400, "TRACES_FILTER_QUERY_PARSE_ERROR", api.spans.search_spans, search_expression="request_model = "
    )
    assert "position" in error.message or "column" in error.message
    expect_error(400, "FIELDS_BAD_REQUEST", api.spans.search_spans, search_expression="nothing = 1")


def test_traces(api, spans):
    trace_id = spans[0]["traceId"]
    [trace] = api.traces.search(search_expression="span_count = 3").traces.results
    assert (trace.trace_id, trace.llm_call_count, trace.input_tokens) == (trace_id, 3, 63)
    assert sorted(trace.models_used) == ["mistral-large", "mistral-small-latest"]
    assert trace.first_turn_last_input_message == "Where is my order?"
    assert api.traces.get_trace_by_id(trace_id=trace_id) == trace
    assert [span.span_id for span in api.traces.get_trace_spans(trace_id=trace_id).spans.results] == span_ids(spans)
    span = api.traces.get_span_by_id(trace_id=trace_id, span_id=spans[1]["spanId"])
    assert span.span_id == spans[1]["spanId"]
    expect_error(404, "TRACE_NOT_FOUND", api.traces.get_trace_by_id, trace_id="0" * 31 + "1")
    expect_error(404, "SPAN_NOT_FOUND", api.traces.get_span_by_id, trace_id=trace_id, span_id="0" * 15 + "1")


def test_logs(api):
    api.send_telemetry("logs", logs_request(log_record("started"), log_record("failed", severity="ERROR", number=17)))
    logs = api.logs.search(order="asc").logs.results
    assert [log.body for log in logs] == ["started", "failed"]
    found = api.logs.search(search_expression="severity_text = 'ERROR' AND body CONTAINS 'fail'").logs.results
    assert [log.severity_number for log in found] == [17]


def test_span_evaluations(api, spans):
    records = [
        evaluation(spans[0], "relevance", 0.25, "low", "Too short."),
        evaluation(spans[1], "relevance", 0.75, "high", "Good."),
    ]
    api.send_telemetry("logs", logs_request(*records))
    api.send_telemetry("logs", logs_request(evaluation(spans[0], "relevance", 1.0, "high", "Better.")))
    found = api.spans.search_span_evaluations(search_expression="score_label = 'high'").span_evaluations.results
    assert sorted(evaluated.score_value for evaluated in found) == [0.75, 1.0]
    latest = api.spans.search_latest_span_evaluations().span_evaluations.results
    assert sorted(evaluated.score_value for evaluated in latest) == [0.75, 1.0]


def test_fields_and_options(api, spans):
    api.send_telemetry("logs", logs_request(log_record("started"), evaluation(spans[0], "relevance", 1.0, "", "")))
    for fields, options, name, values in [
        (api.spans.list_span_fields, api.spans.fetch_span_field_options, "service_name", ["shop-bot"]),
        (
            api.spans.list_span_eval_fields,
            api.spans.fetch_span_eval_field_options,
            "evaluation_name",
            ["relevance"],
        ),
        (api.traces.get_trace_fields, api.traces.fetch_options, "service_name", ["shop-bot"]),
        (api.logs.list, api.logs.fetch_options, "service_name", ["shop-bot"]),
    ]:
        definitions = {field.name: field for field in fields().field_definitions}
        assert "eq" in definitions[name].supported_operators
        assert options(field_name=name).options == values


if "aggregate" in OPERATIONS["spans"]:

    def test_aggregate(api, spans):
        metric = {"measure": "duration_ns", "aggregation": "avg"}
        rows = api.spans.aggregate(metric=metric, dimensions=["request_model"]).data
        assert {row.dimensions["request_model"]: row.metric_value for row in rows} == {
            "mistral-large": 1.25e9,
            "mistral-small-latest": 0.5e9,
        }
        count = {"measure": "trace_id", "aggregation": "count"}
        [row] = api.traces.aggregate(metric=count).data
        assert row.metric_value == 1
        api.send_telemetry("logs", logs_request(evaluation(spans[0], "relevance", 0.5, "", "")))
        score = {"measure": "score_value", "aggregation": "max"}
        [row] = api.spans.aggregate_span_evaluations(metric=score, dimensions=["evaluation_name"]).data
        assert (row.metric_name, row.metric_value) == ("max_score_value", 0.5)


if "import_from_spans" in OPERATIONS["datasets"]:

    def test_import_from_spans(api, dataset, spans):
        references = [{"trace_id": span["traceId"], "span_id": span["spanId"]} for span in spans[:2]]
        source = {"namespace": "span_attributes", "key": "gen_ai.input.messages"}
        contract = {"version": 1, "mappings": [{"target_field": "messages", "source_field": source}]}
        task = api.datasets.import_from_spans(
            dataset_id=dataset.id, span_references=references, mapping_contract=contract
        )
        api.wait_until_imported(task, 2)
        first, second = api.list_records(dataset)
        assert as_dict(first.payload)["messages"][0]["parts"][0]["content"] == "Where is my order?"
        assert second.properties == references[1]
        assert {first.source, second.source} == {"TELEMETRY_SPAN"}


class ChatHandler(http.server.BaseHTTPRequestHandler):
    """Answers every chat request in the same way."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": "Bonjour, été!"}
        usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        common = {"id": "cmpl-1", "object": "chat.completion", "created": 0, "model": request["model"]}
        body = json.dumps({**common, "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def chat_server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ChatHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_telemetry_of_the_sdk_arrives(api, chat_server, monkeypatch):
    from mistralai.extra.observability import configure_telemetry

    monkeypatch.setenv("MISTRAL_OTLP_TRACES_ENDPOINT", f"{SERVER_URL}/telemetry/v1/traces")
    with Mistral(api_key=api.key, server_url=chat_server) as client:
        assert configure_telemetry(client)
        client.chat.complete(model="mistral-tiny", messages=[{"role": "user", "content": "Ça va, l'été?"}])
    deadline = time.monotonic() + 20
    while not (found := api.spans.search_spans(search_expression="operation_name = 'chat'").spans.results):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    [span] = found
    assert (span.service_name, span.request_model, span.usage_output_tokens) == ("mistralai_sdk", "mistral-tiny", 5)
    assert "Ça va, l'été?" in span.input_messages
    matching = api.spans.search_spans(search_expression="output_messages CONTAINS 'été'").spans.results
    assert [span.span_id for span in matching] == [span.span_id]
