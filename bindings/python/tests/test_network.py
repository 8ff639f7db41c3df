"""Proxies and private certificate authorities."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from harness import COUNT, Canned
from mistral_datasets import Mistral, errors


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxy and certificate settings."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


UNRESOLVABLE = "http://no-such-host.invalid"
"""A URL that is reachable only through a proxy."""


def test_proxy_from_argument_or_environment(clean_environment: pytest.MonkeyPatch) -> None:
    with Canned(200, COUNT) as proxy:
        assert Mistral("k", server_url=UNRESOLVABLE, proxy=proxy.url).datasets.list().datasets.count == 3
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            with clean_environment.context() as environment:
                environment.setenv(name, proxy.url)
                assert Mistral("k", server_url=UNRESOLVABLE).datasets.list().datasets.count == 3
        assert {line for line, _, _ in proxy.requests} == {f"GET {UNRESOLVABLE}/v1/observability/datasets"}
        clean_environment.setenv("HTTP_PROXY", proxy.url)
        clean_environment.setenv("NO_PROXY", "no-such-host.invalid")
        with pytest.raises(errors.ConnectionError):
            Mistral("k", server_url=UNRESOLVABLE, retries=0).datasets.list()
    with pytest.raises(errors.ConfigurationError, match="proxy") as caught:
        Mistral("k", proxy="not a secret url")
    assert "secret" not in str(caught.value)


class TlsServer:
    """A TLS server with a certificate from a private authority."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self._stopped = False
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        response = f"HTTP/1.1 200 OK\r\ncontent-length: {len(COUNT)}\r\nconnection: close\r\n\r\n{COUNT}".encode()
        while not self._stopped:
            connection, _ = self._listener.accept()
            # A client that does not trust the authority aborts the handshake.
            with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
                if secured.recv(65536):
                    secured.sendall(response)

    def stop(self) -> None:
        self._stopped = True
        with socket.create_connection(self._listener.getsockname()[:2]):
            pass
        self._thread.join()
        self._listener.close()


@pytest.fixture
def tls() -> Iterator[TlsServer]:
    server = TlsServer()
    yield server
    server.stop()


def test_ca_certificates_from_argument_or_environment(
    clean_environment: pytest.MonkeyPatch, tls: TlsServer, tmp_path: Path
) -> None:
    with pytest.raises(errors.ConnectionError, match="certificate"):
        Mistral("k", server_url=tls.url, retries=0).datasets.list()
    pem = tls.authority.cert_pem.bytes()
    path = tmp_path / "ca.pem"
    path.write_bytes(pem)
    for certificates in (pem, path, str(path)):
        mistral = Mistral("k", server_url=tls.url, ca_certificates=certificates, retries=0)
        assert mistral.datasets.list().datasets.count == 3
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with clean_environment.context() as environment:
            environment.setenv(name, str(path))
            assert Mistral("k", server_url=tls.url, retries=0).datasets.list().datasets.count == 3
    with pytest.raises(errors.ConfigurationError, match="certificate"):
        Mistral("k", ca_certificates=b"not a certificate")
    with pytest.raises(FileNotFoundError):
        Mistral("k", ca_certificates=tmp_path / "missing.pem")
