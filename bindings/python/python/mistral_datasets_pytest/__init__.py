"""The pytest plugin of mistral-datasets: a client of an empty local server for every test that asks for one.

pytest loads it in every run, wherever the package is installed. So it lies beside the package, whose import takes some
milliseconds, and imports it only when a test asks for a fixture.

Fixtures:
    mistral_local: A workspace of its own for a test: a client, its faults and its journal.
    mistral_local_env: The same, and the environment is such that `Mistral()` uses it.
    mistral_local_session: A workspace for the whole run, for set-ups that take long.
    mistral_local_server: The server, for workspaces that live as long as you say.

The marker `mistral_local(generation="g3")` gives a test a server of another generation of the API. The ini option
`mistral_local_generation` says which one is the default, and `mistral_local_url` names a server that runs already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from mistral_datasets.testing import LocalServer, LocalWorkspace

__all__ = ["mistral_local", "mistral_local_env", "mistral_local_server", "mistral_local_session"]

MARKER = "mistral_local"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tells pytest of the ini options."""
    parser.addini(
        "mistral_local_generation", "the API's generation that mistral_local serves: g1, g2 or g3", default="g1"
    )
    parser.addini("mistral_local_url", "a running local server that mistral_local uses, in the place of its own")


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest of the marker."""
    config.addinivalue_line("markers", f'{MARKER}(generation="g1"): how the server behind `mistral_local` is set up')


class _Servers:
    """The servers of a run, each started when it is first asked for."""

    def __init__(self, url: str, generation: str) -> None:
        self._url = url
        self._generation = generation
        self._started: dict[str, LocalServer] = {}

    def server(self, generation: str | None = None) -> LocalServer:
        generation = generation or self._generation
        if generation not in self._started:
            from mistral_datasets.testing import LocalServer

            self._started[generation] = LocalServer(generation=cast("Literal['g1', 'g2', 'g3']", generation))
        return self._started[generation]

    def workspace(self, generation: str | None = None) -> LocalWorkspace:
        if not self._url:
            return self.server(generation).workspace()
        if generation is not None:
            raise pytest.UsageError("the generation of the server at mistral_local_url cannot be chosen here")
        from mistral_datasets.testing import LocalWorkspace

        return LocalWorkspace(self._url)

    def stop(self) -> None:
        for server in self._started.values():
            server.stop()


@pytest.fixture(scope="session")
def _mistral_local_servers(pytestconfig: pytest.Config) -> Iterator[_Servers]:
    url, generation = (str(pytestconfig.getini(f"mistral_local_{name}") or "") for name in ("url", "generation"))
    servers = _Servers(url, generation)
    yield servers
    servers.stop()


def _used(workspace: LocalWorkspace) -> Iterator[LocalWorkspace]:
    with workspace:
        yield workspace
    # The server may serve many more tests, which need not carry what this one wrote.
    workspace.reset()


@pytest.fixture
def mistral_local(request: pytest.FixtureRequest, _mistral_local_servers: _Servers) -> Iterator[LocalWorkspace]:
    """An empty workspace of a local server of Mistral's observability datasets API, for this test alone."""
    marker = cast("pytest.Item", request.node).get_closest_marker(MARKER)
    options: dict[str, str] = {} if marker is None else dict(marker.kwargs)
    generation = options.pop("generation", None)
    if options or (marker is not None and marker.args):
        raise pytest.UsageError(f"the marker {MARKER} takes `generation` alone, by its name")
    yield from _used(_mistral_local_servers.workspace(generation))


@pytest.fixture
def mistral_local_env(mistral_local: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> LocalWorkspace:
    """As `mistral_local`; and by `MISTRAL_API_KEY` and `MISTRAL_SERVER_URL` in the environment, `Mistral()` uses it."""
    for name, value in mistral_local.environment.items():
        monkeypatch.setenv(name, value)
    # What else the environment says of proxies stays; to this host none leads.
    monkeypatch.setenv("NO_PROXY", mistral_local.url.split("/")[2].rsplit(":", 1)[0], prepend=",")
    return mistral_local


@pytest.fixture(scope="session")
def mistral_local_session(_mistral_local_servers: _Servers) -> Iterator[LocalWorkspace]:
    """A workspace for the whole run, and with pytest-xdist for a worker's. What one test writes there, others see."""
    yield from _used(_mistral_local_servers.workspace())


@pytest.fixture(scope="session")
def mistral_local_server(_mistral_local_servers: _Servers) -> LocalServer:
    """The local server in this process, of which fixtures of your own take workspaces."""
    return _mistral_local_servers.server()
