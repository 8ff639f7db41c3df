"""The package in a subinterpreter."""

from __future__ import annotations

import sys

import pytest

from harness import script


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module of these versions has another name")
def test_import_in_a_subinterpreter_is_refused() -> None:
    """Python before 3.12 allows it, and hangs at exit."""
    result = script(
        """
        import _xxsubinterpreters as interpreters
        def refused():
            child = interpreters.create()
            try:
                interpreters.run_string(child, "import mistral_datasets; mistral_datasets.Mistral.local()")
            except interpreters.RunFailedError as error:
                interpreters.destroy(child)
                return "ImportError" in str(error) and "subinterpreters" in str(error)
        # The order matters: the first interpreter that imports a module could claim it.
        print(refused())
        from mistral_datasets import Mistral
        with Mistral.local() as mistral:
            print(mistral.datasets.list().datasets.count)
            print(refused())
        """
    )
    assert result.stdout.split() == ["True", "0", "True"]
