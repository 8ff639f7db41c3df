"""Blocking calls move their own bytes, over connections that nobody looks after between two calls."""

from __future__ import annotations

import io
import socketserver
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import COUNT, Workspace
from mistral_datasets import Mistral


class KeepAlive:
    """A server that keeps connections, counts them, and may hang up without a word some time after a response."""

    def __init__(self, *, hang_up_after: float | None = None) -> None:
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
                    if hang_up_after is not None:
                        time.sleep(hang_up_after)
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
        """A client that sends everything once only, so that a connection that is gone shows."""
        return Mistral("the key", server_url=f"http://127.0.0.1:{self._server.server_address[1]}", retries=1)


def test_calls_one_after_the_other_share_a_connection() -> None:
    with KeepAlive() as server, server.client() as mistral:
        for _ in range(20):
            assert mistral.datasets.list().datasets.count == 3
        assert server.connections == 1


def test_calls_at_once_have_a_connection_each_and_no_more() -> None:
    with KeepAlive() as server, server.client() as mistral:
        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(mistral.datasets.list) for _ in range(80)]
            assert [call.result().datasets.count for call in calls] == [3] * 80
        assert server.connections <= 4


def test_what_the_server_hung_up_meanwhile_is_not_used() -> None:
    with KeepAlive(hang_up_after=0.02) as server, server.client() as mistral:
        for number in range(1, 6):
            assert mistral.datasets.list().datasets.count == 3
            assert server.connections == number
            time.sleep(0.1)


def test_closing_gives_the_connections_up() -> None:
    with KeepAlive() as server:
        mistral = server.client()
        mistral.datasets.list()
        before = threading.active_count()
        mistral.close()
        # The server's thread for the connection ends with it.
        deadline = time.monotonic() + 5
        while threading.active_count() >= before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() < before


class Calling(io.BytesIO):
    """A file that asks the server something whenever it is read."""

    def __init__(self, mistral: Mistral, content: bytes) -> None:
        super().__init__(content)
        self.mistral = mistral
        self.counts: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.counts.append(self.mistral.datasets.list().datasets.count)
        return super().read(size)


def test_what_is_called_during_a_transfer_may_call_too(workspace: Workspace) -> None:
    file = Calling(workspace.mistral, b"{}")
    uploaded = workspace.mistral.files.upload(file={"file_name": "records.jsonl", "content": file})
    assert uploaded.bytes == 2
    assert set(file.counts) == {0}
