"""pytest plugin of mistral-datasets: an empty workspace on a local server for every test that requests one.

pytest loads the plugin in every run if the package is installed. The plugin is therefore a separate package, and
imports `mistral_datasets` only when a test uses a fixture.

Fixtures:
    mistral_local: A workspace for one test: a client, fault rules and a request log.
    mistral_local_env: The same workspace, with environment variables that make `Mistral()` use it.
    mistral_local_session: A workspace for the whole run, for expensive setup.
    mistral_local_server: The server, for fixtures that create their own workspaces.

The marker `mistral_local(generation="g1")` selects the API generation for a test. The ini option
`mistral_local_generation` sets the default generation, and `mistral_local_url` the URL of a running server to use.
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
    """Registers the ini options."""
    parser.addini(
        "mistral_local_generation", "API generation of the mistral_local server: any, g1, g2 or g3", default="any"
    )
    parser.addini("mistral_local_url", "URL of a running local server for mistral_local to use")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    config.addinivalue_line(
        "markers", f'{MARKER}(generation="any"): API generation of the server behind `mistral_local`'
    )


class _Servers:
    """The servers of a test run, started on first use."""

    def __init__(self, url: str, generation: str) -> None:
        self._url = url
        self._generation = generation
        self._started: dict[str, LocalServer] = {}

    def server(self, generation: str | None = None) -> LocalServer:
        generation = generation or self._generation
        if generation not in self._started:
            from mistral_datasets.testing import LocalServer

            self._started[generation] = LocalServer(generation=cast("Literal['any', 'g1', 'g2', 'g3']", generation))
        return self._started[generation]

    def workspace(self, generation: str | None = None) -> LocalWorkspace:
        if not self._url:
            return self.server(generation).workspace()
        if generation is not None:
            raise pytest.UsageError("the generation of the server at mistral_local_url cannot be changed by a marker")
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


def _use(workspace: LocalWorkspace) -> Iterator[LocalWorkspace]:
    with workspace:
        yield workspace
    # Frees the memory of this test's data, because the server may serve many more tests.
    workspace.reset()


@pytest.fixture
def mistral_local(request: pytest.FixtureRequest, _mistral_local_servers: _Servers) -> Iterator[LocalWorkspace]:
    """An empty workspace on a local server of Mistral's observability datasets API, for one test."""
    marker = cast("pytest.Item", request.node).get_closest_marker(MARKER)
    options: dict[str, str] = {} if marker is None else dict(marker.kwargs)
    generation = options.pop("generation", None)
    if options or (marker is not None and marker.args):
        raise pytest.UsageError(f"the marker {MARKER} accepts only the keyword argument `generation`")
    yield from _use(_mistral_local_servers.workspace(generation))


@pytest.fixture
def mistral_local_env(mistral_local: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> LocalWorkspace:
    """Like `mistral_local`, with environment variables set so that `Mistral()` uses the workspace."""
    for name, value in mistral_local.environment.items():
        monkeypatch.setenv(name, value)
    # Bypasses a proxy for this host without changing the other proxy settings.
    monkeypatch.setenv("NO_PROXY", mistral_local.url.split("/")[2].rsplit(":", 1)[0], prepend=",")
    return mistral_local


@pytest.fixture(scope="session")
def mistral_local_session(_mistral_local_servers: _Servers) -> Iterator[LocalWorkspace]:
    """A workspace shared by all tests of the run, or of a pytest-xdist worker."""
    yield from _use(_mistral_local_servers.workspace())


@pytest.fixture(scope="session")
def mistral_local_server(_mistral_local_servers: _Servers) -> LocalServer:
    """The local server of the run, from which your own fixtures can create workspaces."""
    return _mistral_local_servers.server()
