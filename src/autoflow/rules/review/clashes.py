"""Rules that never fire, and parts of conditions that decide nothing: what is asked for contradicts itself.

Imported with the first rule of which that may be so: see `find_never`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoflow.matching import codes as condition_codes
from autoflow.matching.contradiction import Placed, Proof, Trail, Verdict, find_proofs
from autoflow.matching.nodes import walk
from autoflow.matching.paths import write_reference
from autoflow.matching.wording import write_leaf
from autoflow.model.condition import All, Any, Condition, Leaf, Reference
from autoflow.model.rule import EventPattern, Rule
from autoflow.rules import codes
from autoflow.rules.review.remarks import Remark
from autoflow.strict_yaml import Pointer

_MOST_NAMED = 4
"""Comparisons that a message names."""
_TYPE = Reference(fact="event", path="$.type")
_SOURCE = Reference(fact="event", path="$.source")
_ACCOUNT = Reference(fact="event", path="$.account")

Side = tuple[Pointer | None, Condition]
"""A condition and where it stands; nowhere, where it follows from the event's name."""


def find_clashes(rule: Rule) -> Iterator[Remark]:
    """What never holds in a rule, and what always does."""
    own = list(_review_condition(rule, ("when",), rule.when)) if rule.when is not None else []
    yield from own
    never = any(remark.code == codes.NEVER_FIRES for remark in own)
    for index, pattern in enumerate(rule.triggers):
        at: Pointer = ("trigger", index, "when")
        found = [] if pattern.when is None else list(_review_condition(rule, at, pattern.when))
        yield from found
        if not never and all(remark.code == condition_codes.HOLDS_NEVER for remark in found):
            yield from _review_trigger(rule, index, pattern, told=bool(found))
    for index, cancel_on in enumerate(rule.cancel_on):
        if cancel_on.pattern.when is not None:
            yield from _review_condition(rule, ("cancel_on", index, "when"), cancel_on.pattern.when)


def _review_condition(rule: Rule, at: Pointer, condition: Condition) -> Iterator[Remark]:
    """What can be said of one condition by itself."""
    for proof in find_proofs(condition):
        if proof.verdict is Verdict.ALWAYS:
            yield _always(rule, at, proof)
            continue
        said = _clash_in_words(proof.claims)
        if proof.verdict is Verdict.DEAD_PART:
            code, message = condition_codes.HOLDS_NEVER, f"this part never holds: {said}"
        elif at == ("when",) or (at[0] == "trigger" and len(rule.triggers) == 1):
            code, message = codes.NEVER_FIRES, f"this rule never fires: {said}"
        else:
            what = "wakes the rule" if at[0] == "trigger" else "cancels"
            code, message = condition_codes.HOLDS_NEVER, f"this pattern never {what}: {said}"
        yield Remark(rule, at, code, message, _hint_for(proof.claims), trail=_place_in(proof))


def _review_trigger(rule: Rule, index: int, pattern: EventPattern, *, told: bool) -> Iterator[Remark]:
    """What a trigger and the rule's own condition ask of one event together."""
    sides = list(_sides_of(rule, index, pattern))
    if told or len(sides) < 2:
        return
    whole = All(conditions=tuple(condition for _, condition in sides))
    proofs = find_proofs(whole)
    if not proofs or proofs[0].verdict is not Verdict.NEVER:
        return
    claims = proofs[0].claims
    at, trail = _last_written(sides, claims)
    said, hint = _clash_in_words(claims), _hint_for(claims)
    written = [one for one in claims if sides[one.trail[0]][0] is not None]
    if len(written) < len(claims):
        said = f"{_in_a_row([_write_claim(one) for one in written], 'and')} never holds for what wakes it"
        hint = f"its trigger is met by {', '.join(pattern.events)} only, in the account {rule.account}"
    elif len(written) == 2 and sides[written[0].trail[0]][0] != at:
        hint = f"its trigger asks for {_write_claim(written[0])}, of the same event"
    if len(rule.triggers) == 1:
        yield Remark(rule, at, codes.NEVER_FIRES, f"this rule never fires: {said}", hint, trail=trail)
    else:
        message = f"this trigger never leads to a run: {said}"
        yield Remark(rule, ("trigger", index), condition_codes.HOLDS_NEVER, message, hint)


def _sides_of(rule: Rule, index: int, pattern: EventPattern) -> Iterator[Side]:
    written = [side for side in ((("trigger", index, "when"), pattern.when), (("when",), rule.when)) if side[1]]
    if any(_reads_envelope(condition) for _, condition in written if condition is not None):
        yield from ((None, leaf) for leaf in _envelope_of(rule, pattern))
    yield from ((at, condition) for at, condition in written if condition is not None)


def _envelope_of(rule: Rule, pattern: EventPattern) -> Iterator[Condition]:
    """What is known of the event itself before any condition is looked at."""
    yield Leaf(left=_ACCOUNT, operator="equal", value=rule.account)
    if pattern.sources:
        yield Leaf(left=_SOURCE, operator="in", value=list(pattern.sources))
    names = tuple(
        Leaf(left=_TYPE, operator="startsWith", value=name.removesuffix("*"))
        if name.endswith(".*")
        else Leaf(left=_TYPE, operator="equal", value=name)
        for name in pattern.events
    )
    if "*" not in pattern.events:
        yield names[0] if len(names) == 1 else Any(conditions=names)


def _reads_envelope(condition: Condition) -> bool:
    return any(isinstance(part, Leaf) and part.left.fact == "event" for part in walk(condition))


def _last_written(sides: Sequence[Side], claims: Sequence[Placed]) -> tuple[Pointer, Trail]:
    """The last of the comparisons that stands in the file, by the condition that it is a part of."""
    for claim in reversed(claims):
        at = sides[claim.trail[0]][0]
        if at is not None:
            return at, claim.trail[1:]
    return ("trigger",), ()


def _place_in(proof: Proof) -> Trail:
    """The last comparison of the part that is meant: what was written before it was still possible."""
    inside = [one.trail for one in proof.claims if one.trail[: len(proof.trail)] == proof.trail]
    return inside[-1] if inside else proof.trail


def _always(rule: Rule, at: Pointer, proof: Proof) -> Remark:
    leaves = [one.claim.leaf for one in proof.claims]
    message = f"this holds for every value: {_in_a_row([write_leaf(leaf) for leaf in leaves], 'or')} is always true"
    names = {write_reference(leaf.left) for leaf in leaves}
    hint = "take one of them out"
    if len(names) == 1 and all(leaf.operator == "notEqual" for leaf in leaves):
        values = ", ".join(write_leaf(leaf).rpartition("!= ")[2] for leaf in leaves)
        hint = f"to mean neither of them write {names.pop()} not in [{values}]"
    return Remark(rule, at, condition_codes.HOLDS_ANYHOW, message, hint, trail=_place_in(proof))


def _clash_in_words(claims: Sequence[Placed]) -> str:
    """The comparisons that cannot hold together."""
    told = [_write_claim(one) for one in claims]
    if not told:
        return "nothing can meet its condition"
    if len(told) == 1:
        return f"nothing meets {told[0]}"
    if len(told) > _MOST_NAMED:
        told = [*told[: _MOST_NAMED - 1], f"{len(told) - _MOST_NAMED + 1} more"]
    return f"{_in_a_row(told, 'and')} cannot {'both' if len(told) == 2 else 'all'} hold"


def _write_claim(placed: Placed) -> str:
    text = write_leaf(placed.claim.leaf)
    return f"not ({text})" if placed.claim.negated else text


def _in_a_row(words: Sequence[str], joined: str) -> str:
    return f" {joined} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _hint_for(claims: Sequence[Placed]) -> str | None:
    leaves = [one.claim.leaf for one in claims]
    if len(leaves) != 2 or any(one.claim.negated for one in claims):
        return "where one of them is enough, write or between them" if len(leaves) > 1 else None
    first, second = leaves
    (operator, negated), (other, otherwise) = (one.claim.plain for one in claims)
    if operator == other and negated is not otherwise:
        return "take one of them out"
    name = write_reference(first.left)
    if first.left == second.left and first.operator == second.operator == "equal":
        values = ", ".join(write_leaf(leaf).rpartition("== ")[2] for leaf in leaves)
        return f"where one of them is enough, write {name} in [{values}]"
    if first.left == second.left:
        return f"where one of them is enough, write {write_leaf(first)} or {write_leaf(second)}"
    return None
