"""The port to what is kept: transactions that run on the store's own thread, and reads beside them.

Before it: the engine, the executor and the API. After it: a database. Every statement has a name in
`queries.sql`; each dialect carries the same names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Row(Protocol):
    """One row of a result, by column name."""

    def __getitem__(self, column: str, /) -> Any:
        """The value of a column."""
        ...

    def keys(self) -> Sequence[str]:
        """The names of the columns."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The values of the columns, in their order."""
        ...


class Reading(Protocol):
    """A consistent view: everything read through it comes from one moment."""

    #: UTC milliseconds, the same for the whole transaction
    now: int

    def rows(self, query: str, **values: Any) -> Sequence[Row]:
        """All rows of the named query."""
        ...

    def row(self, query: str, **values: Any) -> Row | None:
        """The first row of the named query, or None."""
        ...


class Transaction(Reading, Protocol):
    """A view that can also write. What it wrote is kept all together or not at all."""

    #: those of the store
    flagged: set[int]

    def run(self, query: str, **values: Any) -> int:
        """Run the named statement; how many rows it changed."""
        ...

    def insert_many(self, query: str, rows: Sequence[Sequence[Any]], **same: Any) -> None:
        """Run the named one-row INSERT for many rows at once, with their values in the statement's order.

        `same` are values that all rows have; they are left out of the rows.
        """
        ...

    def take_numbers(self, table: str, count: int) -> int:
        """The first of so many new numbers for rows of `events` or `pending_triggers`.

        A number that was kept is never given again, not even where its row has gone.
        """
        ...

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call on the event loop once the transaction is on disk; never when it was rolled back."""
        ...

    def after_rollback(self, call: Callable[[], None]) -> None:
        """Call at once, before any other change begins, where the transaction is undone.

        For what a change did in memory, so that it holds for the changes of the same commit.
        """
        ...


class Store(Protocol):
    """A database that keeps events, waiting work and history."""

    #: raised at each start; claims of older owners are free
    epoch: int
    #: the numbers of claimed work that was cancelled: added on the event loop before whoever cancelled hears of it,
    #: taken out by whoever performs it
    flagged: set[int]

    def transact(self, change: Callable[[Transaction], T]) -> Awaitable[T]:
        """Run `change` in a transaction; return once it is on disk. StorageError when it could not be kept,
        ClosedError (one of them) where nothing will be any more.

        It is handed in at once, also where nobody awaits it yet. Several changes may share one commit. What `change`
        raises undoes its own part and comes back.
        """
        ...

    async def read(self, look: Callable[[Reading], T]) -> T:
        """Run `look` on a read-only view, beside the writer."""
        ...

    def close(self) -> None:
        """Finish what was handed in, then let go of the file."""
        ...
