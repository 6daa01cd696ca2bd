"""Whatever a file holds, the loader answers with problems and never raises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules.loader import LoadContext, load_document, load_text
from autoflow.rules.report import problem_to_json, render_problem
from autoflow.rules.spellings import RULE_SPELLINGS
from autoflow.rules.vocabulary import NOT_YET_KINDS, NOT_YET_RULE_KEYS, RULE_KEYS
from autoflow.templates import check_template

CONTEXT = LoadContext(
    action_types=ACTION_TYPES,
    notifiers={"email": "email"},
    templates=frozenset({"hello"}),
    check_template=check_template,
)
ROOT = Path(__file__).parents[3]
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.yaml"))]
PARTS = (
    "event by when all fact path operator value type params config source literal until unit schedule max_attempts"
    " base strategy url recipient headers payload match key $oid default template notifier condition"
    " shared_conditions rules"
)
WORDS = st.sampled_from(
    [*PARTS.split(), *RULE_KEYS, *RULE_SPELLINGS, *sorted(NOT_YET_RULE_KEYS), *sorted(NOT_YET_KINDS), *ACTION_TYPES]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-1, 10)
    | st.just(1.5)
    | st.sampled_from(
        ["", "5m", "job.created", "{{ a }}", "{{", "a == 1", "$.a", "secret://env/A", "https://a.example", "sms"]
    )
    | WORDS
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(WORDS, parts, max_size=4),
    max_leaves=12,
)


def check(text: str, path: str) -> None:
    result = load_text(text, path, CONTEXT)
    lines = text.count("\n") + 2
    for problem in result.problems:
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert (problem.end_line, problem.end_column) >= (problem.line, problem.column)
        render_problem(problem, text)
        json.dumps(problem_to_json(problem))
    for rule in result.rules:
        assert load_document(rule.document, CONTEXT) == rule


@given(rule=st.dictionaries(WORDS, ANYTHING, max_size=6), indent=st.sampled_from([None, 2]))
def test_any_tree_is_answered(rule: dict[str, Any], indent: int | None) -> None:
    """Known words in impossible places give problems with places inside of the file."""
    check(json.dumps(rule, indent=indent), "rule.json")


@given(steps=st.lists(st.dictionaries(WORDS, ANYTHING, max_size=3) | ANYTHING, max_size=3), trigger=ANYTHING)
def test_any_step_is_answered(steps: list[Any], trigger: Any) -> None:
    """So do steps."""
    check(json.dumps({"trigger": trigger, "actions": steps}, indent=1), "rule.yaml")


@given(data=st.data(), text=st.sampled_from(TEXTS))
def test_any_damage_to_a_rule_is_answered(data: st.DataObject, text: str) -> None:
    """A character that slipped in, or a piece that was lost, anywhere in a good file."""
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        lost = data.draw(st.integers(0, 5))
        more = data.draw(st.text(alphabet="\t\n :-#{}[]'\"*&!|>%@`,.=ax0\\\x00", max_size=3))
        text = text[:at] + more + text[at + lost :]
    check(text, "rule.yaml")
