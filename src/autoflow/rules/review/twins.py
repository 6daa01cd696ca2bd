"""Rules that do the same under two ids, and an account that looks like another one with a letter wrong."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterator, Sequence

from autoflow.model.json import Json
from autoflow.model.rule import Enabled, Rule
from autoflow.rules import codes
from autoflow.rules.review.remarks import Remark, where

_NOT_MEANT = frozenset({"id", "name", "description", "labels"})
_ALIKE = 0.8
"""How alike two names are (from 0 to 1) where one is probably meant as the other."""
_MANY = 3
"""So many times as many rules make an account the one that was meant."""
_MOST_PAIRS = 20_000
"""Accounts that are compared: where there are thousands, names alike are meant so."""


def find_twins(rules: Sequence[Rule]) -> Iterator[Remark]:
    """Rules of one account that act on the same events in the same way."""
    first: dict[bytes, Rule] = {}
    for rule in rules:
        if rule.enabled is Enabled.OFF:
            continue
        twin = first.setdefault(_meaning_of(rule), rule)
        if twin is not rule:
            message = f"this rule does the same as {where(twin)}: all of it is done twice"
            hint = "take one of them out, or tell them apart by trigger, when or actions"
            yield Remark(rule, ("id",), codes.SAME_RULE, message, hint)


def _meaning_of(rule: Rule) -> bytes:
    """Equal for rules that were copied. This is done for every rule: marshal takes a tenth of the time of JSON."""
    kept: list[tuple[str, Json]] = [item for item in rule.document.items() if item[0] not in _NOT_MEANT]
    return marshal.dumps(kept, 0)


def find_odd_accounts(rules: Sequence[Rule]) -> Iterator[Remark]:
    """Accounts of one file only whose name is nearly that of an account with many rules."""
    counts = Counter(rule.account for rule in rules)
    large = sum(count >= _MANY for count in counts.values())
    if len(counts) < 2 or len(counts) * large > _MOST_PAIRS:
        return
    files: dict[str, set[str | None]] = {}
    for rule in rules:
        files.setdefault(rule.account, set()).add(rule.provenance.path)
    told: set[str] = set()
    for rule in rules:
        if rule.account in told or len(files[rule.account]) > 1:
            continue
        told.add(rule.account)
        meant = _meant_by(rule.account, counts)
        if meant is not None:
            message = (
                f"the account {rule.account!r} has {_rules(counts[rule.account])}, {meant!r} has {counts[meant]}"
            )
            yield Remark(rule, ("account",), codes.ODD_ACCOUNT, message, f"did you mean {meant}?")


def _meant_by(account: str, counts: Counter[str]) -> str | None:
    """The account with many rules that is nearly called so; names that differ in their digits are meant so."""
    from difflib import SequenceMatcher  # start-up time counts

    letters = _without_digits(account)
    near = [
        other
        for other, count in counts.items()
        if count >= _MANY * counts[account]
        and _without_digits(other) != letters
        and abs(len(other) - len(account)) <= 1
        and (sorted(account) == sorted(other) or SequenceMatcher(None, account, other).ratio() >= _ALIKE)
    ]
    return max(near, key=lambda other: counts[other], default=None)


def _without_digits(name: str) -> str:
    return "".join(char for char in name if not char.isdigit())


def _rules(count: int) -> str:
    return "this rule only" if count == 1 else f"{count} rules"
