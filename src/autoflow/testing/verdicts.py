"""What is not as it was expected: pure comparisons, with the lines of a difference and what decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from autoflow.matching.explain import decisive
from autoflow.matching.tree import parse_condition
from autoflow.matching.wording import write_leaf
from autoflow.model.condition import Leaf
from autoflow.model.json import Json, JsonObject
from autoflow.rules.verdict import Verdict
from autoflow.testing.matchers import Compared, compare, flatten
from autoflow.testing.scenario import Matter, Spot
from autoflow.testing.views import Seen

GONE, CAME, SAME = "-", "+", " "


class DiffLine(NamedTuple):
    """A line of a difference: `-` was expected, `+` is there, a space is as it should be."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a rule did or did not fire on an event."""

    rule: str
    #: file and line of the rule
    place: str
    #: the event, as it is told
    event: str
    #: in a few words
    verdict: str
    #: what became of it, where it did not come to what was expected: it waits, it was given up
    became: str = ""
    #: what was found, what decided, and what would have had to differ, as `why` tells it
    told: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that is not as it was expected."""

    spot: Spot
    code: str
    message: str
    #: which step it was, counted from 1; None where the test was not even begun
    step: int | None = None
    title: str = ""
    matter: Matter | None = None
    diff: tuple[DiffLine, ...] = ()
    #: the rules that are to blame, or are not
    reasons: tuple[Reason, ...] = ()


class Difference(NamedTuple):
    """What an expectation missed."""

    message: str
    lines: tuple[DiffLine, ...]
    #: the rules that it is about, where it tells
    rules: tuple[str, ...] = ()
    #: whether all that was expected is there, and only looks different: conditions are not to blame
    is_about_values: bool = False
    #: whether there is less than was expected
    is_lacking: bool = False


def compare_items(matter: str, wanted: Json, seen: Sequence[Seen], *, exactly: bool = False) -> Difference | None:
    """A number or a list beside what there is; None where it is as expected."""
    if isinstance(wanted, int):
        if wanted == len(seen):
            return None
        lines = [DiffLine(GONE, str(wanted)), DiffLine(CAME, str(len(seen)))]
        lines += [DiffLine(SAME, one.told) for one in seen]
        said = f"{matter}: expected {wanted}, there {'is 1' if len(seen) == 1 else f'are {len(seen)}'}"
        return Difference(said, tuple(lines), _rules_of(seen), is_lacking=wanted > len(seen))
    pairs = _pair(wanted, seen, exactly=exactly)
    if all(one is not None and other is not None for one, other, _ in pairs) and all(
        line.is_met for _, _, lines in pairs for line in lines
    ):
        return None
    extra = [other for one, other, _ in pairs if one is None and other is not None]
    lacking = [wanted[one] for one, other, _ in pairs if one is not None and other is None]
    missing = len(lacking)
    diff = tuple(line for one, other, lines in pairs for line in _item_lines(matter, one, other, lines))
    said = _say(matter, len(extra), missing, len(wanted))
    if missing or extra:
        rules = dict.fromkeys([*_named(lacking), *_rules_of(extra)])
        return Difference(said, diff, tuple(rules), is_lacking=bool(lacking))
    return Difference(said, diff, _rules_of(seen), is_about_values=True)


def _named(wanted: Sequence[Json]) -> list[str]:
    """The rules that expected items name."""
    names = [item.get("rule") for item in wanted if isinstance(item, dict)]
    return [name for name in names if isinstance(name, str)]


def _say(matter: str, extra: int, missing: int, wanted: int) -> str:
    if not wanted:
        return f"{matter}: expected none, there {'is 1' if extra == 1 else f'are {extra}'}"
    if missing and extra:
        return f"{matter}: {missing} missing, {extra} that nobody expected"
    if missing:
        return f"{matter}: {missing} missing"
    return f"{matter}: {extra} that nobody expected" if extra else f"{matter}: not as expected"


Pair = tuple[int | None, Seen | None, list[Compared]]
"""The place of what is expected, what it was compared with, and how."""


def _pair(wanted: Sequence[Json], seen: Sequence[Seen], *, exactly: bool) -> list[Pair]:
    """Each expected item with what is there, in order; what has one moment has no order."""
    if len(wanted) != len(seen):
        groups = [(range(len(wanted)), list(seen))]
    else:
        groups, start = [], 0
        for _, group in groupby(seen, key=lambda one: one.moment):
            members = list(group)
            groups.append((range(start, start + len(members)), members))
            start += len(members)
    return [pair for places, members in groups for pair in _pair_group(wanted, places, members, exactly=exactly)]


def _pair_group(wanted: Sequence[Json], places: range, members: list[Seen], *, exactly: bool) -> Iterator[Pair]:
    in_order = [
        _compare_item(wanted[place], one, exactly=exactly) for place, one in zip(places, members, strict=False)
    ]
    if len(places) == len(members) and all(one.is_met for lines in in_order for one in lines):
        yield from zip(places, members, in_order, strict=True)  # nearly always
        return
    compared = {
        (place, index): _compare_item(wanted[place], one, exactly=exactly)
        for place in places
        for index, one in enumerate(members)
    }
    chosen = _choose(places, len(members), compared)
    left = [index for index in range(len(members)) if index not in chosen.values()]
    for place in places:
        index = chosen.get(place)
        if index is None and left:
            index = left.pop(0)
        if index is None:
            yield place, None, list(flatten(_without_exactly(wanted[place])))
            continue
        yield place, members[index], compared[place, index]
    for index in left:
        yield None, members[index], []


def _choose(places: range, count: int, compared: Mapping[tuple[int, int], list[Compared]]) -> dict[int, int]:
    """As many expectations as can be with something that meets them."""
    fits = {
        place: [index for index in range(count) if all(one.is_met for one in compared[place, index])]
        for place in places
    }
    owner: dict[int, int] = {}
    for place in places:
        _find_room(place, fits, owner, set())
    return {place: index for index, place in owner.items()}


def _find_room(place: int, fits: Mapping[int, list[int]], owner: dict[int, int], tried: set[int]) -> bool:
    """Give an expectation something that fits, moving others where they have a choice."""
    for index in fits[place]:
        if index in tried:
            continue
        tried.add(index)
        if index not in owner or _find_room(owner[index], fits, owner, tried):
            owner[index] = place
            return True
    return False


def _compare_item(wanted: Json, seen: Seen, *, exactly: bool) -> list[Compared]:
    strict = exactly or wanted.get("exactly", False)
    return [
        line
        for key, value in _without_exactly(wanted).items()
        for line in compare(value, seen.view.get(key), exactly=strict, path=key)
    ]


def _without_exactly(wanted: Json) -> dict[str, Json]:
    return {key: value for key, value in wanted.items() if key != "exactly"}


def _item_lines(matter: str, place: int | None, seen: Seen | None, lines: Sequence[Compared]) -> Iterator[DiffLine]:
    if place is None:
        assert seen is not None  # noqa: S101 - a pair has one half at least
        yield DiffLine(CAME, seen.told)
    elif seen is None:
        yield DiffLine(GONE, f"{matter}[{place}]")
        yield from (DiffLine(GONE, f"  {one.path}: {one.expected}") for one in lines)
    elif all(one.is_met for one in lines):
        yield DiffLine(SAME, f"{matter}[{place}] {seen.told}")
    else:
        yield DiffLine(
            SAME, f"{matter}[{place}] at {seen.view.get('at', seen.view.get('due', ''))}".removesuffix(" at ")
        )
        for one in lines:
            yield from difference_of(one)


def difference_of(one: Compared) -> Iterator[DiffLine]:
    """A value that is as it should be, or what was expected and what is there."""
    label = f"  {one.path}: " if one.path else "  "
    if one.is_met:
        yield DiffLine(SAME, f"{label}{one.actual}")
        return
    if one.expected:
        yield DiffLine(GONE, f"{label}{one.expected}")
    yield DiffLine(CAME, f"{label}{'nothing is there' if one.actual is None else one.actual}")


def compare_outcome(wanted: Json, outcomes: Sequence[Mapping[str, Any]]) -> Difference | None:
    """What became of the last events; a word, or one for each of them."""
    each = wanted if isinstance(wanted, list) else [wanted] * max(1, len(outcomes))
    lines: list[DiffLine] = []
    for index in range(max(len(each), len(outcomes))):
        known = outcomes[index] if index < len(outcomes) else {}
        said = each[index] if index < len(each) else {"status": None}
        one = said if isinstance(said, dict) else {"status": said}
        label = f"[{index}]" if len(outcomes) > 1 else ""
        missed = [compared for compared in compare(one, known, path=label) if not compared.is_met]
        lines += [line for compared in missed for line in difference_of(compared)]
        if lines and known.get("error") and "error" not in one:
            lines.append(DiffLine(SAME, f"  error: {known['error']}"))
    return Difference("outcome: not as expected", tuple(lines)) if lines else None


def compare_verdict(rule: str, wanted: Json, found: str, verdict: Verdict | None) -> Difference | None:
    """Why a rule fired or not, beside what was expected of it."""
    expected = wanted if isinstance(wanted, dict) else {"result": wanted}
    view: dict[str, Any] = {"result": found}
    explained = (verdict.conditions or verdict.trigger) if verdict is not None else None
    leaf = decisive(explained) if explained is not None else None
    if leaf is not None:
        view |= {"leaf": leaf.leaf, "actual": leaf.actual}
    if verdict is not None and verdict.error is not None:
        view["error"] = str(verdict.error)
    compared: list[Compared] = []
    for key, value in expected.items():
        if key == "leaf":
            compared.append(_compare_leaf(value, view.get("leaf")))
        else:
            compared += compare(value, view.get(key), path=key)
    if all(one.is_met for one in compared):
        return None
    lines = tuple(line for one in compared for line in difference_of(one))
    return Difference(f"why: {rule} is not as expected", lines, (rule,))


def _compare_leaf(written: str, decided: Leaf | None) -> Compared:
    parsed = parse_condition(written).condition
    wanted = write_leaf(parsed) if isinstance(parsed, Leaf) else written
    found = None if decided is None else write_leaf(decided)
    return Compared("leaf", wanted, found, wanted == found)


def _rules_of(seen: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(one.view["rule"]) for one in seen if one.view.get("rule")))


def unexpected(matter: Matter, seen: Sequence[Seen]) -> Difference:
    """What happened and nobody looked at."""
    noun = "action" if matter is Matter.ACTIONS else "dead letter"
    count = f"1 {noun}" if len(seen) == 1 else f"{len(seen)} {noun}s"
    return Difference(
        f"{count} that nobody expected", tuple(DiffLine(CAME, one.told) for one in seen), _rules_of(seen)
    )
