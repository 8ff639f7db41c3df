"""Pagers over listings and exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar, overload

from mistral_datasets._native import BatchSource, ItemIterator, PageIterator

T = TypeVar("T")


class Pager(Generic[T]):
    """Iterates over every item of a paginated listing, with `for` or `async for`.

    Pages are fetched lazily: no request is sent until the first item is requested. From the second page on, up to
    `prefetch` pages are requested concurrently and returned in order. Leaving a loop cancels requests in flight. Every
    loop over a pager starts from the beginning. Async iterators have `aclose`, for `contextlib.aclosing`.

    Items may be deleted during the loop, also by the loop itself: if the server's count falls, the pager goes back,
    requests the pages that have shifted again, and skips the items that it has returned. If it cannot be sure to have
    reached every item, because more than 10,000 items were deleted at once, it raises `ConflictError`, unless `strict`
    is `False`. Deletions that are outweighed by insertions are not detected.

    Example:
        >>> for record in mistral.datasets.iter_records(dataset_id):
        ...     print(record.id)
        >>> async for dataset in mistral.datasets.iter():
        ...     print(dataset.name)
    """

    __slots__ = ("_source",)

    def __init__(self, source: BatchSource[T]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[T]:
        return self._source.items()

    def __aiter__(self) -> ItemIterator[T]:
        return self._source.items()

    def pages(self) -> Pages[T]:
        """Iterates page by page, with `for` or `async for`.

        Example:
            >>> for page in mistral.datasets.iter_records(dataset_id).pages():
            ...     print(page.number, len(page.results), "of", page.count)
        """
        return Pages(self._source.pages())

    def count(self) -> int:
        """Fetches the total number of items from the server.

        Raises:
            errors.MistralError: The request failed; see `errors` for the subclasses.
        """
        return self._source.count()

    async def count_async(self) -> int:
        """Fetches the total number of items from the server.

        Raises:
            errors.MistralError: The request failed; see `errors` for the subclasses.
        """
        return await self._source.count_async()


class Page(Generic[T]):
    """A page of a pager, without items that earlier pages contained.

    A page is a sequence of its results: `len(page)`, `page[0]` and `for item in page` work.

    A page that is requested again because items were deleted is returned again with its new items.

    Attributes:
        number: Page number, starting at 1.
        count: Total number of items, as counted by the server when it returned this page.
        results: Items of the page.
    """

    __slots__ = ("count", "number", "results")

    def __init__(self, number: int, count: int, results: list[T]) -> None:
        self.number = number
        self.count = count
        self.results = results

    def __len__(self) -> int:
        return len(self.results)

    def __bool__(self) -> bool:
        # Like every other response. `len` tells whether it is empty.
        return True

    def __iter__(self) -> Iterator[T]:
        return iter(self.results)

    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...
    def __getitem__(self, index: int | slice, /) -> T | list[T]:
        return self.results[index]

    def __repr__(self) -> str:
        return f"Page(number={self.number}, count={self.count}, results=<{len(self.results)}>)"


class Pages(Generic[T]):
    """Iterator over the pages of a pager."""

    __slots__ = ("_pages",)

    def __init__(self, pages: PageIterator[T]) -> None:
        self._pages = pages

    def __iter__(self) -> Iterator[Page[T]]:
        return self

    def __next__(self) -> Page[T]:
        page = self._pages.next()
        if page is None:
            raise StopIteration
        number, count, _, results = page
        # The pages of a listing have the count.
        return Page(number, count or 0, results)

    def __aiter__(self) -> Pages[T]:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self._pages.next_async()
        if page is None:
            raise StopAsyncIteration
        number, count, _, results = page
        return Page(number, count or 0, results)

    async def aclose(self) -> None:
        """Ends the iteration and cancels requests in flight."""
        await self._pages.aclose()


class FeedPager(Generic[T]):
    """Iterates over every item of a search whose pages have cursors, with `for` or `async for`.

    Pages are fetched lazily, one after another, because each contains the cursor of the next: no request is sent until
    the first item is requested. Every loop over a pager starts from the beginning. Async iterators have `aclose`, for
    `contextlib.aclosing`. The server does not count the items, so a `FeedPager` has no `count`.

    Example:
        >>> for span in mistral.spans.iter_spans(search_expression="status_code = 'Error'"):
        ...     print(span.span_name)
        >>> async for event in mistral.chat_completion_events.iter(field("model_name").eq("mistral-small-latest")):
        ...     print(event.event_id)
    """

    __slots__ = ("_source",)

    def __init__(self, source: BatchSource[T]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[T]:
        return self._source.items()

    def __aiter__(self) -> ItemIterator[T]:
        return self._source.items()

    def pages(self) -> FeedPages[T]:
        """Iterates page by page, with `for` or `async for`.

        Example:
            >>> for page in mistral.traces.iter().pages():
            ...     print(page.number, len(page.results), page.next_cursor)
        """
        return FeedPages(self._source.pages())


class FeedPage(Generic[T]):
    """A page of a `FeedPager`.

    A page is a sequence of its results: `len(page)`, `page[0]` and `for item in page` work.

    Attributes:
        number: Page number, starting at 1.
        next_cursor: Cursor of the next page, with which a later search can continue. `None` at the end.
        results: Items of the page.
    """

    __slots__ = ("next_cursor", "number", "results")

    def __init__(self, number: int, next_cursor: str | None, results: list[T]) -> None:
        self.number = number
        self.next_cursor = next_cursor
        self.results = results

    def __len__(self) -> int:
        return len(self.results)

    def __bool__(self) -> bool:
        # Like every other response. `len` tells whether it is empty.
        return True

    def __iter__(self) -> Iterator[T]:
        return iter(self.results)

    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...
    def __getitem__(self, index: int | slice, /) -> T | list[T]:
        return self.results[index]

    def __repr__(self) -> str:
        return f"FeedPage(number={self.number}, next_cursor={self.next_cursor!r}, results=<{len(self.results)}>)"


class FeedPages(Generic[T]):
    """Iterator over the pages of a `FeedPager`."""

    __slots__ = ("_pages",)

    def __init__(self, pages: PageIterator[T]) -> None:
        self._pages = pages

    def __iter__(self) -> Iterator[FeedPage[T]]:
        return self

    def __next__(self) -> FeedPage[T]:
        page = self._pages.next()
        if page is None:
            raise StopIteration
        number, _, next_cursor, results = page
        return FeedPage(number, next_cursor, results)

    def __aiter__(self) -> FeedPages[T]:
        return self

    async def __anext__(self) -> FeedPage[T]:
        page = await self._pages.next_async()
        if page is None:
            raise StopAsyncIteration
        number, _, next_cursor, results = page
        return FeedPage(number, next_cursor, results)

    async def aclose(self) -> None:
        """Ends the iteration and cancels the request in flight."""
        await self._pages.aclose()


class ExportedRecords(Generic[T]):
    """Iterates over the records of an export, with `for` or `async for`.

    No request is sent until the first record is requested. Leaving a loop cancels the export. Every loop starts a new
    export.
    """

    __slots__ = ("_source",)

    def __init__(self, source: BatchSource[T]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[T]:
        return self._source.items()

    def __aiter__(self) -> ItemIterator[T]:
        return self._source.items()
