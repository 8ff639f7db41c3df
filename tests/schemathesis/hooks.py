"""Schemathesis hooks: insert the data that imports read, use its ids in requests, and skip unsendable forms."""

import json
import os
import re
import urllib.request

import schemathesis


def insert_fixture(route: str, body: object) -> object:
    """Posts a fixture to the server's own routes, for data that the API cannot create."""
    request = urllib.request.Request(
        f"{os.environ['MISTRAL_SERVER_URL']}/local/v1/{route}",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['MISTRAL_API_KEY']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)


MESSAGES = [{"role": "user", "content": "Where is my order?"}]
EVENT = "event-1"
CONVERSATION = "conversation-1"

insert_fixture(
    "chat-completion-events",
    [{"event_id": EVENT, "request_messages": MESSAGES, "response_messages": MESSAGES}],
)
insert_fixture("conversations", [{"conversation_id": CONVERSATION, "messages": MESSAGES}])
CAMPAIGN = insert_fixture("campaigns", {"name": "A campaign", "event_ids": [EVENT]})["id"]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Lets payloads be any objects.

    The document describes `messages` for clients with types, and because the first generation of the API requires them.
    The server accepts what any generation accepts; its own tests cover the strict first generation.
    """
    del raw_schema["components"]["schemas"]["ConversationPayload"]["properties"]


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_even(text: str) -> bool:
    """Returns whether the bytes sum to an even number: a coin flip that the seed of a run determines."""
    return sum(text.encode(errors="surrogatepass")) % 2 == 0


@schemathesis.hook.apply_to(operation_id="import_from_campaign")
def map_body(context, body):
    """Replaces the id with that of the inserted campaign, half of the time."""
    if isinstance(body, dict) and is_uuid(body.get("campaign_id")) and is_even(body["campaign_id"]):
        body["campaign_id"] = CAMPAIGN
    return body


@schemathesis.hook("map_body").apply_to(operation_id="import_from_explorer")
def map_events(context, body):
    """Replaces the ids with that of the inserted event, half of the time."""
    return with_known_ids(body, "completion_event_ids", EVENT)


@schemathesis.hook("map_body").apply_to(operation_id="import_from_playground")
def map_conversations(context, body):
    """Replaces the ids with that of the inserted conversation, half of the time."""
    return with_known_ids(body, "conversation_ids", CONVERSATION)


def with_known_ids(body, key: str, known: str):
    """Replaces every id in a list of strings with a known id, half of the time."""
    ids = body.get(key) if isinstance(body, dict) else None
    is_list_of_strings = isinstance(ids, list) and all(isinstance(item, str) for item in ids)
    if is_list_of_strings and is_even("".join(ids)):
        body[key] = [known for _ in ids]
    return body


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


@schemathesis.hook("filter_body").apply_to(operation_id="upload_file")
def filter_form(context, body):
    """Skips forms whose encoding differs from the generated value.

    A list becomes one form part per item, so an empty list omits the field and the form may be valid. A number or
    boolean becomes a string, so it is valid where a string is expected. A field name with control characters breaks the
    part's headers.
    """
    if not isinstance(body, dict):
        return True
    if not isinstance(body.get("purpose", ""), str):
        return False
    return all(value not in ([], None) for value in body.values()) and not any(CONTROL.search(name) for name in body)
