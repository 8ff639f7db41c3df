"""What the tests share: one way to write a case for both styles of calling, and servers."""

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
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from mistral_datasets import Mistral, RetryPolicy, errors, models
from mistral_datasets.testing import RecordedRequest, LocalWorkspace
from mistral_datasets.types import Download

ROOT = Path(__file__).resolve().parents[3]
"""The root of the workspace."""

NOWHERE = "http://127.0.0.1:9"
"""A server that does not listen."""

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
"""Values that a client which parses and writes them again would change."""

T = TypeVar("T")


class _Done(Generic[T]):
    """An awaitable whose value is there."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, T]:
        return self._value
        yield


class Resource:
    """A resource whose methods are awaited whatever they are: blocking ones have done their work by then."""

    def __init__(self, style: str, target: object) -> None:
        self._style = style
        self._target = target

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not callable(attribute):
            return Resource(self._style, attribute)
        if self._style == "asyncio":
            return getattr(self._target, f"{name}_async")

        def done(*args: object, **arguments: object) -> _Done[object]:
            return _Done(attribute(*args, **arguments))

        return done


class Api(Resource):
    """A client in one style, and what cases often do with it."""

    def __init__(self, style: str, mistral: Mistral) -> None:
        super().__init__(style, mistral)
        self.style = style
        self.mistral = mistral

    def of(self, mistral: Mistral) -> Api:
        """Another client in the same style."""
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

    async def finished(self, task: models.ImportTask) -> models.ImportTask:
        """Waits until a task has ended."""
        deadline = time.monotonic() + 30
        while task.status == "RUNNING":
            assert time.monotonic() < deadline, task
            if self.style == "asyncio":
                await asyncio.sleep(0.005)
            else:
                time.sleep(0.005)
            task = await self.datasets.fetch_task(dataset_id=task.dataset_id, task_id=task.id)
        return task

    def on(self, target: object) -> Resource:
        """Something else than a client, in the same style: a task, a pager."""
        return Resource(self.style, target)

    async def listed(self, pager: Iterable[Any]) -> list[Any]:
        """Everything that a pager brings."""
        if self.style == "asyncio":
            return [item async for item in cast("AsyncIterable[Any]", pager)]
        return list(pager)

    def begin(self, pager: Iterable[Any]) -> Any:
        """The loop over a pager, for `next`."""
        return aiter(cast("AsyncIterable[Any]", pager)) if self.style == "asyncio" else iter(pager)

    async def next(self, loop: Any) -> Any:
        """The next of a loop, or `None` at its end."""
        if self.style == "asyncio":
            return await anext(loop, None)
        return next(loop, None)


class Workspace(Api):
    """A client of a workspace of its own, with the faults of its server and the journal of its requests."""

    def __init__(self, style: str, local: LocalWorkspace) -> None:
        super().__init__(style, local.client)
        self.local = local
        self.key = local.api_key
        self.fault = local.fault
        self.clear_faults = local.clear_faults

    def requests(self) -> list[RecordedRequest]:
        """The requests since this was asked last."""
        requests = self.local.requests()
        self.local.clear_requests()
        return requests

    def operations(self) -> list[str | None]:
        """The operations of the requests since this was asked last."""
        return [request.operation for request in self.requests()]

    async def filled(self, records: int) -> models.Dataset:
        """A dataset with so many records, the nth of which says n."""
        dataset = await self.dataset()
        lines = "".join(f'{{"messages": [], "properties": {{"n": {n}}}}}\n' for n in range(records))
        await self.datasets.import_from_file(dataset_id=dataset.id, file_id=await self.file(lines), wait=True)
        self.requests()
        return dataset


def run(style: str, case: Coroutine[Any, Any, None]) -> None:
    """Runs a case: under an event loop, or without one, which it then must never need."""
    if style == "asyncio":
        asyncio.run(case)
        return
    try:
        case.send(None)
    except StopIteration:
        return
    raise AssertionError("a blocking case waited for an event loop")


class Canned:
    """A server that gives every request the same response, and remembers what it was asked."""

    def __init__(
        self, status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None, delay: float = 0
    ) -> None:
        self.requests: list[tuple[str, Message, bytes]] = []
        content = body.encode() if isinstance(body, str) else body
        canned = self
        stopped = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                super().handle_one_request()
                self.close_connection = True

            def answer(self) -> None:
                canned.requests.append((f"{self.command} {self.path}", self.headers, self.body()))
                stopped.wait(delay)
                self.send_response(status)
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

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

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

    def client(self, *, timeout_ms: int | None = None, retries: RetryPolicy | int = 1) -> Mistral:
        """A client of the server. Unless a test is about that, it sends everything once only."""
        return Mistral("the key", server_url=self.url, timeout_ms=timeout_ms, retries=retries)


class _Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    # A shorter queue drops connections, and a client that is dropped tries again only after a second.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client may have gone away; then nobody waits for the answer."""


COUNT = '{"datasets": {"count": 3}}'
"""A response to listing datasets."""


class Silent:
    """A server that takes requests and never answers; it knows when the client hangs up."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = threading.Event()
        self.hung_up = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            self.asked.set()
            while connection.recv(65536):
                pass
            self.hung_up.set()

    def stop(self) -> None:
        if not self.asked.is_set():
            # Nobody came; the thread is still waiting for somebody.
            with socket.create_connection(self._listener.getsockname()):
                pass
        self._thread.join()
        self._listener.close()


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, which must end well and say nothing on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"},
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done


async def failing(call: Callable[..., Any], *args: object, **arguments: object) -> errors.MistralError:
    """The error of a call that must fail."""
    try:
        response = await call(*args, **arguments)
    except errors.MistralError as error:
        return error
    raise AssertionError(f"the call succeeded: {response!r}")
