"""Client for Mistral's observability API: datasets, and what fills them.

Example:
    >>> from mistral_datasets import Mistral
    >>> with Mistral(api_key="...") as mistral:
    ...     dataset = mistral.datasets.create(name="Refund requests", description="Tickets about refunds")
    ...     mistral.datasets.create_record(
    ...         dataset_id=dataset.id,
    ...         payload={"messages": [{"role": "user", "content": "Where is my money?"}]},
    ...         properties={"topic": "refund"},
    ...     )
"""

from mistral_datasets import _task as _task
from mistral_datasets import errors, models
from mistral_datasets._client import Mistral
from mistral_datasets._expressions import map_key, quote
from mistral_datasets._filters import field
from mistral_datasets._native import __version__
from mistral_datasets._options import RetryPolicy

__all__ = ["Mistral", "RetryPolicy", "__version__", "errors", "field", "map_key", "models", "quote"]


_LAZY_MODULES = ("enums", "params", "resources", "testing", "types")
"""Public modules that are imported on first access."""


def __getattr__(name: str) -> object:
    """Imports a module on first access."""
    if name in _LAZY_MODULES:
        import importlib

        return importlib.import_module(f"mistral_datasets.{name}")
    raise AttributeError(f"module 'mistral_datasets' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Lists the modules that have not been imported yet too, for tab completion."""
    return sorted({*globals(), *_LAZY_MODULES})
