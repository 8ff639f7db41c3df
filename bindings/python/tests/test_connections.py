"""Connection reuse of blocking calls. Their connections are not driven between two calls."""

from __future__ import annotations

import io
import socketserver
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import COUNT, Workspace
from mistral_datasets import Mistral


class KeepAlive:
    """A server that counts its persistent connections, and can close them after a response and a delay."""

    def __init__(self, *, close_after: float | None = None) -> None:
        self.connections = 0
        keep_alive = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                keep_alive.connections += 1
                while self.rfile.readline():
                    length = 0
                    while (line := self.rfile.readline().strip().lower()) != b"":
                        if line.startswith(b"content-length:"):
                            length = int(line.partition(b":")[2])
                    self.rfile.read(length)
                    self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(COUNT), COUNT.encode()))
                    if close_after is not None:
                        time.sleep(close_after)
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> KeepAlive:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self) -> Mistral:
        """Creates a client without retries, so that using a closed connection fails."""
        return Mistral("the key", server_url=f"http://127.0.0.1:{self._server.server_address[1]}", retries=0)


def test_sequential_calls_share_a_connection() -> None:
    with KeepAlive() as server, server.client() as mistral:
        for _ in range(20):
            assert mistral.datasets.list().datasets.count == 3
        assert server.connections == 1


def test_concurrent_calls_use_one_connection_per_thread() -> None:
    with KeepAlive() as server, server.client() as mistral:
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(mistral.datasets.list) for _ in range(80)]
            assert [call.result().datasets.count for call in calls] == [3] * 80
        assert server.connections <= 4


def test_connections_closed_by_the_server_are_not_reused() -> None:
    with KeepAlive(close_after=0.02) as server, server.client() as mistral:
        for number in range(1, 6):
            assert mistral.datasets.list().datasets.count == 3
            assert server.connections == number
            time.sleep(0.1)


def test_closing_closes_connections() -> None:
    with KeepAlive() as server:
        mistral = server.client()
        mistral.datasets.list()
        before = threading.active_count()
        mistral.close()
        # The server's connection thread exits when the connection is closed.
        deadline = time.monotonic() + 5
        while threading.active_count() >= before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() < before


class CallingFile(io.BytesIO):
    """A file that makes a call whenever it is read."""

    def __init__(self, mistral: Mistral, content: bytes) -> None:
        super().__init__(content)
        self.mistral = mistral
        self.counts: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.counts.append(self.mistral.datasets.list().datasets.count)
        return super().read(size)


def test_calls_from_callbacks_of_a_transfer(workspace: Workspace) -> None:
    file = CallingFile(workspace.mistral, b"{}")
    uploaded = workspace.mistral.files.upload(file={"file_name": "records.jsonl", "content": file})
    assert uploaded.bytes == 2
    assert set(file.counts) == {0}
