"""Events, judges, campaigns and telemetry, against canned servers."""

from __future__ import annotations

import datetime
import json
from contextlib import aclosing
from typing import Any

import pytest
from observability_samples import CLASSIFICATION, DEFINITION, ID, MAPPING, REGRESSION, events, judge, task

from harness import Api, Canned, error_of
from mistral_datasets import enums, errors, field, map_key, models
from mistral_datasets.types import FeedPage, Progress


def dumped(*bodies: object) -> list[str]:
    return [json.dumps(body) for body in bodies]


async def test_a_feed_is_read_by_its_cursors(style: str) -> None:
    pages = dumped(events("a", "b", next="1", cursor="x"), events(next="2"), events("c", cursor="3 &"), {})
    pages[-1] = '{"completion_events": {}}'
    with Canned(200, pages) as server:
        api = Api(style, server.client())
        pager = api.mistral.chat_completion_events.iter(field("model_name").eq("m"))
        assert [event.event_id for event in await api.collect(pager)] == ["a", "b", "c"]
        path = "POST /v1/observability/chat-completion-events/search?"
        assert [line for line, _, _ in server.requests] == [
            f"{path}{query}"
            for query in (
                "page_size=100",
                "cursor=1&page_size=100",
                "cursor=2&page_size=100",
                "cursor=3+%26&page_size=100",
            )
        ]
        assert not hasattr(pager, "count")
        assert not hasattr(pager, "__len__")


async def test_pages_of_a_feed(style: str) -> None:
    with Canned(200, dumped(events("a", "b", next="1"), events("c", "d", next="2"))) as server:
        api = Api(style, server.client())
        pager = api.mistral.chat_completion_events.iter({"filters": None}, page_size=2, limit=3, cursor="0")
        pages: list[FeedPage[models.ChatCompletionEventPreview]] = await api.collect(pager.pages())
        assert [(page.number, page.next_cursor, len(page)) for page in pages] == [(1, "1", 2), (2, "2", 1)]
        assert (pages[0][1].event_id, [event.event_id for event in pages[1]]) == ("b", ["c"])
        assert repr(pages[0]) == "FeedPage(number=1, next_cursor='1', results=<2>)"
        assert [line.split("?")[1] for line, _, _ in server.requests] == [
            "cursor=0&page_size=2",
            "cursor=1&page_size=1",
        ]


async def test_pages_of_a_feed_are_not_requested_ahead(style: str) -> None:
    with Canned(200, dumped(events("a", next="1"), events("b", next="2"), events("c"))) as server:
        api = Api(style, server.client())
        items = api.iterate(api.mistral.chat_completion_events.iter({"filters": None}))
        assert len(server.requests) == 0
        assert (await api.next(items)).event_id == "a"
        assert len(server.requests) == 1
        assert (await api.next(items)).event_id == "b"
        assert len(server.requests) == 2


def test_feeds_can_be_closed() -> None:
    import asyncio

    async def main() -> None:
        with Canned(200, json.dumps(events("a", next="1"))) as server:
            pager = server.client().chat_completion_events.iter({"filters": None})
            async with aclosing(aiter(pager)) as items:
                await anext(items)
            async with aclosing(aiter(pager.pages())) as pages:
                assert len(await anext(pages)) == 1
            assert len(server.requests) == 2

    asyncio.run(main())


async def test_events(style: str) -> None:
    page = events("a")
    with Canned(200, dumped(page)) as server:
        api = Api(style, server.client())
        found = await api.chat_completion_events.search({"filters": None}, page_size=1)
        [event] = found
        assert type(event) is models.ChatCompletionEventPreview
        assert event.extra_fields == {"score": 1.0}
        assert event.created_at == datetime.datetime(2026, 9, 1, tzinfo=datetime.timezone.utc)
        assert models.SearchChatCompletionEventsResponse.model_validate(page) == found


async def test_times_are_datetimes_or_strings(style: str) -> None:
    with Canned(200, '{"options": ["a"]}') as server:
        api = Api(style, server.client())
        zone = datetime.timezone(datetime.timedelta(hours=2))
        name = map_key("span_attributes", r"a/b\'c")
        options = await api.spans.fetch_span_field_options(
            field_name=name, from_=datetime.datetime(2026, 9, 1, 14, 0, 0, 500_000, zone), to="2026-09-02T00:00:00Z"
        )
        assert options.options == ["a"]
        assert server.requests[0][0] == (
            "GET /v1/observability/spans/fields/span_attributes%5B%27a%2Fb%5C%5C%5C%27c%27%5D/options"
            "?from=2026-09-01T12%3A00%3A00.500Z&to=2026-09-02T00%3A00%3A00Z"
        )
        for wrong, kind, message in (
            (datetime.datetime(2026, 9, 1), ValueError, "from_: expected a datetime with a time zone, or an ISO 8601 "),
            (
                "yesterday",
                ValueError,
                "from_: expected a datetime with a time zone, or an ISO 8601 string; the string ",
            ),
            (5, TypeError, "from_: expected a datetime with a time zone, or an ISO 8601 string, found int"),
        ):
            with pytest.raises(kind) as caught:
                await api.spans.search_spans(from_=wrong)
            assert str(caught.value).startswith(message), caught.value


async def test_search_expressions_with_an_open_quote_are_refused(style: str) -> None:
    with Canned(500) as server:
        error = await error_of(Api(style, server.client()).spans.search_spans, search_expression="a = 'b")
        assert isinstance(error, errors.ValidationError)
        assert "the quote at character 5 has no closing quote" in str(error)
        assert server.requests == []


@pytest.mark.parametrize("output", [CLASSIFICATION, REGRESSION, {"type": "RANKING", "places": 3}])
async def test_outputs_of_judges(style: str, output: dict[str, Any]) -> None:
    with Canned([200, 201], json.dumps(judge(output))) as server:
        api = Api(style, server.client())
        found: models.Judge = await api.judges.fetch(judge_id=ID)
        classes = {
            "CLASSIFICATION": models.JudgeClassificationOutput,
            "REGRESSION": models.JudgeRegressionOutput,
            "RANKING": models.UnknownObject,
        }
        assert type(found.output) is classes[output["type"]]
        assert found.output.type == output["type"]
        assert found.to_dict()["output"] == output
        assert models.Judge.from_dict(found.to_dict()) == found
        assert found.model_dump()["output"] == output
        # Instructions are a prompt.
        assert "polite?" not in repr(found)
        assert "instructions=<13 characters>" in repr(found)
        update = dict(DEFINITION, output=found.output)
        if output["type"] == "RANKING":
            error = await error_of(api.judges.update, ID, **update)
            assert "output: expected an object whose `type` is `CLASSIFICATION` or `REGRESSION`" in str(error)
        else:
            await api.judges.create(**update)
            assert json.loads(server.requests[-1][2]) == dict(DEFINITION, output=output)


async def test_a_judge_is_defined_by_dicts_and_objects(style: str) -> None:
    with Canned(200, '{"analysis": "It is polite.", "answer": "yes"}') as server:
        api = Api(style, server.client())
        option = models.JudgeClassificationOutputOption
        output = models.JudgeClassificationOutput(
            options=[option(value="yes", description="Polite"), {"value": "no", "description": "Rude"}]
        )
        fields: dict[str, Any] = {**DEFINITION, "output": output}
        for form in (DEFINITION, models.CreateJudgeRequest(**fields), fields):
            judged = await api.datasets.records.judge(dataset_record_id=ID, judge_definition=form)
            assert (judged.answer, judged.analysis) == ("yes", "It is polite.")
            assert json.loads(server.requests[-1][2]) == {"judge_definition": DEFINITION}
        for wrong, message in (
            ({"name": "Polite"}, "judge_definition.description: a value is required"),
            ({**DEFINITION, "output": {"type": "REGRESSION"}}, "judge_definition.output.min_description: a value is "),
            ({**DEFINITION, "name": "abc"}, "judge_definition.name: expected 5 to 50 characters, found 3"),
            ({**DEFINITION, "tools": [5]}, "judge_definition.tools[0]: expected a str, found int"),
        ):
            error = await error_of(api.datasets.records.judge, ID, judge_definition=wrong)
            assert isinstance(error, errors.ValidationError)
            assert message in str(error), error
        stored: Any = models.Judge.from_dict(judge(CLASSIFICATION))
        with pytest.raises(TypeError, match="judge_definition: expected CreateJudgeRequest or a dict, found Judge"):
            await api.datasets.records.judge(ID, judge_definition=stored)


async def test_answers_are_texts_or_numbers(style: str) -> None:
    answers = [{"analysis": "a", "answer": answer} for answer in ("yes", 3, 0.5, "3")]
    with Canned(200, dumped(*answers)) as server:
        api = Api(style, server.client())
        messages = ({"role": role, "content": "Hello"} for role in ("user", "assistant"))
        first = await api.judges.judge_conversation(ID, messages=messages, properties={"topic": "t"})
        assert json.loads(server.requests[0][2])["messages"][1] == {"role": "assistant", "content": "Hello"}
        found = [first] + [await api.judges.judge_conversation(ID, messages=[{}]) for _ in range(3)]
        assert [(type(each.answer), each.answer) for each in found] == [
            (str, "yes"),
            (float, 3.0),
            (float, 0.5),
            (str, "3"),
        ]
        for wrong in ("Hello", {"role": "user"}, 5):
            with pytest.raises(TypeError, match="messages: expected an iterable of objects, found"):
                await api.judges.judge_conversation(ID, messages=wrong)
        with pytest.raises(TypeError, match=r"messages\[1\]: expected a dict or another JSON object, found str"):
            await api.judges.judge_conversation(ID, messages=[{}, "Hello"])


async def test_lists_of_judges(style: str) -> None:
    page = {"judges": {"results": [judge(CLASSIFICATION)], "count": 1, "next": None, "previous": None}}
    with Canned(200, json.dumps(page)) as server:
        api = Api(style, server.client())
        [found] = await api.judges.list(type_filter=[enums.JudgeOutputType.CLASSIFICATION], model_filter=("a", "b c"))
        assert server.requests[0][0].endswith("?model_filter=a&model_filter=b+c&type_filter=CLASSIFICATION")
        pager = api.mistral.judges.iter(q="x", type_filter=["CLASSIFICATION"])
        assert await api.collect(pager) == [found]
        assert await api.wrap(pager).count() == 1


async def test_a_campaign_is_waited_for(style: str) -> None:
    statuses = ("RUNNING", "PAUSED", "COMPLETED")
    with Canned(200, dumped(*({"status": status} for status in statuses))) as server:
        seen: list[str] = []
        waiting = Api(style, server.client()).campaigns.wait
        status = await waiting(ID, poll_interval=(0, 0), on_progress=seen.append)
        assert status is enums.TaskStatus.COMPLETED
        assert seen == list(statuses)
        assert server.requests[0][0] == f"GET /v1/observability/campaigns/{ID}/status"
    with Canned(200, '{"status": "CANCELED"}') as server:
        error = await error_of(Api(style, server.client()).campaigns.wait, ID)
        assert isinstance(error, errors.TaskFailedError)
        assert "the campaign is CANCELED" in str(error)
    with Canned(200, '{"status": "RUNNING"}') as server:
        error = await error_of(Api(style, server.client()).campaigns.wait, ID, timeout=0)
        assert isinstance(error, errors.TimeoutError)
        assert "the campaign is still RUNNING" in str(error)


SPAN_STRINGS = """
    customer_id organization_id workspace_id user_id trace_id span_id parent_span_id trace_state span_name span_kind
    service_name status_message error_type operation_name provider_name request_model response_model response_id
    output_type conversation_id data_source_id agent_id agent_name agent_version agent_description workflow_name
    prompt_name tool_name tool_type tool_call_id input_messages output_messages system_instructions tool_definitions
    tool_call_arguments tool_call_result scope_name scope_version
"""
SPAN_NUMBERS = """
    duration_ns request_choice_count request_max_tokens request_seed usage_input_tokens usage_output_tokens
    usage_cache_read_input_tokens usage_cache_creation_input_tokens
"""


def span(**values: object) -> dict[str, Any]:
    return {
        **dict.fromkeys(SPAN_STRINGS.split(), ""),
        **dict.fromkeys(SPAN_NUMBERS.split(), 0),
        "start_time": "2026-09-01T00:00:00Z",
        "end_time": "2026-09-01T00:00:01Z",
        "status_code": "Ok",
        **{f"request_{name}": None for name in ("temperature", "top_p", "top_k")},
        **{f"request_{name}": None for name in ("presence_penalty", "frequency_penalty")},
        **{name: [] for name in ("request_stop_sequences", "request_encoding_formats", "response_finish_reasons")},
        "resource_attributes": {"service.name": "shop"},
        "span_attributes": {},
        **values,
    }


async def test_spans(style: str) -> None:
    secret = "the text of a user"
    found = span(trace_id="a" * 32, span_attributes={"z": "1", "a": "[true]"}, input_messages=secret)
    with Canned(200, json.dumps({"spans": {"results": [found], "next": None}})) as server:
        api = Api(style, server.client())
        first: models.GetSpan
        [first] = await api.collect(
            api.mistral.spans.iter_spans(search_expression="a = 'b'", from_="2026-09-01T00:00:00Z")
        )
        assert json.loads(server.requests[0][2]) == {"search_expression": "a = 'b'"}
        assert first.span_attributes == {"a": "[true]", "z": "1"}
        assert first.resource_attributes == {"service.name": "shop"}
        assert type(first.span_attributes) is dict
        assert first.span_attributes is first.span_attributes
        assert (first.request_temperature, first.status_code) == (None, enums.SpanStatusCode.OK)
        assert first.input_messages == secret
        assert secret not in repr(first)
        assert "span_attributes=<2 keys>" in repr(first)
        assert first.to_dict().items() >= found.items()
        assert models.GetSpan.from_dict(found) == first
        first.span_attributes["added"] = "x"
        assert first.to_dict()["span_attributes"] == {"added": "x", "a": "[true]", "z": "1"}
        attributes: dict[str, Any] = first.span_attributes
        attributes["wrong"] = 5
        with pytest.raises(TypeError, match=r"\['?\"?wrong\"?'?\]: expected a str, found int"):
            first.to_json()
        assert (await api.spans.search_spans())[0].span_attributes == {"a": "[true]", "z": "1"}


async def test_aggregates(style: str) -> None:
    body = {
        "data": [{"metric_name": "p95_duration_ns", "metric_value": None, "dimensions": {"a": "b"}}],
        "meta": {"from_timestamp": "2026-09-01T00:00:00Z", "to_timestamp": "2026-09-02T00:00:00Z"},
    }
    with Canned(200, json.dumps(body)) as server:
        api = Api(style, server.client())
        found = await api.spans.aggregate(
            metric={"measure": "duration_ns", "aggregation": "p95"},
            time_dimension=models.TimeDimension(granularity="hour"),
            order_by=[{"field": "time_bucket", "direction": enums.SortOrder.ASC}, models.OrderByClause(field="a")],
            dimensions=["a"],
            limit=5,
        )
        assert json.loads(server.requests[0][2]) == {
            "metric": {"measure": "duration_ns", "aggregation": "p95"},
            "dimensions": ["a"],
            "time_dimension": {"granularity": "hour"},
            "order_by": [{"field": "time_bucket", "direction": "asc"}, {"field": "a"}],
            "limit": 5,
        }
        [row] = found
        invalid: dict[str, Any] = {}
        assert (row.metric_name, row.metric_value, row.dimensions) == ("p95_duration_ns", None, {"a": "b"})
        error = await error_of(api.spans.aggregate, {"measure": "a", "aggregation": "sum"}, order_by=[invalid])
        assert "order_by[0].field: a value is required" in str(error)


async def test_spans_are_imported_in_parts(style: str) -> None:
    bodies = dumped(task("RUNNING"), task("COMPLETED", 9_999), task("RUNNING"), task("COMPLETED", 4))
    with Canned([202, 200, 202, 200], bodies) as server:
        api = Api(style, server.client())
        references = ({"trace_id": "a", "span_id": str(number)} for number in range(10_005))
        report = await api.datasets.import_spans("d", references, MAPPING)
        assert (report.dataset_id, report.spans, report.records, report.skipped) == ("d", 10_005, 10_003, 2)
        assert [(part.first, part.spans) for part in report.parts] == [(0, 10_000), (10_000, 5)]
        assert report.parts[0].task.status == "COMPLETED"
        assert repr(report) == "SpanImportReport(spans=10005, records=10003, skipped=2, parts=<2>)"
        body = json.loads(server.requests[2][2])
        assert body["span_references"][0] == {"trace_id": "a", "span_id": "10000"}
        assert body["mapping_contract"] == MAPPING
        assert (await api.wrap(report.parts[0].task).refresh()).status == "COMPLETED"


async def test_spans_and_references_are_imported(style: str) -> None:
    with Canned([202, 200], dumped(task("RUNNING"), task("COMPLETED", 3))) as server:
        api = Api(style, server.client())
        spans = [
            models.GetSpan.from_dict(span(trace_id="a", span_id="1")),
            models.TelemetrySpanReference(trace_id="a", span_id="2"),
            span(trace_id="a", span_id="3"),
        ]
        mapping = models.SpanDatasetMappingContract(**MAPPING)
        phases: list[str] = []

        def on_progress(update: Progress) -> None:
            phases.append(update.phase)

        report = await api.datasets.import_spans("d", spans, mapping, progress=on_progress)
        assert report.records == 3
        assert set(phases) == {"import"}
        assert json.loads(server.requests[0][2])["span_references"] == [
            {"trace_id": "a", "span_id": number} for number in "123"
        ]


async def test_imports_of_spans_are_resumed(style: str) -> None:
    with Canned([202, 200], json.dumps(task("RUNNING"))) as server:
        api = Api(style, server.client())
        spans = [{"trace_id": "a", "span_id": "1"}]
        error = await error_of(api.datasets.import_spans, "d", spans, MAPPING, wait_timeout=0)
        assert isinstance(error, errors.TimeoutError)
        report: Any = error.report
        assert report.parts[0].task.status == "RUNNING"
    with Canned(200, json.dumps(task("COMPLETED", 1))) as server:
        api = Api(style, server.client())
        resumed = await api.datasets.import_spans("d", spans, MAPPING, resume=report)
        assert resumed.records == 1
        assert [line.split()[0] for line, _, _ in server.requests] == ["GET"]
        with pytest.raises(TypeError, match="resume: expected the SpanImportReport of an earlier call, found str"):
            await api.datasets.import_spans("d", spans, MAPPING, resume="report")


async def test_wrong_spans_are_refused(style: str) -> None:
    with Canned(500) as server:
        api = Api(style, server.client())
        good: dict[str, Any] = {"trace_id": "a", "span_id": "1"}
        for wrong, message in (
            (good, r"^spans: expected an iterable of spans, found dict; for one span, pass `\[span\]`"),
            (models.GetSpan.from_dict(span()), "^spans: expected an iterable of spans, found GetSpan"),
            ([good, "a"], r"^spans\[1\]: expected a GetSpan, a TelemetrySpanReference, or a dict with .* found str"),
            ([{"trace_id": "a"}], r"^spans\[0\]: expected a GetSpan, "),
        ):
            with pytest.raises(TypeError, match=message):
                await api.datasets.import_spans("d", wrong, MAPPING)
        error = await error_of(api.datasets.import_spans, "d", iter([]), MAPPING)
        assert isinstance(error, errors.ValidationError)
        with pytest.raises(errors.ValidationError, match=r"mapping\.mappings\[0\]\.source_field: a value is required"):
            await api.datasets.import_spans("d", [good], {"mappings": [{"target_field": "a"}]})
        assert server.requests == []


def test_every_group_is_in_the_official_namespace() -> None:
    from mistral_datasets import Mistral, resources

    with Mistral("k") as mistral:
        groups = [name for name in vars(type(mistral.beta.observability)) if not name.startswith("_")]
        assert groups == ["datasets", "chat_completion_events", "judges", "campaigns", "spans", "traces", "logs"]
        for name in groups:
            assert getattr(mistral.beta.observability, name) is getattr(mistral, name)
        assert type(mistral.chat_completion_events.fields) is resources.Fields
        assert not hasattr(mistral.beta.observability, "files")
