"""Pagers over all that a listing lists. The native module imports this when the first is begun."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from mistral_datasets._native import Pages as NativePages
    from mistral_datasets._native import Path

T = TypeVar("T")


class Pager(Generic[T]):
    """Everything that a listing lists, one after the other, for `for` and for `async for`.

    Nothing is sent before the first item is asked for. The pages ahead are fetched at the same time, as many as the
    prefetch says, once a second page is wanted; they come in their order. A loop that is left stops what is under way.
    Every loop over a pager begins anew.

    Example:
        >>> for record in mistral.datasets.iter_records(dataset_id):
        ...     print(record.id)
        >>> async for dataset in mistral.datasets.iter():
        ...     print(dataset.name)
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path[T]) -> None:
        self._path = path

    def __iter__(self) -> Iterator[T]:
        return self._path.items()

    def __aiter__(self) -> AsyncIterator[T]:
        return self._path.items()

    def pages(self) -> Pages[T]:
        """The same page by page, for `for` and for `async for`.

        Example:
            >>> for page in mistral.datasets.iter_records(dataset_id).pages():
            ...     print(page.number, len(page.results), "of", page.count)
        """
        return Pages(self._path.pages())

    def count(self) -> int:
        """How many items there are in all, as the server counts them now.

        Raises:
            errors.MistralError: As the listing.
        """
        return self._path.count()

    async def count_async(self) -> int:
        """Like `count`, for asyncio."""
        return await self._path.count_async()


class Page(Generic[T]):
    """A page of a pager, without what was seen before.

    Attributes:
        number: The page's number, from 1.
        count: How many items there are in all, as the server counted when it answered.
        results: The items.
    """

    __slots__ = ("count", "number", "results")

    def __init__(self, number: int, count: int, results: list[T]) -> None:
        self.number = number
        self.count = count
        self.results = results

    def __repr__(self) -> str:
        return f"Page(number={self.number}, count={self.count}, results=<{len(self.results)}>)"


class Pages(Generic[T]):
    """The pages of a pager, for one loop."""

    __slots__ = ("_pages",)

    def __init__(self, pages: NativePages[T]) -> None:
        self._pages = pages

    def __iter__(self) -> Iterator[Page[T]]:
        return self

    def __next__(self) -> Page[T]:
        page = self._pages.next()
        if page is None:
            raise StopIteration
        return Page(*page)

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self._pages.next_async()
        if page is None:
            raise StopAsyncIteration
        return Page(*page)


class ExportedRecords(Generic[T]):
    """The records of an export, one after the other, for `for` and for `async for`.

    Nothing is sent before the first is asked for, and a loop that is left stops the export. Every loop exports anew.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path[T]) -> None:
        self._path = path

    def __iter__(self) -> Iterator[T]:
        return self._path.items()

    def __aiter__(self) -> AsyncIterator[T]:
        return self._path.items()
