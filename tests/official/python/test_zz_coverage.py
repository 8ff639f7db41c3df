"""Checks that the other tests call every operation. Runs last, after all others."""

from workspace import OPERATIONS, STYLES, called_operations


def test_every_operation_was_called():
    expected = {
        (style, group, operation)
        for style in STYLES
        for group, operations in OPERATIONS.items()
        for operation in operations
    }
    assert called_operations == expected
