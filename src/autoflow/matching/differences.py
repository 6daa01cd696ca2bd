"""What differs between two conditions: the trees are compared, not their texts, and their order last.

For `autoflow plan`, beside the canonical documents that a rule's other keys are compared by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, assert_never

from autoflow.matching.tree import write_condition
from autoflow.matching.wording import write_leaf
from autoflow.model.condition import All, Any, Condition, Leaf, Not
from autoflow.model.json import canonical_json


class ConditionDifference(NamedTuple):
    """One part that is there on one side only, or not the same on both."""

    #: where it stands in the newer tree, in the older one where it is gone: `` for the whole, `.all[1].any[0]`
    path: str
    before: str | None
    after: str | None
    #: the named condition that it stands inside, as a rule names a shared one
    name: str | None = None


def diff_conditions(before: Condition | None, after: Condition | None) -> tuple[ConditionDifference, ...]:
    """Everything that differs, in order of the newer tree; what is gone comes first in its group."""
    return tuple(_diff(before, after, "", None))


def write_text(condition: Condition) -> str:
    """A condition in one line; a named one by its name."""
    if condition.name is not None:
        return f"{condition.name} ({write_text(_unnamed(condition))})"
    match condition:
        case Leaf():
            return write_leaf(condition)
        case Not():
            return f"not ({write_text(condition.condition)})"
        case All() | Any():
            word = " and " if isinstance(condition, All) else " or "
            parts = [_bracketed(part) for part in condition.conditions]
            return (
                word.join(parts) if parts else f"nothing ({'all' if isinstance(condition, All) else 'any'} of none)"
            )
        case _:
            assert_never(condition)


def _bracketed(condition: Condition) -> str:
    text = write_text(condition)
    return f"({text})" if isinstance(condition, All | Any) and condition.name is None else text


def _diff(
    before: Condition | None, after: Condition | None, path: str, name: str | None
) -> Iterator[ConditionDifference]:
    if _is_same(before, after):
        return
    if before is None or after is None:
        yield from _one_sided(before, after, path, name)
        return
    group, other = _level(before, after)
    if group is before and other is after:
        yield from _diff_alike(before, after, path, name)
        return
    told = tuple(_diff_alike(group, other, path, name))
    # They come to the same, and are not the same: a condition by itself, and in a group of its own.
    yield from told or (ConditionDifference(path, _write_form(before), _write_form(after), name),)


def _diff_alike(before: Condition, after: Condition, path: str, name: str | None) -> Iterator[ConditionDifference]:
    """Two that are there and not the same; a group, if one of them is, beside a group."""
    if before.name == after.name:
        name = after.name or name
    elif _is_same(_unnamed(before), _unnamed(after)):
        yield ConditionDifference(path, write_text(before), write_text(after), name)
        return
    if isinstance(before, Not) and isinstance(after, Not):
        yield from _diff_rest(before, after, path, name)
        yield from _diff(before.condition, after.condition, f"{path}.not", name)
    elif isinstance(before, All | Any) and isinstance(after, All | Any) and type(before) is type(after):
        yield from _diff_groups(before, after, path, name)
    else:
        yield ConditionDifference(path, write_text(before), write_text(after), name)


def _write_form(condition: Condition) -> str:
    """A condition in one line that shows whether it is a group."""
    if not isinstance(condition, All | Any):
        return write_text(condition)
    return f"{'all' if isinstance(condition, All) else 'any'} of [{write_text(condition)}]"


def _one_sided(
    before: Condition | None, after: Condition | None, path: str, name: str | None
) -> Iterator[ConditionDifference]:
    """A whole condition that came or went: what must hold is told part by part."""
    for part in _parts(before):
        yield ConditionDifference(path, write_text(part), None, name)
    for part in _parts(after):
        yield ConditionDifference(path, None, write_text(part), name)


def _parts(condition: Condition | None) -> Sequence[Condition]:
    """What must hold, one by one."""
    if condition is None:
        return ()
    return condition.conditions if isinstance(condition, All) and condition.name is None else (condition,)


def _level(before: Condition, after: Condition) -> tuple[Condition, Condition]:
    """A single condition that became one of a group, or the other way round, is a group of one."""
    for kind in (All, Any):
        if isinstance(after, kind) and not isinstance(before, All | Any):
            return kind(conditions=(before,)), after
        if isinstance(before, kind) and not isinstance(after, All | Any):
            return before, kind(conditions=(after,))
    return before, after


def _diff_groups(before: All | Any, after: All | Any, path: str, name: str | None) -> Iterator[ConditionDifference]:
    yield from _diff_rest(before, after, path, name)
    key = "all" if isinstance(after, All) else "any"
    here = f"{path}.{key}"
    old, new = _without_equal(before.conditions, after.conditions)
    if not old and not new:
        if not all(map(_is_same, before.conditions, after.conditions)):
            words = [", ".join(write_text(part) for part in group.conditions) for group in (before, after)]
            yield ConditionDifference(f"{here} (order)", words[0], words[1], name)
        return
    pairs = _pair(old, new)
    for index, part in old:
        if index not in pairs.values():
            yield ConditionDifference(f"{here}[{index}]", write_text(part), None, part.name or name)
    older = dict(old)
    for index, part in new:
        if index in pairs:
            yield from _diff(older[pairs[index]], part, f"{here}[{index}]", name)
        else:
            yield ConditionDifference(f"{here}[{index}]", None, write_text(part), part.name or name)


_Numbered = tuple[int, Condition]


def _without_equal(
    before: Sequence[Condition], after: Sequence[Condition]
) -> tuple[list[_Numbered], list[_Numbered]]:
    """What of both has no equal on the other side, with its place."""
    left = list(enumerate(before))
    right: list[_Numbered] = []
    for index, part in enumerate(after):
        equal = next((one for one in left if _is_same(one[1], part)), None)
        if equal is None:
            right.append((index, part))
        else:
            left.remove(equal)
    return left, right


def _pair(old: Sequence[_Numbered], new: Sequence[_Numbered]) -> dict[int, int]:
    """Which newer part took the place of which older one: by what they compare, or by their kind."""
    pairs: dict[int, int] = {}
    for is_alike in (_same_comparison, _same_name, _same_subject, _same_kind):
        for index, part in new:
            if index in pairs:
                continue
            free = [one for one in old if one[0] not in pairs.values() and is_alike(one[1], part)]
            if free:
                pairs[index] = free[0][0]
    return pairs


def _same_comparison(old: Condition, new: Condition) -> bool:
    return isinstance(old, Leaf) and isinstance(new, Leaf) and old.left == new.left and old.operator == new.operator


def _same_name(old: Condition, new: Condition) -> bool:
    return old.name is not None and old.name == new.name


def _same_subject(old: Condition, new: Condition) -> bool:
    return isinstance(old, Leaf) and isinstance(new, Leaf) and old.left == new.left


def _same_kind(old: Condition, new: Condition) -> bool:
    return not isinstance(old, Leaf) and type(old) is type(new) and old.name is None is new.name


def _diff_rest(before: Condition, after: Condition, path: str, name: str | None) -> Iterator[ConditionDifference]:
    """What is beside the parts: the name and the priority."""
    if before.name != after.name:
        yield ConditionDifference(f"{path}.name", before.name, after.name, name)
    if before.priority != after.priority:
        words = [None if one is None else str(one) for one in (before.priority, after.priority)]
        yield ConditionDifference(f"{path}.priority", words[0], words[1], name)


def _is_same(before: Condition | None, after: Condition | None) -> bool:
    """Whether they are written alike: for Python 1, 1.0 and True are equal, for a condition they are not."""
    if before is None or after is None:
        return before is after
    return before is after or _written(before) == _written(after)


def _written(condition: Condition) -> str:
    return canonical_json(write_condition(condition))


def _unnamed(condition: Condition) -> Condition:
    return replace(condition, name=None)
