"""Shared helpers: clients for tests in both calling styles, and fake servers."""

from __future__ import annotations

import asyncio
import http.server
import os
import socket
import socketserver
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from email.message import Message
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from mistral_datasets import Mistral, RetryPolicy, errors, models
from mistral_datasets.testing import LocalWorkspace, RecordedRequest
from mistral_datasets.types import Download

ROOT = Path(__file__).resolve().parents[3]
"""Root of the repository."""

UNREACHABLE = "http://127.0.0.1:9"
"""A URL at which no server listens."""

UNUSUAL: dict[str, Any] = {
    "messages": [{"role": "user", "content": 'a\x01b\x7f\u2028 😀 é \\ " / \t'}],
    "z": 1.0,
    "a": 12345678901234567890123,
    "tiny": 1e-7,
    "exact": 0.1,
    "largest": 1.7976931348623157e308,
    "negative zero": -0.0,
    "nested": {"b": [], "a": {}},
    "": None,
    "true": True,
}
"""Values that many JSON libraries change when they parse and serialize them."""

T = TypeVar("T")


class _Ready(Generic[T]):
    """An awaitable whose value is available immediately."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, T]:
        return self._value
        yield


class Resource:
    """A wrapper whose methods are always awaited, so that a test can use both blocking and async methods."""

    def __init__(self, style: str, target: object) -> None:
        self._style = style
        self._target = target

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not callable(attribute):
            return Resource(self._style, attribute)
        if self._style == "asyncio":
            return getattr(self._target, f"{name}_async")

        def blocking(*args: object, **arguments: object) -> _Ready[object]:
            return _Ready(attribute(*args, **arguments))

        return blocking


class Api(Resource):
    """A client in one calling style, with helpers for tests."""

    def __init__(self, style: str, mistral: Mistral) -> None:
        super().__init__(style, mistral)
        self.style = style
        self.mistral = mistral

    def with_client(self, mistral: Mistral) -> Api:
        """Wraps another client in the same style."""
        return Api(self.style, mistral)

    async def dataset(self, name: str = "Refund requests") -> models.Dataset:
        created: models.Dataset = await self.datasets.create(name=name, description="Tickets about refunds")
        return created

    async def record(self, dataset: models.Dataset, text: str) -> models.DatasetRecord:
        payload = {"messages": [{"role": "user", "content": text}]}
        created: models.DatasetRecord = await self.datasets.create_record(
            dataset_id=dataset.id, payload=payload, properties={"text": text}
        )
        return created

    async def records(self, dataset: models.Dataset) -> list[models.DatasetRecord]:
        response: models.ListRecordsResponse = await self.datasets.list_records(dataset_id=dataset.id, page_size=100)
        return response.records.results

    async def file(self, text: str) -> str:
        file: models.File = await self.files.upload(file={"file_name": "records.jsonl", "content": text.encode()})
        return file.id

    async def read(self, download: Download) -> bytes:
        return await download.aread() if self.style == "asyncio" else download.read()

    async def wait(self, task: models.ImportTask) -> models.ImportTask:
        """Polls a task until it has finished."""
        deadline = time.monotonic() + 30
        while task.status == "RUNNING":
            assert time.monotonic() < deadline, task
            if self.style == "asyncio":
                await asyncio.sleep(0.005)
            else:
                time.sleep(0.005)
            task = await self.datasets.fetch_task(dataset_id=task.dataset_id, task_id=task.id)
        return task

    def wrap(self, target: object) -> Resource:
        """Wraps another object, such as a task or a pager, in the same style."""
        return Resource(self.style, target)

    async def collect(self, pager: Iterable[Any]) -> list[Any]:
        """Collects all items of a pager."""
        if self.style == "asyncio":
            return [item async for item in cast("AsyncIterable[Any]", pager)]
        return list(pager)

    def iterate(self, pager: Iterable[Any]) -> Any:
        """Returns an iterator over a pager, for `next`."""
        return aiter(cast("AsyncIterable[Any]", pager)) if self.style == "asyncio" else iter(pager)

    async def next(self, iterator: Any) -> Any:
        """Returns the next item of an iterator, or `None` at its end."""
        if self.style == "asyncio":
            return await anext(iterator, None)
        return next(iterator, None)


class Workspace(Api):
    """A client of an empty workspace, with fault injection and a request log."""

    def __init__(self, style: str, local: LocalWorkspace) -> None:
        super().__init__(style, local.client)
        self.local = local
        self.key = local.api_key
        self.inject_fault = local.inject_fault
        self.clear_faults = local.clear_faults

    def send(self, signal: str) -> None:
        """Sends the sample of `traces` or `logs` as an exporter of OpenTelemetry does."""
        sample = (ROOT / "tests" / "behaviour" / f"{signal}.json").read_bytes()
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        url = f"{self.local.url}/telemetry/v1/{signal}"
        with urllib.request.urlopen(urllib.request.Request(url, sample, headers)) as response:
            assert response.status == 200

    def requests(self) -> list[RecordedRequest]:
        """Returns the requests since the last call."""
        requests = self.local.requests()
        self.local.clear_requests()
        return requests

    def operations(self) -> list[str | None]:
        """Returns the operations of the requests since the last call."""
        return [request.operation for request in self.requests()]

    async def dataset_with_records(self, records: int) -> models.Dataset:
        """Creates a dataset with the given number of records, each with its index as property `n`."""
        dataset = await self.dataset()
        lines = "".join(f'{{"messages": [], "properties": {{"n": {n}}}}}\n' for n in range(records))
        await self.datasets.import_from_file(dataset_id=dataset.id, file_id=await self.file(lines), wait=True)
        self.requests()
        return dataset


def run(style: str, test: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine test. In blocking style it runs without an event loop."""
    if style == "asyncio":
        asyncio.run(test)
        return
    try:
        test.send(None)
    except StopIteration:
        return
    raise AssertionError("a blocking test waited for an event loop")


class Canned:
    """A server that returns the same response to every request, and records the requests.

    Several statuses or bodies are sent in order, and the last of them is repeated.
    """

    def __init__(
        self,
        status: int | Sequence[int],
        body: bytes | str | Sequence[str] = b"",
        headers: Mapping[str, str] | None = None,
        delay: float = 0,
    ) -> None:
        self.requests: list[tuple[str, Message, bytes]] = []
        bodies = [body] if isinstance(body, (bytes, str)) else list(body)
        statuses = [status] if isinstance(status, int) else list(status)
        contents = [body.encode() if isinstance(body, str) else body for body in bodies]
        canned = self
        stopped = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                super().handle_one_request()
                self.close_connection = True

            def respond(self) -> None:
                canned.requests.append((f"{self.command} {self.path}", self.headers, self.body()))
                number = len(canned.requests)
                content = contents[min(number, len(contents)) - 1]
                stopped.wait(delay)
                self.send_response(statuses[min(number, len(statuses)) - 1])
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def body(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                chunks: list[bytes] = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                return b"".join(chunks)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = respond

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._stopped = stopped
        self._server = _Threaded(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Canned:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self, *, timeout_ms: int | None = None, retries: RetryPolicy | int = 0) -> Mistral:
        """Creates a client of the server, by default without retries."""
        return Mistral("the key", server_url=self.url, timeout_ms=timeout_ms, retries=retries)


class _Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    # With a shorter backlog, the kernel drops connection attempts, which are repeated only after a second.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores errors, because the client may have disconnected."""


COUNT = '{"datasets": {"count": 3}}'
"""A minimal response to `list_datasets`."""


class Silent:
    """A server that never responds, and detects when the client disconnects."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received_request = threading.Event()
        self.disconnected = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            self.received_request.set()
            while connection.recv(65536):
                pass
            self.disconnected.set()

    def stop(self) -> None:
        if not self.received_request.is_set():
            # Unblocks the thread, which is still waiting for a connection.
            with socket.create_connection(self._listener.getsockname()):
                pass
        self._thread.join()
        self._listener.close()


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a new process, which must succeed without output on stderr."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"},
    )
    assert (result.returncode, result.stderr) == (0, ""), result
    return result


async def error_of(call: Callable[..., Any], *args: object, **arguments: object) -> errors.MistralError:
    """Returns the error of a call that must fail."""
    try:
        response = await call(*args, **arguments)
    except errors.MistralError as error:
        return error
    raise AssertionError(f"the call succeeded: {response!r}")
