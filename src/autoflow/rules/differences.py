"""What differs in meaning between two versions of a rule: their canonical documents are compared, never their texts.

For `autoflow plan`. Before it: the documents of files, of a revision, or of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from autoflow.matching.differences import diff_conditions
from autoflow.matching.tree import parse_condition
from autoflow.model.json import Json, JsonObject, canonical_json
from autoflow.rules.vocabulary import RULE_KEYS

_STANDS_FOR = {"delay": "0s", "on_change": "finish_old"}
"""What a key means that is not written."""
_NAMES = ("id", "account")
_FOR_PEOPLE = ("name", "description", "labels")


class _Absent:
    """Where nothing stands: null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


class Difference(NamedTuple):
    """One thing that is not the same."""

    #: in the canonical document: `delay`, `when.all[1]`, `actions[0].sms.message`
    path: str
    #: ABSENT where it came or went
    before: Json
    after: Json
    #: whether both sides are a line in words rather than values
    is_line: bool = False
    #: the named condition that it stands inside
    condition: str | None = None


def diff_documents(before: JsonObject, after: JsonObject) -> tuple[Difference, ...]:
    """What differs in meaning between two canonical documents of one rule, in order of their keys."""
    found: list[Difference] = []
    for key in (*RULE_KEYS, *sorted((before.keys() | after.keys()) - set(RULE_KEYS))):
        if key in _NAMES or key in _FOR_PEOPLE:
            continue
        default = _STANDS_FOR.get(key, ABSENT)
        found += _DIFFS.get(key, _diff_value)(key, before.get(key, default), after.get(key, default))
    return tuple(found)


def diff_texts(before: JsonObject, after: JsonObject) -> tuple[Difference, ...]:
    """What differs that is there for people only."""
    return tuple(
        one for key in _FOR_PEOPLE for one in _diff_value(key, before.get(key, ABSENT), after.get(key, ABSENT))
    )


def diff_values(before: Json, after: Json) -> tuple[Difference, ...]:
    """What differs between two values, by their paths: `a.b[0]`."""
    return tuple(_diff_value("", before, after))


def _diff_value(path: str, before: Json, after: Json) -> Iterator[Difference]:
    if _is_same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*after, *before)):
            yield from _diff_value(f"{path}.{key}" if path else key, before.get(key, ABSENT), after.get(key, ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _diff_value(f"{path}[{index}]", old, new)
    else:
        yield Difference(path, before, after)


def _is_same(before: Json, after: Json) -> bool:
    """Whether two values are written alike: for Python 1, 1.0 and True are equal, for a rule they are not."""
    if before is ABSENT or after is ABSENT:
        return before is after
    return canonical_json(before) == canonical_json(after)


def _diff_when(path: str, before: Json, after: Json) -> Iterator[Difference]:
    old, new = (None if one is ABSENT else parse_condition(one).condition for one in (before, after))
    for found in diff_conditions(old, new):
        yield Difference(
            path + found.path,
            ABSENT if found.before is None else found.before,
            ABSENT if found.after is None else found.after,
            is_line=True,
            condition=found.name,
        )


def _diff_patterns(path: str, before: Json, after: Json) -> Iterator[Difference]:
    """Triggers and cancel_ons: patterns of the same events belong together."""
    old, new = _as_list(before), _as_list(after)
    alone = len(old) <= 1 and len(new) <= 1
    for index, (left, right) in _align(old, new, _events_of, alone=alone):
        place = path if alone else f"{path}[{index}]"
        if left is ABSENT or right is ABSENT:
            yield Difference(place, left, right)
            continue
        rest = [{key: value for key, value in one.items() if key != "when"} for one in (left, right)]
        yield from _diff_value(place, rest[0], rest[1])
        yield from _diff_when(f"{place}.when", left.get("when", ABSENT), right.get("when", ABSENT))


def _diff_steps(path: str, before: Json, after: Json) -> Iterator[Difference]:
    """Actions: those of one id, else of one type, belong together, in their order."""
    for index, (left, right) in _align(_as_list(before), _as_list(after), _kind_of, alone=False):
        yield from _diff_value(f"{path}[{index}]", left, right)


def _align(
    old: Sequence[Json], new: Sequence[Json], key_of: Callable[[Json], str], *, alone: bool
) -> Iterator[tuple[int, tuple[Json, Json]]]:
    """Which belong together, each with its place in the newer list, or in the older one where it is gone."""
    if alone and old and new:
        yield 0, (old[0], new[0])
        return
    equal = set(map(canonical_json, old)) & set(map(canonical_json, new))
    names = [[text if (text := canonical_json(one)) in equal else key_of(one) for one in side] for side in (old, new)]
    matcher = SequenceMatcher(None, names[0], names[1], autojunk=False)
    for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        together = min(old_end - old_start, new_end - new_start)
        same = names[0][old_start : old_start + together] == names[1][new_start : new_start + together]
        count = together if same else 0
        for offset in range(count):
            yield new_start + offset, (old[old_start + offset], new[new_start + offset])
        for index in range(old_start + count, old_end):
            yield index, (old[index], ABSENT)
        for index in range(new_start + count, new_end):
            yield index, (ABSENT, new[index])


def _events_of(pattern: JsonObject) -> str:
    return canonical_json(pattern["event"])


def _kind_of(step: JsonObject) -> str:
    kind = next((key for key in step if key not in ("id", "retry")), "")
    return f"{kind} {step.get('id', '')}"


def _as_list(value: Json) -> list[Json]:
    if value is ABSENT:
        return []
    return value if isinstance(value, list) else [value]


_DIFFS: Mapping[str, Callable[[str, Json, Json], Iterator[Difference]]] = {
    "trigger": _diff_patterns,
    "cancel_on": _diff_patterns,
    "when": _diff_when,
    "actions": _diff_steps,
}
