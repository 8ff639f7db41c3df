"""Local servers for tests: isolated workspaces, fault injection and a log of the requests received.

With pytest, the fixture `mistral_local` provides a workspace to every test without any setup. Otherwise, start one
server and create a workspace per test.

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import PathLike
from types import TracebackType
from typing import Any, Literal

from mistral_datasets._client import Mistral, from_native
from mistral_datasets._compat import Self
from mistral_datasets._native import TestServer, TestWorkspace
from mistral_datasets.types import JSON

__all__ = ["FaultRule", "LocalServer", "LocalWorkspace", "RecordedRequest"]


class LocalServer:
    """A local server of the API in this process.

    It listens on a free loopback port and accepts every API key. Each key has its own workspace. Starting a server
    takes a few milliseconds and creating a workspace almost no time, so one server can serve a whole test run.

    Args:
        directory: Data directory, created if necessary. Default: data is kept in memory.
        generation: API generation to serve. `"any"` has all operations and accepts what any generation accepts. The
            others are strict, and operations that they do not have are not found. Default: `"any"`.
        judge_url: Base URL of an OpenAI-compatible API whose models judges ask, such as
            `https://api.mistral.ai/v1`. Default: none, so judging fails with `FEATURE_NOT_SUPPORTED`.
        judge_key: API key for `judge_url`. Default: none is sent.
        judge_timeout: How long a judgement may take, including retries, in seconds or as a `timedelta`. Default: 60
            seconds.
        judge_models: Model names of the endpoint by the names that judges use. Models that are not listed have the
            same name.

    Raises:
        errors.ConfigurationError: The directory cannot be used, another server uses it, or a judge option is invalid.
        ValueError: The generation is unknown.

    Example:
        >>> with LocalServer(generation="g1") as server, server.workspace() as local:
        ...     dataset = local.client.datasets.create(name="Payloads with messages only", description="")
    """

    __slots__ = ("__weakref__", "_server")

    def __init__(
        self,
        directory: str | PathLike[str] | None = None,
        *,
        generation: Literal["any", "g1", "g2", "g3"] | None = None,
        judge_url: str | None = None,
        judge_key: str | None = None,
        judge_timeout: float | timedelta | None = None,
        judge_models: Mapping[str, str] | None = None,
    ) -> None:
        judge: dict[str, object] = {
            "judge_url": judge_url,
            "judge_key": judge_key,
            "judge_timeout": judge_timeout,
            "judge_models": judge_models,
        }
        given = {name: value for name, value in judge.items() if value is not None}
        self._server = TestServer(directory, generation, given)

    @property
    def url(self) -> str:
        """URL of the server, without a trailing slash."""
        return self._server.url

    def workspace(self, api_key: str | None = None) -> LocalWorkspace:
        """Returns the workspace of an API key.

        Args:
            api_key: API key. The same key always has the same workspace. Default: a random key, so the workspace is
                empty.

        Raises:
            errors.ConfigurationError: The key cannot be sent in a header.
        """
        return LocalWorkspace(self.url, api_key)

    def stop(self) -> None:
        """Stops the server. Has no effect if it is already stopped."""
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
    """A fault rule and its counters."""

    id: str
    """ID of the rule. Requests to which it was applied have it as `fault`."""
    matched: int
    """Number of requests that matched the rule."""
    applied: int
    """Number of requests to which the fault was applied."""
    rule: Mapping[str, JSON]
    """The rule as JSON."""


@dataclass(frozen=True)
class RecordedRequest:
    """A request that a workspace received. API keys and the queries of presigned URLs are removed."""

    number: int
    """Sequence number within the workspace, starting at 1."""
    method: str
    """HTTP method."""
    path: str
    """Path and query."""
    operation: str | None
    """Operation ID from the OpenAPI document, such as `create_record`; `open_link` for a presigned URL. `None` if the
    route is unknown."""
    status: int | None
    """HTTP status of the response. `None` if no response has been sent yet, or the connection was reset first."""
    request_bytes: int | None
    """Size of the request body in bytes. `None` until the response has been sent."""
    headers: Mapping[str, str]
    """Request headers without secrets, with lower-case names."""
    started_at: datetime
    """Time at which the request arrived."""
    elapsed_ms: float | None
    """Duration until the response was sent, in milliseconds. `None` until then."""
    fault: str | None
    """ID of the fault rule that was applied."""


class LocalWorkspace:
    """Workspace of one API key on a local server: a client, fault rules and a log of its requests.

    Workspaces are isolated from each other. The methods usually block for less than a millisecond, so asyncio tests can
    call them directly.

    Args:
        url: URL of a local server, which may run in another process, such as `mistral-datasets serve --memory`.
        api_key: API key. Default: a random key, so the workspace is empty.

    Raises:
        errors.ConfigurationError: The URL is invalid, or the key cannot be sent in a header.
    """

    __slots__ = ("__weakref__", "_api_key", "_client", "_url", "_workspace")

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._api_key = str(uuid.uuid4()) if api_key is None else api_key
        self._workspace = TestWorkspace(self._url, self._api_key)
        self._client = from_native(self._workspace.client())

    @property
    def client(self) -> Mistral:
        """Client for the workspace. Use `client.with_options(...)` for other options."""
        return self._client

    @property
    def url(self) -> str:
        """URL of the server, for other clients of the API, such as the official SDK."""
        return self._url

    @property
    def api_key(self) -> str:
        """API key of the workspace, for other clients of the API."""
        return self._api_key

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for `Mistral()` to use the workspace: `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL`."""
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
        """Adds a fault rule. The first matching rule applies to a request, so rules with `times` form a sequence.

        Args:
            status: Status of the response. An error status without `body` has the API's error format.
            headers: Headers to add to the response, such as `{"retry-after": "1"}`.
            body: Body of the response: a string is sent unchanged, any other value as JSON.
            delay_ms: Delay in milliseconds between carrying out the request and sending the response.
            reset_after_bytes: Reset the connection after this many bytes of the response body; 0 resets it before the
                response.
            truncate_after_bytes: Close the connection after this many bytes of the response body, although
                `content-length` announces more.
            drip: Send the body in chunks: the size of a chunk in bytes, and the delay between chunks in milliseconds.
            task_fails: The import task that the request starts fails with this message and imports nothing.
            task_stuck: The import task never finishes.
            task_delay_ms: The import task is in progress for this many milliseconds before it imports anything.
            operation: Match only this operation ID from the OpenAPI document, such as `"create_record"`, or
                `"open_link"` for presigned URLs. Default: all operations.
            method: Match only this HTTP method.
            route: Match only this route of the OpenAPI document, such as `"/v1/files/{file_id}"`.
            skip: Number of matching requests to skip first.
            times: Number of requests to apply the fault to; `None` for all.
            carry_out: Whether the request is carried out. Default: yes, unless `status` or `body` is given.

        Returns:
            The rule with its ID.

        Raises:
            errors.ValidationError: The rule is invalid or has no effect. The message names the argument.

        Example:
            >>> local.inject_fault(status=429, headers={"retry-after": "1"}, operation="list_records", times=2)
            >>> local.inject_fault(reset_after_bytes=0, operation="create_record")  # carried out, but no response
        """
        task_faults = {"fail": task_fails, "stuck": task_stuck, "delay_ms": task_delay_ms}
        task = {name: value for name, value in task_faults.items() if value is not None}
        fields: dict[str, object] = {
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
        rule = {name: value for name, value in fields.items() if value is not None}
        return _fault(self.insert_fixture("faults", {**rule, "skip": skip, "times": times})["faults"][0])

    def faults(self) -> list[FaultRule]:
        """Returns the fault rules with their counters."""
        return [_fault(fault) for fault in self._send("GET", "faults")["faults"]]

    def clear_faults(self) -> None:
        """Removes all fault rules."""
        self._send("DELETE", "faults")

    def requests(self, operation: str | None = None) -> list[RecordedRequest]:
        """Returns the requests that the workspace received, oldest first; at most the latest 10,000.

        Args:
            operation: Return only requests of this operation. Default: all.

        Example:
            >>> assert [request.status for request in local.requests("create_record")] == [503, 201]
        """
        requests = [_request(request) for request in self._send("GET", "requests")["requests"]]
        return [request for request in requests if operation is None or request.operation == operation]

    def clear_requests(self) -> None:
        """Clears the request log."""
        self._send("DELETE", "requests")

    def insert_events(self, events: Iterable[Mapping[str, JSON]]) -> list[str]:
        """Inserts completion events, for imports from the explorer and from campaigns.

        Args:
            events: Dicts with `request_messages`, `response_messages`, and optional `event_id` and `extra_fields`.

        Returns:
            The IDs of the events.

        Raises:
            errors.ValidationError: An event is invalid.
        """
        return [event["event_id"] for event in self.insert_fixture("chat-completion-events", [*map(dict, events)])]

    def insert_conversations(self, conversations: Iterable[Mapping[str, JSON]]) -> list[str]:
        """Inserts conversations, for imports from the playground.

        Args:
            conversations: Dicts with `messages` and an optional `conversation_id`.

        Returns:
            The IDs of the conversations.

        Raises:
            errors.ValidationError: A conversation is invalid.
        """
        inserted = self.insert_fixture("conversations", [*map(dict, conversations)])
        return [conversation["conversation_id"] for conversation in inserted]

    def insert_campaign(self, name: str, event_ids: Sequence[str]) -> str:
        """Inserts a campaign, for imports from campaigns.

        Args:
            name: Name of the campaign.
            event_ids: IDs of the events in the campaign; see `insert_events`.

        Returns:
            The ID of the campaign.
        """
        return str(self.insert_fixture("campaigns", {"name": name, "event_ids": [*event_ids]})["id"])

    def insert_fixture(self, what: str, body: object) -> Any:
        """Posts JSON to one of the local server's own routes, for fixtures without a method of their own.

        Args:
            what: Route below `/local/v1/`.
            body: Value to post as JSON.

        Returns:
            The JSON of the response, or `None` if it is empty.
        """
        return self._send("POST", what, json.dumps(body))

    def reset(self) -> None:
        """Deletes all data, fault rules and recorded requests of the workspace."""
        self._send("POST", "reset")

    def close(self) -> None:
        """Closes the client of the workspace. The data stays available to other clients with the same key."""
        self._client.close()

    def _send(self, method: str, route: str, body: str | None = None) -> Any:
        response = self._workspace.send_request(method, route, body)
        return json.loads(response) if response else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LocalWorkspace(url={self.url!r})"


def _fault(fields: dict[str, Any]) -> FaultRule:
    counters = {name: fields.pop(name) for name in ("id", "matched", "applied")}
    return FaultRule(**counters, rule=fields)


def _request(fields: dict[str, Any]) -> RecordedRequest:
    # A newer server may return additional fields.
    known = {name: fields[name] for name in RecordedRequest.__dataclass_fields__}
    # Python 3.10 does not parse the suffix `Z`.
    known["started_at"] = datetime.fromisoformat(fields["started_at"].replace("Z", "+00:00"))
    return RecordedRequest(**known)
