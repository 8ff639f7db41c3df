"""Testing code that uses the API: a server in the process, workspaces of it that do not meet, responses that fail as you
say, and the journal of the requests that came.

With pytest, the fixture `mistral_local` brings such a workspace to every test, and nothing needs to be set up. With
anything else, start a server once and take a workspace for each test.

Example:
    >>> from mistral_datasets.testing import LocalServer
    >>> with LocalServer() as server, server.workspace() as local:
    ...     local.inject_fault(status=503, headers={"retry-after": "0"}, operation="create_dataset")
    ...     dataset = local.client.datasets.create(name="Refund requests", description="Tickets about refunds")
    ...     assert [request.status for request in local.requests()] == [503, 201]
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mistral_datasets._client import over
from mistral_datasets._native import TestServer, TestWorkspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike
    from types import TracebackType
    from typing import Literal

    from typing_extensions import Self

    from mistral_datasets._client import Mistral
    from mistral_datasets.types import JSON

__all__ = ["FaultRule", "RecordedRequest", "LocalServer", "LocalWorkspace"]


class LocalServer:
    """A local server of the API in this process, of which every test takes a workspace.

    It listens on a free loopback port and takes every key. Starting one takes some milliseconds and a workspace next to
    nothing, so that one server may serve a whole run of tests.

    Args:
        directory: Where the server keeps its data; it is made where it is missing. Without it, data are kept in memory.
        generation: Which generation of the API decides what is accepted: `"g1"`, the documented one, or a newer one, of
            which a payload is any object. Default: `"g1"`.

    Raises:
        errors.ConfigurationError: The directory cannot be used, or another process uses it.
        ValueError: There is no such generation.

    Example:
        >>> with LocalServer(generation="g3") as server, server.workspace() as local:
        ...     dataset = local.client.datasets.create(name="Free payloads", description="")
    """

    __slots__ = ("__weakref__", "_server")

    def __init__(
        self, directory: str | PathLike[str] | None = None, *, generation: Literal["g1", "g2", "g3"] | None = None
    ) -> None:
        self._server = TestServer(directory, generation)

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return self._server.url

    def workspace(self, api_key: str | None = None) -> LocalWorkspace:
        """The workspace of a key, which is the same whoever asks with that key.

        Args:
            api_key: The key. Default: one that nobody else knows, so that the workspace is empty.

        Raises:
            errors.ConfigurationError: The key cannot be sent.
        """
        return LocalWorkspace(self.url, api_key)

    def stop(self) -> None:
        """Stops the server. Stopping twice is no error."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"LocalServer(url={self.url!r})"


@dataclass(frozen=True)
class FaultRule:
    """A rule by which the server spoils responses."""

    id: str
    """Its id, which the journal shows beside the requests that it spoiled."""
    matched: int
    """How many requests it speaks of have come."""
    applied: int
    """How many of them it spoiled."""
    rule: Mapping[str, JSON]
    """The rule as it was given."""


@dataclass(frozen=True)
class RecordedRequest:
    """A request that came to a workspace. It holds no key, and no query of a signed link."""

    number: int
    """Its place among the workspace's requests, from 1."""
    method: str
    """Its method."""
    path: str
    """Its path, with the query."""
    operation: str | None
    """The operation as the API's document names it, such as `create_record`; opening a signed link is `open_link`.
    `None` where there is no such route."""
    status: int | None
    """The response's status; `None` before it is answered, and where the connection was reset before any response."""
    request_bytes: int | None
    """The bytes of its body; `None` before it is answered."""
    headers: Mapping[str, str]
    """Its headers but those that hold secrets, by their names in lower case."""
    started_at: datetime
    """When it came."""
    elapsed_ms: float | None
    """How many milliseconds it took to answer; `None` before that."""
    fault: str | None
    """The id of the rule that spoiled it."""


class LocalWorkspace:
    """A key's part of a local server: a client of it, the faults of its responses and the journal of its requests. Other
    keys see nothing of it.

    Its methods block for less than a millisecond mostly, so tests that use asyncio call them as they are.

    Args:
        url: The address of a local server, also of one that runs elsewhere, as with `mistral-datasets serve --memory`.
        api_key: The key. Default: one that nobody else knows, so that the workspace is empty.

    Raises:
        errors.ConfigurationError: The address is none, or the key cannot be sent.
    """

    __slots__ = ("__weakref__", "_api_key", "_client", "_url", "_workspace")

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._api_key = str(uuid.uuid4()) if api_key is None else api_key
        self._workspace = TestWorkspace(self._url, self._api_key)
        self._client = over(self._workspace.client())

    @property
    def client(self) -> Mistral:
        """A client of the workspace. `client.with_options(...)` is one that is set up otherwise."""
        return self._client

    @property
    def url(self) -> str:
        """The server's address, for any other client of the API, such as the official SDK."""
        return self._url

    @property
    def api_key(self) -> str:
        """The workspace's key, for any other client of the API."""
        return self._api_key

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a `Mistral()` finds the workspace: `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL`."""
        return {"MISTRAL_API_KEY": self._api_key, "MISTRAL_SERVER_URL": self._url}

    def inject_fault(
        self,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: JSON = None,
        delay_ms: int | None = None,
        reset_after_bytes: int | None = None,
        truncate_after_bytes: int | None = None,
        drip: tuple[int, int] | None = None,
        task_fails: str | None = None,
        task_stuck: bool | None = None,
        task_delay_ms: int | None = None,
        operation: str | None = None,
        method: str | None = None,
        route: str | None = None,
        skip: int = 0,
        times: int | None = 1,
        carry_out: bool | None = None,
    ) -> FaultRule:
        """Spoils responses by a rule. A request is spoiled by the first rule that applies, so that rules which are used
        up one after another make a sequence.

        Args:
            status: The response has this status instead. A failure without a `body` has the API's envelope.
            headers: Headers that the response gets, such as `{"retry-after": "1"}`.
            body: The response has this body instead: text as it is, anything else as JSON.
            delay_ms: The response waits for so many milliseconds after the request was carried out.
            reset_after_bytes: The connection is reset after so many bytes of the response's body; after 0, before anything
                of the response.
            truncate_after_bytes: The connection is closed after so many bytes of the body, although more were promised.
            drip: The body comes in pieces of so many bytes, with so many milliseconds between them.
            task_fails: The import that the request begins fails with this message, and nothing is imported.
            task_stuck: The import runs, and never ends.
            task_delay_ms: The import runs for so many milliseconds before anything is done.
            operation: Only requests of this operation, named as in the API's document, such as `"create_record"`;
                `"open_link"` is opening a signed link. Default: of all.
            method: Only requests of this method.
            route: Only requests of this route, written as in the document, such as `"/v1/files/{file_id}"`.
            skip: So many of these requests pass first.
            times: So many of them are spoiled then; `None` for all.
            carry_out: Whether the request is really carried out. By default it is, unless `status` or `body` replaces
                the response.

        Returns:
            The rule with its id.

        Raises:
            errors.ValidationError: The rule cannot be meant, or does nothing; the message names the member.

        Example:
            >>> local.inject_fault(status=429, headers={"retry-after": "1"}, operation="list_records", times=2)
            >>> local.inject_fault(reset_after_bytes=0, operation="create_record")  # carried out, but nobody hears of it
        """
        given_of_task = {"fail": task_fails, "stuck": task_stuck, "delay_ms": task_delay_ms}
        task = {name: value for name, value in given_of_task.items() if value is not None}
        given: dict[str, object] = {
            "status": status,
            "headers": None if headers is None else dict(headers),
            "body": body,
            "delay_ms": delay_ms,
            "reset_after_bytes": reset_after_bytes,
            "truncate_after_bytes": truncate_after_bytes,
            "drip": None if drip is None else {"bytes": drip[0], "interval_ms": drip[1]},
            "task": task or None,
            "operation": operation,
            "method": method,
            "route": route,
            "carry_out": carry_out,
        }
        rule = {name: value for name, value in given.items() if value is not None}
        return _fault(self.insert_fixture("faults", {**rule, "skip": skip, "times": times})["faults"][0])

    def faults(self) -> list[FaultRule]:
        """The rules that were given, and to how many requests each was applied."""
        return [_fault(fault) for fault in self._ask("GET", "faults")["faults"]]

    def clear_faults(self) -> None:
        """Ends all faults."""
        self._ask("DELETE", "faults")

    def requests(self, operation: str | None = None) -> list[RecordedRequest]:
        """The requests that came to the workspace, the oldest first: the newest 10,000 since it was emptied.

        Args:
            operation: Only those of this operation. Default: all.

        Example:
            >>> assert [request.status for request in local.requests("create_record")] == [503, 201]
        """
        requests = [_request(request) for request in self._ask("GET", "requests")["requests"]]
        return [request for request in requests if operation is None or request.operation == operation]

    def clear_requests(self) -> None:
        """Empties the journal, so that `requests` tells what came since."""
        self._ask("DELETE", "requests")

    def insert_events(self, events: Iterable[Mapping[str, JSON]]) -> list[str]:
        """Plants completion events, which imports from the explorer and from campaigns read.

        Args:
            events: Objects with `request_messages` and `response_messages`, and possibly `event_id` and `extra_fields`.

        Returns:
            The events' ids.

        Raises:
            errors.ValidationError: One of them cannot be read as that.
        """
        return [event["event_id"] for event in self.insert_fixture("chat-completion-events", [*map(dict, events)])]

    def insert_conversations(self, conversations: Iterable[Mapping[str, JSON]]) -> list[str]:
        """Plants conversations, which imports from the playground read.

        Args:
            conversations: Objects with `messages`, and possibly `conversation_id`.

        Returns:
            The conversations' ids.

        Raises:
            errors.ValidationError: One of them cannot be read as that.
        """
        planted = self.insert_fixture("conversations", [*map(dict, conversations)])
        return [conversation["conversation_id"] for conversation in planted]

    def insert_campaign(self, name: str, event_ids: Sequence[str]) -> str:
        """Plants a campaign, which an import reads.

        Args:
            name: Its name.
            event_ids: The events it found; see `insert_events`.

        Returns:
            The campaign's id.
        """
        return str(self.insert_fixture("campaigns", {"name": name, "event_ids": [*event_ids]})["id"])

    def insert_fixture(self, what: str, body: object) -> Any:
        """Posts JSON to one of the server's own routes, for what has no method here.

        Args:
            what: The route's end, behind `/local/v1/`.
            body: What is posted.

        Returns:
            The response's JSON, or `None` where it has none.
        """
        return self._ask("POST", what, json.dumps(body))

    def reset(self) -> None:
        """Makes the workspace as it was at first: without data, faults and journal."""
        self._ask("POST", "reset")

    def close(self) -> None:
        """Closes the client of the workspace. What it holds stays, for other clients with its key."""
        self._client.close()

    def _ask(self, method: str, route: str, body: str | None = None) -> Any:
        response = self._workspace.ask(method, route, body)
        return json.loads(response) if response else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LocalWorkspace(url={self.url!r})"


def _fault(members: dict[str, Any]) -> FaultRule:
    known = {name: members.pop(name) for name in ("id", "matched", "applied")}
    return FaultRule(**known, rule=members)


def _request(members: dict[str, Any]) -> RecordedRequest:
    # A server that runs elsewhere may be newer, and tell more.
    known = {name: members[name] for name in RecordedRequest.__dataclass_fields__}
    # Python 3.10 does not read the letter.
    known["started_at"] = datetime.fromisoformat(members["started_at"].replace("Z", "+00:00"))
    return RecordedRequest(**known)
