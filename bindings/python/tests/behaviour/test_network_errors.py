"""Behaviour cases: proxies, certificates, wrong server URLs and temporary directories.

The cases are listed in `tests/behaviour/cases.txt`, and implemented in every language.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from harness import COUNT, Api, Canned, error_of
from mistral_datasets import Mistral, errors

PROXIED = '{"datasets": {"count": 7}}'
"""The response of a proxy to `list_datasets`."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxy and certificate settings."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@contextlib.contextmanager
def listening(handle: Callable[[socket.socket], object]) -> Generator[int, None, None]:
    """A server that handles every connection and closes it. Yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                handle(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        with socket.create_connection(listener.getsockname()):
            pass
        thread.join()
        listener.close()


def respond(text: str) -> Callable[[socket.socket], object]:
    """Returns a handler that reads once and responds with a text."""

    def handle(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        connection.sendall(text.encode("latin-1"))

    return handle


def self_signed(directory: Path, name: str) -> Callable[[socket.socket], object]:
    """Returns a TLS handler with a new self-signed certificate. OpenSSL marks it as an authority by default."""
    options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    options += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
    subprocess.run(["openssl", "req", "-x509", *options], cwd=directory, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    response = f"HTTP/1.1 200 OK\r\ncontent-length: {len(COUNT)}\r\nconnection: close\r\n\r\n{COUNT}"

    def handle(connection: socket.socket) -> None:
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as secured:
            if secured.recv(65536):
                secured.sendall(response.encode())

    return handle


def client(style: str, url: str, *, proxy: str | None = None, ca_certificates: Path | None = None) -> Api:
    return Api(style, Mistral("k", server_url=url, proxy=proxy, ca_certificates=ca_certificates, retries=0))


async def list_error(api: Api) -> errors.MistralError:
    error = await error_of(api.datasets.list)
    assert "secret" not in f"{error} {error!r} {error.hint}"
    return error


async def test_no_proxy_bypasses_the_proxy(style: str, canned: Canned, environment: pytest.MonkeyPatch) -> None:
    port = canned.url.rpartition(":")[2]
    by_name = canned.url.replace("127.0.0.1", "localhost")
    direct = [("*", canned.url), ("127.0.0.1", canned.url), ("10.0.0.0/8, 127.0.0.0/8", canned.url)]
    direct += [(f"127.0.0.1:{port}", canned.url), (f"*:{port}", canned.url)]
    direct += [("localhost", by_name), (".localhost", by_name), (f"other localhost:{port}", by_name)]
    proxied = ["", "127.0.0.2", "localhost", "127.0.0.1:1", "[::1]", "::/0"]
    with Canned(200, PROXIED) as proxy:
        environment.setenv("HTTP_PROXY", proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            for value, url in direct:
                environment.setenv(name, value)
                assert (await client(style, url).datasets.list()).datasets.count == 3, value
            for value in proxied:
                environment.setenv(name, value)
                assert (await client(style, canned.url).datasets.list()).datasets.count == 7, value
            environment.delenv(name)
        environment.setenv("HTTP_PROXY", "socks://u:secret@a")
        error = await list_error(client(style, canned.url))
        assert isinstance(error, errors.ConfigurationError)
        assert "HTTP_PROXY" in error.message


async def test_proxy_errors_name_the_proxy(style: str) -> None:
    refusal = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n<html>"
    with listening(respond(refusal)) as refusing, listening(respond("")) as closing:
        for scheme, port in [("http", 9), ("socks5h", 9), ("http", refusing), ("http", closing), ("https", refusing)]:
            for url in ("http://nowhere.invalid", "https://nowhere.invalid"):
                error = await list_error(client(style, url, proxy=f"{scheme}://u:secret@127.0.0.1:{port}"))
                assert f"the proxy 127.0.0.1:{port}" in error.message
                assert "API key" not in (error.hint or "")
        error = await list_error(client(style, "https://a.example", proxy=f"https://127.0.0.1:{refusing}"))
        assert "use http:// in the proxy's URL" in (error.hint or "")


async def test_proxy_authentication_errors(style: str) -> None:
    rejection = "HTTP/1.1 407 Denied\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    with listening(respond(rejection)) as port:
        for url in ("http://a.example", "https://a.example"):
            for credentials, problem in [("", "requires a user name"), ("u:secret@", "rejected the user name")]:
                mistral = Mistral("k", server_url=url, proxy=f"http://{credentials}127.0.0.1:{port}")
                api = Api(style, mistral)
                for error in (
                    await error_of(api.datasets.list),
                    await error_of(api.datasets.create, name="Refund requests", description=""),
                ):
                    assert isinstance(error, errors.ConnectionError)
                    assert (error.status, error.attempts, error.ambiguous) == (407, 1, False)
                    assert error.message.startswith(f"the proxy 127.0.0.1:{port} {problem}")
                    assert "user name and password" in (error.hint or "")
                    assert "secret" not in f"{error} {error!r}"


async def test_certificate_problems_are_explained(style: str, tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    handle = self_signed(tmp_path, "own")
    self_signed(tmp_path, "other")
    with listening(handle) as port:
        url = f"https://localhost:{port}"
        own = tmp_path / "own.pem"
        assert (await client(style, url, ca_certificates=own).datasets.list()).datasets.count == 3
        for untrusted in (client(style, url), client(style, url, ca_certificates=tmp_path / "other.pem")):
            error = await list_error(untrusted)
            assert isinstance(error, errors.ConnectionError)
            assert "not issued by a trusted authority" in error.message
            assert "private authority" in (error.hint or "")
        error = await list_error(client(style, f"https://127.0.0.1:{port}", ca_certificates=own))
        assert "certificate is not valid for 127.0.0.1" in error.message
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            environment.setenv(name, str(own))
            assert (await client(style, url).datasets.list()).datasets.count == 3
            environment.setenv(name, "/missing/ca.pem")
            error = await list_error(client(style, url))
            assert f"{name} names /missing/ca.pem, which cannot be read" in error.message
            environment.delenv(name)


async def test_wrong_server_urls_have_hints(api: Api, tmp_path: Path) -> None:
    style = api.style
    wrong = client(style, f"{api.mistral.server_url}/v1")
    for error in (
        await error_of(wrong.datasets.list),
        await error_of(wrong.files.upload, file={"file_name": "a", "content": b"b"}),
    ):
        assert isinstance(error, errors.NotFoundError)
        assert (error.hint or "").startswith("remove `/v1`")
    error = await list_error(client(style, api.mistral.server_url.replace("http:", "https:")))
    assert isinstance(error, errors.ConnectionError)
    assert (error.hint or "").startswith("use http:// in the server URL")
    responses = [
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nThe plain HTTP request was sent to HTTPS port",
        "\x15\x03\x01\0\x02\x02\x0a",
        "",
    ]
    for handle in [*map(respond, responses), self_signed(tmp_path, "own")]:
        with listening(handle) as port:
            wrong = client(style, f"http://127.0.0.1:{port}")
            for error in (
                await error_of(wrong.datasets.list),
                await error_of(wrong.datasets.create, name="Refund requests", description=""),
            ):
                assert "use https:// in the server URL" in (error.hint or "")


async def test_missing_temporary_directory_is_explained(api: Api, environment: pytest.MonkeyPatch) -> None:
    dataset = await api.dataset()
    environment.setenv("TMPDIR", "/missing")
    lines = iter([b'{"messages": []}\n'])
    for error in (
        await error_of(api.datasets.import_jsonl, dataset.id, lines),
        await error_of(_local),
    ):
        assert isinstance(error, errors.ConfigurationError)
        assert "create the folder /missing" in (error.hint or "")
        assert "TMPDIR" in (error.hint or "")


async def _local() -> Mistral:
    return Mistral.local()
