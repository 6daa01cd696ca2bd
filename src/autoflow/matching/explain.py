"""Why a condition holds or not: every comparison with what was found. It shares no code with the compiler but the
operators' table, and a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from autoflow.errors import EvaluationError
from autoflow.matching.chains import evaluate, resolve_operator
from autoflow.matching.lookup import MISSING, trace_steps
from autoflow.matching.paths import steps_of, write_reference
from autoflow.matching.tree import write_value
from autoflow.model.condition import All, Any, Condition, Explanation, Leaf, Not, Reference
from autoflow.model.json import Json


def explain_condition(condition: Condition, facts: Mapping[str, Json]) -> Explanation:
    """The condition with what was found. Parts that a higher priority had decided already have no result.

    EvaluationError where the condition cannot be evaluated, just as its compiled form.
    """
    match condition:
        case Leaf():
            return _explain_leaf(condition, facts)
        case Not():
            part = explain_condition(condition.condition, facts)
            return Explanation(kind="not", result=not part.result, parts=(part,), name=condition.name)
        case All() | Any():
            return _explain_parts(condition, facts)
        case _:
            assert_never(condition)


def decisive(explanation: Explanation) -> Explanation | None:
    """The first comparison that decided; None for an empty condition, or one that was not looked at."""
    if explanation.kind == "leaf":
        return explanation if explanation.result is not None else None
    wanted = not explanation.result if explanation.kind == "not" else explanation.result
    for part in explanation.parts:
        if part.result is not None and part.result is wanted:
            return decisive(part)
    return None


def decided_by(explanation: Explanation) -> Explanation | None:
    """The one comparison that settled it; None where several of them did together."""
    if explanation.kind == "leaf":
        return explanation if explanation.result is not None else None
    looked_at = [part for part in explanation.parts if part.result is not None]
    wanted = not explanation.result if explanation.kind == "not" else explanation.result
    alone = explanation.result is (explanation.kind == "any") or len(looked_at) == 1
    first = next((part for part in looked_at if part.result is wanted), None)
    return decided_by(first) if alone and first is not None else None


def explanation_to_json(explanation: Explanation, *, decided: Explanation | None = None) -> dict[str, Json]:
    """The explanation in the shape of json-rules-engine's results; `found: false` marks a missing value.

    `decided`: the comparison that is marked as the one that settled it.
    """
    name = {} if explanation.name is None else {"name": explanation.name}
    if explanation.leaf is None:
        parts = [explanation_to_json(part, decided=decided) for part in explanation.parts]
        inner: Json = parts[0] if explanation.kind == "not" else parts
        return {**name, explanation.kind: inner, "result": explanation.result}
    leaf = explanation.leaf
    told: dict[str, Json] = {**name, "fact": leaf.left.fact}
    if leaf.left.path is not None:
        told["path"] = leaf.left.path
    told |= {"operator": leaf.operator, "value": write_value(leaf.value)}
    if explanation.result is not None:
        told["actual"] = explanation.actual
        if not explanation.found:
            told["found"] = False
        if isinstance(leaf.value, Reference):
            told["expected"] = explanation.expected
    if explanation is decided:
        told["decided"] = True
    return told | {"result": explanation.result}


def _explain_leaf(leaf: Leaf, facts: Mapping[str, Json]) -> Explanation:
    left = _follow(leaf.left, facts)
    right = _follow(leaf.value, facts) if isinstance(leaf.value, Reference) else leaf.value
    try:
        result = evaluate(resolve_operator(leaf.operator), left, right)
    except EvaluationError as error:
        message = f"{leaf.operator} on {write_reference(leaf.left)} {error.message}"
        raise EvaluationError(message, hint=error.hint) from None
    return Explanation(
        kind="leaf",
        result=result,
        leaf=leaf,
        actual=None if left is MISSING else left,
        found=left is not MISSING,
        expected=None if right is MISSING else right,
        name=leaf.name,
    )


def _explain_parts(condition: All | Any, facts: Mapping[str, Json]) -> Explanation:
    kind = "any" if isinstance(condition, Any) else "all"
    stops_at = kind == "any"
    explained: dict[int, Explanation] = {}
    decided = False
    for priority in sorted({part.priority or 1 for part in condition.conditions}, reverse=True):
        for place, part in enumerate(condition.conditions):
            if (part.priority or 1) == priority:
                explained[place] = _skip(part) if decided else explain_condition(part, facts)
        decided = decided or any(part.result is stops_at for part in explained.values())
    result = (decided is stops_at) if condition.conditions else True
    parts = tuple(explained[place] for place in sorted(explained))
    return Explanation(kind=kind, result=result, parts=parts, name=condition.name)


def _skip(condition: Condition) -> Explanation:
    """A part that was not looked at."""
    match condition:
        case Leaf():
            return Explanation(kind="leaf", result=None, leaf=condition, name=condition.name)
        case Not():
            return Explanation(kind="not", result=None, parts=(_skip(condition.condition),), name=condition.name)
        case All() | Any():
            kind = "any" if isinstance(condition, Any) else "all"
            parts = tuple(_skip(part) for part in condition.conditions)
            return Explanation(kind=kind, result=None, parts=parts, name=condition.name)
        case _:
            assert_never(condition)


def _follow(reference: Reference, facts: Mapping[str, Json]) -> Json:
    value = facts[reference.fact] if reference.fact in facts else MISSING  # noqa: SIM401  # see lookup.take_step
    steps = steps_of(reference.path)
    return trace_steps(value, steps) if steps and isinstance(value, dict | list) else value
