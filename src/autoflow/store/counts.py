"""What events have shown of rule versions, added up in the store. It goes with its version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from autoflow.store.base import Reading, Transaction

LeafRow = tuple[int, int, int]
"""How often a comparison was true, false, and could not be evaluated."""


class VersionCounts(NamedTuple):
    """What some events have shown of one version."""

    version: int
    #: when the first of them was judged
    since: int
    judged: int
    woken: int
    #: in the order of the rule's comparisons
    leaves: tuple[LeafRow, ...]

    def plus(self, later: VersionCounts) -> VersionCounts:
        """Both together."""
        leaves = tuple(
            (a[0] + b[0], a[1] + b[1], a[2] + b[2]) for a, b in zip(self.leaves, later.leaves, strict=True)
        )
        return VersionCounts(self.version, self.since, self.judged + later.judged, self.woken + later.woken, leaves)


def add_counts(tx: Transaction, counts: Sequence[VersionCounts]) -> None:
    """Add these to what is kept; for a version that has gone meanwhile there is nothing to keep."""
    rules = [[one.version, one.since, one.judged, one.woken] for one in counts]
    leaves = [[one.version, number, *leaf] for one in counts for number, leaf in enumerate(one.leaves) if any(leaf)]
    tx.run("add_rule_counts", rows=json.dumps(rules))
    tx.run("add_leaf_counts", rows=json.dumps(leaves))


def load_counts(view: Reading, versions: Sequence[int]) -> dict[int, VersionCounts]:
    """What is known of these versions; of each as many comparisons as were ever looked at."""
    ids = json.dumps(list(versions))
    leaves: dict[int, list[LeafRow]] = {}
    for row in view.rows("leaf_counts_of", ids=ids):
        known = leaves.setdefault(row["version"], [])
        known += [(0, 0, 0)] * (row["leaf"] - len(known))
        known.append((row["seen_true"], row["seen_false"], row["failed"]))
    return {
        row["version"]: VersionCounts(
            version=row["version"],
            since=row["since"],
            judged=row["judged"],
            woken=row["woken"],
            leaves=tuple(leaves.get(row["version"], ())),
        )
        for row in view.rows("rule_counts_of", ids=ids)
    }
