"""How far a transfer is. The native module imports this when the first is to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType
    from typing import NoReturn

    from tqdm.auto import tqdm
    from typing_extensions import Self


class Progress(NamedTuple):
    """How far a transfer has come. Numbers never fall within a phase; totals appear when they become known."""

    phase: str
    """What is being done: `check`, `send`, `upload`, `import` or `export`."""
    bytes: int
    """How many bytes were moved so far."""
    total_bytes: int | None
    """How many bytes there are to move, where that is known."""
    records: int
    """How many records were dealt with so far."""
    total_records: int | None
    """How many records there are to deal with, where that is known."""


class ProgressReporter:
    """Tells a program's callback, or shows a bar, for as long as a `with` block lasts."""

    def __init__(self, progress: Callable[[Progress], object] | bool | None) -> None:
        if progress is not None and not isinstance(progress, bool) and not callable(progress):
            raise TypeError(f"progress: expected True, a function or None, found {type(progress).__name__}")
        self._bar = _Bar() if progress is True else None
        self.hear: Callable[[Progress], object] | None = None
        if self._bar is not None:
            self.hear = self._bar.show
        elif not isinstance(progress, bool):
            self.hear = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


class _Bar:
    """A bar of tqdm for each phase."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as missing:
            raise ImportError("progress=True needs tqdm: `pip install tqdm`, or give a function") from missing
        self._make = tqdm
        self._phase = ""
        self._bar: tqdm[NoReturn] | None = None

    def show(self, progress: Progress) -> None:
        if self._bar is None or progress.phase != self._phase:
            self.close()
            self._phase = progress.phase
            unit = "B" if progress.phase == "upload" else " records"
            self._bar = self._make(desc=progress.phase, unit=unit, unit_scale=True)
        is_bytes = progress.phase == "upload"
        self._bar.total = progress.total_bytes if is_bytes else progress.total_records
        self._bar.update((progress.bytes if is_bytes else progress.records) - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
