"""Faults of the store, at the change one names: what was not kept, and what was kept while its answer was lost."""

from collections.abc import Callable
from typing import Any

from autoflow.errors import StorageError
from autoflow.store.sqlite.store import SqliteStore


class Faults:
    """Lets some of a store's changes and looks fail. Nothing fails until it is told to."""

    def __init__(self, store: SqliteStore) -> None:
        self._transact, self._read = store.transact, store.read
        #: how many were asked for since the start
        self.seen = 0
        #: which of them fail, counted from 1
        self.failing: Callable[[int], bool] = lambda _number: False
        store.transact = self.transact  # type: ignore[method-assign]  # the store itself stays as it is
        store.read = self.read  # type: ignore[method-assign]  # the store itself stays as it is

    async def transact(self, change: Callable[[Any], Any]) -> Any:
        """The store's own, or nothing kept."""
        self._count()
        return await self._transact(change)

    async def read(self, look: Callable[[Any], Any]) -> Any:
        """The store's own, or nothing read."""
        self._count()
        return await self._read(look)

    def _count(self) -> None:
        self.seen += 1
        if self.failing(self.seen):
            raise StorageError("nothing was kept: injected")
