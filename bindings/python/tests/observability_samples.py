"""JSON of the observability groups, as servers send it."""

from __future__ import annotations

from typing import Any

ID = "019b2bd7-96e7-7219-8c0b-45a73da50088"

CLASSIFICATION: dict[str, Any] = {
    "type": "CLASSIFICATION",
    "options": [{"value": "yes", "description": "Polite"}, {"value": "no", "description": "Rude"}],
}
REGRESSION: dict[str, Any] = {"type": "REGRESSION", "min_description": "bad", "max_description": "good"}

DEFINITION: dict[str, Any] = {
    "name": "Polite",
    "description": "",
    "model_name": "mistral-small-latest",
    "output": CLASSIFICATION,
    "instructions": "Is it polite?",
    "tools": [],
}
"""Definition of a judge."""

MAPPING: dict[str, Any] = {
    "mappings": [
        {
            "target_field": "messages",
            "source_field": {"namespace": "span_attributes", "key": "gen_ai.input.messages"},
        }
    ]
}


def judge(output: object) -> dict[str, Any]:
    times = {"created_at": "2026-09-01T00:00:00Z", "updated_at": "2026-09-01T00:00:00Z"}
    return {**DEFINITION, "id": ID, **times, "owner_id": ID, "workspace_id": ID, "output": output}


def events(*ids: str, next: object = None, cursor: object = None) -> dict[str, Any]:
    """Returns a page of a search for events."""
    results = [
        {
            "event_id": each,
            "correlation_id": "c",
            "created_at": "2026-09-01T00:00:00Z",
            "extra_fields": {"score": 1.0},
            "nb_input_tokens": 1,
            "nb_output_tokens": 2,
        }
        for each in ids
    ]
    return {"completion_events": {"results": results, "next": next, "cursor": cursor}}


def task(status: str, imported: int = 0) -> dict[str, Any]:
    return {
        "id": ID,
        "dataset_id": ID,
        "created_at": "2026-09-01T00:00:00Z",
        "updated_at": "2026-09-01T00:00:00Z",
        "creator_id": ID,
        "workspace_id": ID,
        "status": status,
        "result": {
            "imported_record_count": imported,
            "requested_record_count": imported + 1,
            "skipped_record_count": 1,
        },
    }
