"""What becomes of waiting work when one set of rules follows another: a reload does it, `plan` counts it beforehand.

Before it: the generation that runs, and the rules that are to follow. After it: the engine ends what it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from autoflow.model.rule import OnChange
from autoflow.store.base import Reading
from autoflow.store.versions import Generation

Key = tuple[str, str]
"""What a rule is known by: (account, id)."""


class Successor(NamedTuple):
    """What follows under a rule's name."""

    #: its number; None where it is not stored yet, so that nothing can wait under it
    version: int | None
    on_change: OnChange


class Leaving(NamedTuple):
    """A rule version that will not be in force any more."""

    account: str
    rule_id: str
    version: int
    #: the version that is in force under this name from then on, as far as it has a number
    successor: int | None
    #: what becomes of everything that waits under the rule, but under that version
    policy: OnChange

    @property
    def key(self) -> Key:
        """What the rule is known by."""
        return self.account, self.rule_id


class Touched(NamedTuple):
    """How much a change touches, and what becomes of it."""

    #: not begun yet
    waiting: int
    #: begun: being performed, or waiting for another attempt
    running: int
    policy: OnChange


def find_leaving(view: Reading, previous: Generation, following: Mapping[Key, Successor]) -> Iterator[Leaving]:
    """The versions of a generation that are not among those that follow."""
    staying = {successor.version for successor in following.values()}
    for number in previous.version_ids:
        row = None if number in staying else view.row("version_by_id", id=number)
        if row is None:
            continue
        key = row["account"], row["rule_id"]
        successor = following.get(key)
        yield Leaving(
            account=key[0],
            rule_id=key[1],
            version=number,
            successor=successor.version if successor else None,
            policy=successor.on_change if successor else _policy_of(row["document"]),
        )


def count_touched(view: Reading, leaving: Leaving) -> Touched:
    """How much waits or runs under a rule that changes, but under the version that follows."""
    waiting = running = 0
    for row in view.rows("count_work_of_rule", account=leaving.account, rule_id=leaving.rule_id):
        if row["version"] != leaving.successor:
            waiting += row["waiting"]
            running += row["running"]
    return Touched(waiting, running, leaving.policy)


def _policy_of(document: str) -> OnChange:
    """What a removed rule wanted for its waiting work."""
    return OnChange(json.loads(document).get("on_change", OnChange.FINISH_OLD))
