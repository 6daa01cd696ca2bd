"""A comparison in words, as a line of a rule file has it: for tables and reports."""

from __future__ import annotations

import json
from typing import Final

from autoflow.matching.paths import write_reference
from autoflow.matching.tokens import OPERATOR_SIGNS, WORD_OPERATORS
from autoflow.model.condition import Leaf, Reference
from autoflow.model.json import Json

_WORDS: Final = {
    **{name: sign for sign, name in OPERATOR_SIGNS.items()},
    **{name: " ".join(words) for words, (name, _) in WORD_OPERATORS.items()},
    **{name: " ".join(("not", *words)) for words, (_, name) in WORD_OPERATORS.items()},
    "isEmpty": "is empty",
    "isNotEmpty": "is not empty",
}
_ALONE: Final = frozenset({"exists", "notExists", "isEmpty", "isNotEmpty"})


def write_leaf(leaf: Leaf) -> str:
    """`job.total >= 2000`; an operator that a line has no word for stands by its name."""
    left, sign = write_reference(leaf.left), _WORDS.get(leaf.operator, leaf.operator)
    if leaf.operator in _ALONE:
        return f"{left} {sign}"
    if leaf.operator in ("between", "not:between") and isinstance(leaf.value, list) and len(leaf.value) == 2:
        low, high = leaf.value
        return f"{left} {sign} {_value(low)} and {_value(high)}"
    right = write_reference(leaf.value) if isinstance(leaf.value, Reference) else _value(leaf.value)
    return f"{left} {sign} {right}"


def _value(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
