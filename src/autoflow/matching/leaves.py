"""One comparison of a tree: `{fact, path, operator, value}` as the model has it."""

from __future__ import annotations

from typing import Final

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.chains import Chain, near_match, resolve_operator
from autoflow.matching.literals import check_value
from autoflow.matching.nodes import REFUSED_KEYS, Findings, Place
from autoflow.matching.paths import parse_path, parse_reference
from autoflow.model.condition import Leaf, Reference
from autoflow.model.json import Json

_KEYS: Final = ("fact", "path", "operator", "value", "priority", "name", "source", "field")
_REFERENCE_KEYS: Final = ("fact", "path", "source")


def parse_leaf(value: dict[str, Json], place: Place, findings: Findings) -> Leaf | None:
    """The comparison that a map means; None where it has errors, all of which are kept."""
    before = len(findings.errors)
    if "field" in value and "fact" not in value:
        value = {"fact" if key == "field" else key: part for key, part in value.items()}
    if not {"fact", "operator"} & value.keys() and not _looks_like_leaf(value):
        _refuse_shape(value, place, findings)
        return None
    _check_keys(value, _KEYS, place, findings)
    priority, name = findings.read_extras(value, place)
    left = _read_reference(value, place, findings)
    chain = _read_operator(value, place, findings)
    right = _read_value(value, chain, place, findings)
    if chain is None or left is None or len(findings.errors) > before:
        return None
    return Leaf(left=left, operator=chain.name, value=right, priority=priority, name=name)


def _looks_like_leaf(value: dict[str, Json]) -> bool:
    return bool({"path", "value"} & value.keys())


def _refuse_shape(value: dict[str, Json], place: Place, findings: Findings) -> None:
    for key in value:
        if key in REFUSED_KEYS:
            findings.error(place.below(key), f"{key} is refused: {REFUSED_KEYS[key]}", codes.REFUSED_KEY)
            return
    hints = [hint for key in value if (hint := near_match(key, ("all", "any", "not", "condition", "fact")))]
    findings.error(
        place,
        "this map is no condition",
        codes.SHAPE,
        hint=hints[0] if hints else "a map has all, any, not or condition, or fact, operator and value",
    )


def _check_keys(value: dict[str, Json], known: tuple[str, ...], place: Place, findings: Findings) -> None:
    for key, part in value.items():
        if key in REFUSED_KEYS:
            findings.error(place.below(key), f"{key} is refused: {REFUSED_KEYS[key]}", codes.REFUSED_KEY)
        elif key not in known:
            hint = near_match(key, known) or f"known are {', '.join(known[:6])}"
            findings.error(place.below(key), f"{key} is not known in a comparison", codes.UNKNOWN_KEY, hint=hint)
        elif key == "source" and part != "fact":
            findings.error(place.below(key), "source can be fact only", codes.WRONG_VALUE)


def _read_reference(value: dict[str, Json], place: Place, findings: Findings) -> Reference | None:
    """`fact` and `path`; a dot in `fact` is a path only where there is no `path`."""
    fact, path = value.get("fact"), value.get("path")
    if "fact" not in value:
        findings.error(place, "a comparison needs its fact", codes.MISSING_KEY, hint="write fact: job, path: $.total")
        return None
    if not isinstance(fact, str) or not fact:
        findings.error(place.below("fact"), "a fact is the name of a value, as a text", codes.BAD_REFERENCE)
        return None
    if path is not None and not isinstance(path, str):
        findings.error(place.below("path"), "a path is a text such as $.client.id", codes.BAD_PATH)
        return None
    at = "fact" if path is None else "path"
    try:
        if path is not None:
            return Reference(fact=fact, path=parse_path(path) if path else None)
        return parse_reference(fact) if set(fact) & set(".[$") else Reference(fact=fact)
    except ConditionError as error:
        findings.take(place.below(at), error)
        return None


def _read_operator(value: dict[str, Json], place: Place, findings: Findings) -> Chain | None:
    operator = value.get("operator")
    if "operator" not in value:
        findings.error(place, "a comparison needs its operator", codes.MISSING_KEY, hint="write operator: equal")
        return None
    if not isinstance(operator, str):
        findings.error(place.below("operator"), "an operator is a text", codes.UNKNOWN_OPERATOR)
        return None
    try:
        return resolve_operator(operator)
    except ConditionError as error:
        known = ConditionError(error.message, hint=error.hint, code=error.code)
        findings.take(place.below("operator"), known)
        return None


def _read_value(value: dict[str, Json], chain: Chain | None, place: Place, findings: Findings) -> Json | Reference:
    right: Json = value.get("value")
    if chain is not None and not chain.operator.takes_value:
        if right is not None and right is not True:
            message = f"{chain.operator.name} takes no value"
            findings.error(place.below("value"), message, codes.WRONG_VALUE, hint="leave the value out")
        return True
    if "value" not in value:
        findings.error(
            place, "a comparison needs its value", codes.MISSING_KEY, hint="null is a value: write value: null"
        )
        return None
    inside = place.below("value")
    if isinstance(right, dict) and ("fact" in right or "literal" in right):
        before = len(findings.errors)
        right = _read_typed(right, inside, findings)
        if len(findings.errors) > before:
            return None
    if chain is not None:
        try:
            check_value(chain, right)
        except ConditionError as error:
            findings.take(inside, error)
    return right


def _read_typed(right: dict[str, Json], place: Place, findings: Findings) -> Json | Reference:
    """`{fact, path}` is a reference, `{literal: x}` the value x whatever it looks like."""
    if set(right) == {"literal"}:
        return right["literal"]
    _check_keys(right, _REFERENCE_KEYS, place, findings)
    return _read_reference(right, place, findings)
