"""OTLP requests for the tests, as JSON."""

import json
import time
import uuid


def attributes(values):
    """Returns attributes in the form of OTLP."""
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [{"key": key, "value": {kinds[type(value)]: value}} for key, value in values.items()]


def chat_span(question, answer, *, model="mistral-small-latest", trace_id=None, start=None, seconds=1.25, **extra):
    """Returns a span of a chat completion. Without a start, it has just ended."""
    start_ns = int((start or time.time() - seconds) * 1e9)
    messages = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    output = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    values = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(output),
        **extra,
    }
    return {
        "traceId": trace_id or uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "name": f"chat {model}",
        "kind": 3,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + int(seconds * 1e9)),
        "status": {"code": 1},
        "attributes": attributes(values),
    }


def traces_request(*spans, service="shop-bot"):
    """Returns a request with the spans of one service."""
    resource = {"attributes": attributes({"service.name": service})}
    scope_spans = [{"scope": {"name": "shop.tracer", "version": "1.0.0"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}


def logs_request(*records, service="shop-bot"):
    """Returns a request with the log records of one service."""
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {}, "logRecords": list(records)}]}]}


def log_record(body, *, severity="INFO", number=9, **extra):
    """Returns a log record that was just made."""
    return {
        "timeUnixNano": str(time.time_ns()),
        "severityText": severity,
        "severityNumber": number,
        "body": {"stringValue": body},
        **extra,
    }


def evaluation(span, name, score, label, explanation):
    """Returns the log record of an evaluation of a span."""
    values = {
        "gen_ai.evaluation.name": name,
        "gen_ai.evaluation.score.value": score,
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.explanation": explanation,
    }
    ids = {"traceId": span["traceId"], "spanId": span["spanId"]}
    event = {"eventName": "gen_ai.evaluation.result", "attributes": attributes(values)}
    return log_record("gen_ai.evaluation.result", **ids, **event)
