"""The pytest plugin, tested by running pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mistral_datasets.testing import LocalServer, LocalWorkspace

FIRST_AND_SECOND = """
    def test_first(mistral_local):
        mistral_local.inject_fault(status=503, times=None, operation="fetch_dataset")
        mistral_local.client.datasets.create(name="Refund requests", description="")

    def test_second(mistral_local):
        assert mistral_local.client.datasets.list().datasets.count == 0
        assert [request.operation for request in mistral_local.requests()] == ["list_datasets"]
        assert mistral_local.faults() == []
"""


def passed(pytester: pytest.Pytester, number: int, *arguments: str) -> None:
    # In a new process, so that the plugin is loaded through its entry point.
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    strict = ("-W", "error", "--strict-markers", "--strict-config")
    pytester.runpytest_subprocess(*strict, *arguments).assert_outcomes(passed=number)


def test_every_test_has_an_empty_workspace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FIRST_AND_SECOND)
    passed(pytester, 2)


def test_xdist_workers_have_their_own_servers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        FIRST_AND_SECOND,
        test_many="""
            import pytest

            @pytest.mark.parametrize("number", range(20))
            def test_many(mistral_local, number):
                for _ in range(number):
                    mistral_local.client.datasets.create(name="Refund requests", description="")
                assert mistral_local.client.datasets.list(page_size=1).datasets.count == number
        """,
    )
    passed(pytester, 22, "-n", "2")


def test_works_with_pytest_asyncio(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import asyncio

        import pytest

        @pytest.mark.asyncio
        @pytest.mark.parametrize("loop", [1, 2])
        async def test_coroutine(mistral_local, loop):
            create = mistral_local.client.datasets.create_async
            await asyncio.gather(*(create(name="Refund requests", description="") for _ in range(5)))
            assert len(mistral_local.requests("create_dataset")) == 5
    """)
    passed(pytester, 2)


def test_environment_fixture(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    # No proxy listens at this URL, so a request through it fails.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    pytester.makepyfile("""
        import os

        from mistral_datasets import Mistral

        def test_environment(mistral_local_env):
            with Mistral() as mistral:
                mistral.datasets.create(name="Refund requests", description="")
            assert mistral_local_env.client.datasets.list().datasets.count == 1

        def test_none():
            assert "MISTRAL_SERVER_URL" not in os.environ
    """)
    passed(pytester, 2)


def test_session_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.fixture(scope="module")
        def own(mistral_local_server):
            with mistral_local_server.workspace() as local:
                local.client.datasets.create(name="Refund requests", description="")
                yield local

        def test_first(mistral_local_session, own):
            mistral_local_session.client.datasets.create(name="Refund requests", description="")
            assert own.url == mistral_local_session.url

        def test_second(mistral_local_session, own):
            assert mistral_local_session.client.datasets.list().datasets.count == 1
            assert own.client.datasets.list().datasets.count == 1
    """)
    passed(pytester, 2)


def test_generation_from_marker_or_ini_option(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from mistral_datasets import errors

        def write(local):
            dataset = local.client.datasets.create(name="Free payloads", description="")
            local.client.datasets.create_record(dataset_id=dataset.id, payload={"anything": 1}, properties={})

        def test_default(mistral_local):
            write(mistral_local)

        @pytest.mark.mistral_local(generation="g1")
        def test_marker(mistral_local):
            with pytest.raises(errors.ValidationError):
                write(mistral_local)
    """)
    passed(pytester, 2)
    passed(pytester, 2, "-o", "mistral_local_generation=g3")


def test_unknown_marker_arguments_are_rejected(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.mistral_local(generatoin="g3")
        def test_marker(mistral_local):
            pass
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the marker mistral_local accepts only the keyword argument `generation`*"])


def test_running_server_from_ini_option(pytester: pytest.Pytester, mistral_local_server: LocalServer) -> None:
    pytester.makepyfile(
        FIRST_AND_SECOND
        + """
    def test_url(mistral_local, pytestconfig):
        assert mistral_local.url == pytestconfig.getini("mistral_local_url")
"""
    )
    passed(pytester, 3, "-o", f"mistral_local_url={mistral_local_server.url}")


def test_workspace_is_reset_after_the_test(pytester: pytest.Pytester, mistral_local_server: LocalServer) -> None:
    pytester.makepyfile("""
        def test_write(mistral_local):
            mistral_local.client.datasets.create(name="Refund requests", description="")
            print("key", mistral_local.api_key)
    """)
    result = pytester.runpytest_subprocess("-s", "-o", f"mistral_local_url={mistral_local_server.url}")
    (line,) = [line for line in result.outlines if "key " in line]
    key = line.partition("key ")[2].split()[0].rstrip(".")
    with LocalWorkspace(mistral_local_server.url, key) as same:
        assert same.requests() == []
        assert same.client.datasets.list().datasets.count == 0


def test_plugin_does_not_import_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_nothing():
            assert "mistral_datasets_pytest" in sys.modules
            assert "mistral_datasets" not in sys.modules
    """)
    passed(pytester, 1)


def test_package_does_not_import_pytest() -> None:
    program = "import sys, mistral_datasets.testing; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
