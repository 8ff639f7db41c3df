"""Plants what imports read, and corrects what schemathesis believes of forms."""

import json
import os
import re
import urllib.request

import schemathesis


def insert_fixture(route: str, body: object) -> object:
    """Asks the server to hold something that only the service itself makes."""
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


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_even(text: str) -> bool:
    """A choice that depends on nothing but what was generated, so that a seed says all."""
    return sum(text.encode(errors="surrogatepass")) % 2 == 0


@schemathesis.hook.apply_to(operation_id="import_from_campaign")
def map_body(context, body):
    """Names the planted campaign instead of one that nobody knows, half of the time."""
    if isinstance(body, dict) and is_uuid(body.get("campaign_id")) and is_even(body["campaign_id"]):
        body["campaign_id"] = CAMPAIGN
    return body


@schemathesis.hook("map_body").apply_to(operation_id="import_from_explorer")
def map_events(context, body):
    """Names the planted event instead of others, half of the time."""
    return with_known(body, "completion_event_ids", EVENT)


@schemathesis.hook("map_body").apply_to(operation_id="import_from_playground")
def map_conversations(context, body):
    """Names the planted conversation instead of others, half of the time."""
    return with_known(body, "conversation_ids", CONVERSATION)


def with_known(body, member: str, known: str):
    """Puts a known name into every place of a list of names, if the list is one and the choice says so."""
    names = body.get(member) if isinstance(body, dict) else None
    are_names = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if are_names and is_even("".join(names)):
        body[member] = [known for _ in names]
    return body


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


@schemathesis.hook("filter_body").apply_to(operation_id="upload_file")
def filter_form(context, body):
    """Leaves out forms that cannot be sent as they were meant.

    To break a field's type, schemathesis makes lists of it, and a form has a part for each item of a list. An empty one
    is then no part at all, so what is sent is a form without the field, which is as good as any other. A number or a
    truth value in place of a text is the text that it is written as. And a name with control characters breaks the
    header that it is written into.
    """
    if not isinstance(body, dict):
        return True
    if not isinstance(body.get("purpose", ""), str):
        return False
    return all(value not in ([], None) for value in body.values()) and not any(CONTROL.search(name) for name in body)
