"""Progress of bulk operations. Imported by the native module when it reports progress for the first time."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from mistral_datasets._compat import Self

if TYPE_CHECKING:
    from typing import NoReturn

    from tqdm.auto import tqdm


class Progress(NamedTuple):
    """Progress of a bulk operation.

    Numbers never decrease within a phase. A retried upload starts its phase again.
    """

    phase: str
    """Current phase: `check`, `send`, `upload`, `import` or `export`."""
    bytes: int
    """Number of bytes transferred so far."""
    total_bytes: int | None
    """Total number of bytes, once known."""
    records: int
    """Number of records processed so far."""
    total_records: int | None
    """Total number of records, once known."""


class ProgressReporter:
    """Context manager that passes progress to a callback or shows it as a progress bar."""

    def __init__(self, progress: Callable[[Progress], object] | bool | None) -> None:
        if progress is not None and not isinstance(progress, bool) and not callable(progress):
            raise TypeError(f"progress: expected bool, a function or None, found {type(progress).__name__}")
        self._bar = _ProgressBar() if progress is True else None
        self.update: Callable[[Progress], object] | None = None
        if self._bar is not None:
            self.update = self._bar.update
        elif not isinstance(progress, bool):
            self.update = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


class _ProgressBar:
    """A tqdm progress bar, replaced in every phase."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as missing:
            raise ImportError("progress=True requires tqdm: run `pip install tqdm`, or pass a function") from missing
        self._tqdm = tqdm
        self._phase = ""
        self._bar: tqdm[NoReturn] | None = None

    def update(self, progress: Progress) -> None:
        if self._bar is None or progress.phase != self._phase:
            self.close()
            self._phase = progress.phase
            unit = "B" if progress.phase == "upload" else " records"
            self._bar = self._tqdm(desc=progress.phase, unit=unit, unit_scale=True)
        is_bytes = progress.phase == "upload"
        self._bar.total = progress.total_bytes if is_bytes else progress.total_records
        self._bar.update((progress.bytes if is_bytes else progress.records) - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
