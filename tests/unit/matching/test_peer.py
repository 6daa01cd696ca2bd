"""Conditions of json-rules-engine mean here what they mean there."""

from __future__ import annotations

import json
from pathlib import Path

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import compile_condition
from autoflow.matching.tree import parse_condition

CASES = json.loads((Path(__file__).parent / "peer_cases.json").read_text(encoding="utf-8"))
FOUND_ON_LOAD = 0.05
"""The peer raises at run time where an `in` has no list; here such a tree is refused on load."""


def test_random_conditions_have_the_peers_answer() -> None:
    """Every condition that loads is true, false or an error on the same facts as in json-rules-engine 7.3.1."""
    different, refused = [], 0
    for tree, facts, answer in CASES:
        condition = parse_condition(tree).condition
        if condition is None:
            refused += 1
            continue
        try:
            ours = compile_condition(condition)(facts)
        except EvaluationError:
            ours = None
        if ours is not answer:
            different.append((tree, facts, answer, ours))
    assert different == []
    assert len(CASES) >= 2_000
    assert refused < FOUND_ON_LOAD * len(CASES)


def test_both_verdicts_and_errors_are_among_the_cases() -> None:
    """The recorded answers are not all of one kind, so that the comparison says something."""
    answers = [answer for _, _, answer in CASES]
    assert min(answers.count(True), answers.count(False), answers.count(None)) > 100
