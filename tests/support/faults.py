"""Faults of the store at the change or look one names: one that fails, and a process that dies before or after it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from autoflow.errors import ClosedError, StorageError
from autoflow.store.sqlite.store import SqliteStore


class Fault(StrEnum):
    """What happens at the chosen moment."""

    #: nothing of it is kept; the next one works again
    FAILS = "fails"
    #: the process ends before it
    DIES_BEFORE = "dies_before"
    #: it is kept, and the process ends before anybody hears of it
    DIES_AFTER = "dies_after"


class Faults:
    """Stands in front of a store and lets one of its changes and looks go wrong, counted from 1; 0 is none."""

    def __init__(self, store: SqliteStore, fault: Fault = Fault.FAILS, at: int = 0) -> None:
        self._transact, self._read = store.transact, store.read
        self._fault, self._at = fault, at
        self.seen = 0
        self.dead = False
        store.transact = self.transact  # type: ignore[method-assign]  # the store itself stays as it is
        store.read = self.read  # type: ignore[method-assign]  # the store itself stays as it is

    async def transact(self, change: Callable[[Any], Any]) -> Any:
        """The store's own, unless its moment has come."""
        return await self._pass_on(lambda: self._transact(change))

    async def read(self, look: Callable[[Any], Any]) -> Any:
        """The store's own, unless its moment has come."""
        return await self._pass_on(lambda: self._read(look))

    async def _pass_on(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.seen += 1
        chosen = self.seen == self._at
        if self.dead or (chosen and self._fault is Fault.DIES_BEFORE):
            self.dead = True
            raise ClosedError("the process has ended")
        if chosen and self._fault is Fault.FAILS:
            raise StorageError("nothing was kept")
        answer = await call()
        if chosen:
            self.dead = True
            raise ClosedError("the process has ended")
        return answer
