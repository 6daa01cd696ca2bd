"""What would change from one set of rules to another, and what people and programs are told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from autoflow.app.planning import Planned, plan_change
from autoflow.app.rule_sets import Origin, ReadSet
from autoflow.cli.plan_report import as_code, describe_touched, plan_to_json, render_markdown, render_text, summary
from autoflow.errors import UsageError
from autoflow.model.rule import OnChange
from autoflow.rules.loader import load_text
from autoflow.rules.succession import Touched
from autoflow.settings import Settings
from autoflow.testing.plan import Change, Plan, PlannedRule, RuleSet, make_plan
from support.line import CONTEXT
from support.repository import commit

ONE = "id: one\ntrigger: { event: a }\ndelay: 5m\nactions: [ { log: { message: x } } ]\n"
TWO = "id: two\ntrigger: { event: b }\nwhen: c.d == 1\nactions: [ { email: { recipient: a@b.c, template: t } } ]\n"


def rules(templates: Mapping[str, str] | None = None, **texts: str) -> RuleSet:
    """The set of rules in these files."""
    found = [PlannedRule.of(rule) for name, text in texts.items() for rule in load_text(text, name, CONTEXT).rules]
    assert len(found) >= len(texts)
    return RuleSet.of(found, templates)


def told(before: RuleSet, after: RuleSet) -> list[tuple[str, str]]:
    """(rule, what happens to it)."""
    return [(one.rule.id, one.change.value) for one in make_plan(before, after, None).rules]


def test_each_rule_is_told_once_with_what_happens_to_it() -> None:
    """Added, changed, removed, moved, reworded; what stays is counted."""
    three = ONE.replace("one", "three")
    before = rules(a=ONE, b=TWO, c=three, e=ONE.replace("one", "gone"), f=ONE.replace("one", "same"))
    after = rules(
        a=ONE.replace("5m", "6m"), z=TWO, c=three + "name: Three\n",
        g=ONE.replace("one", "came").replace(": a", ": q"),
        f=ONE.replace("one", "same") + "# a comment\n",
    )  # fmt: skip
    assert told(before, after) == [
        ("came", "added"), ("gone", "removed"), ("one", "changed"), ("three", "reworded"), ("two", "moved"),
    ]  # fmt: skip
    assert make_plan(before, after, None).unchanged == 1


def test_a_rule_of_another_account_is_another_rule() -> None:
    """Equal ids do not make two rules one."""
    assert told(rules(a=ONE), rules(a="account: acme\n" + ONE)) == [("one", "added"), ("one", "removed")]


def test_a_new_id_is_told_as_such() -> None:
    """One removed and one added, with the hint that they mean the same."""
    plan = make_plan(rules(a=ONE), rules(a=ONE.replace("one", "first")), None)
    assert [(one.change, one.renamed_from) for one in plan.rules] == [(Change.ADDED, "one"), (Change.REMOVED, None)]


def test_templates_are_told_with_the_rules_that_send_them() -> None:
    """A template that changed changes what its rules send, though no rule changed."""
    before = rules({"t.txt": "Hi\nyou\n", "u.txt": "x"}, b=TWO)
    after = rules({"t.txt": "Hello\nyou\n", "v.txt": "-- \n"}, b=TWO)
    plan = make_plan(before, after, None)
    assert [(one.file, one.change.value, one.lines, one.rules) for one in plan.templates] == [
        ("t.txt", "changed", ("-Hi", "+Hello"), (("default", "two"),)),
        ("u.txt", "removed", ("-x",), ()),
        ("v.txt", "added", ("+-- ",), ()),
    ]
    assert not plan.is_empty
    assert make_plan(before, rules(None, b=TWO), None).templates == ()


def test_a_shared_condition_that_changed_is_told_with_all_its_rules() -> None:
    """Once, though it changed in each of them."""
    text = """\
shared_conditions: { vip: { any: [ c.total > 5, c.plan == "x" ] } }
rules:
  - { id: a, trigger: { event: a }, when: { condition: vip }, actions: [ { log: { message: x } } ] }
  - { id: b, trigger: { event: a }, when: { all: [ d.e == 1, { condition: vip } ] }, actions: [ log: { message: x }] }
"""
    plan = make_plan(rules(x=text), rules(x=text.replace("> 5", "> 9")), None)
    [condition] = plan.conditions
    assert (condition.name, condition.rules) == ("vip", ("a", "b"))
    assert "used by a, b" in render_text(planned(plan))


def planned(plan: Plan) -> Planned:
    """A plan between two revisions."""
    before, after = (ReadSet(origin=Origin.REVISION, title=title, commit="c") for title in ("old", "new"))
    return Planned(before=before, after=after, before_rules=1, after_rules=1, plan=plan)


def test_text_tells_both_values_and_what_becomes_of_work() -> None:
    """Without colour too."""
    touched = {("default", "one"): Touched(12, 1, OnChange.CANCEL)}
    plan = make_plan(
        rules(a=ONE), rules(a=ONE.replace("5m", "6m").replace("message: x", f"message: {'y' * 99}")), touched
    )
    assert render_text(planned(plan)) == (
        "old (1 rule) -> new (1 rule)\n\n"
        "~ one  a:1\n"
        "    12 wait; they are cancelled\n"
        "    1 is under way; it ends before its next attempt\n"
        "    delay  5m -> 6m\n"
        "    actions[0].log.message\n"
        "      - x\n"
        f"      + {'y' * 99}\n\n"
        "1 changed; 0 rules unchanged; in progress: 13 to be cancelled\n"
    )


@pytest.mark.parametrize(
    ("touched", "words"),
    [
        (Touched(0, 0, OnChange.CANCEL), []),
        (Touched(1, 0, OnChange.CANCEL), ["1 waits; it is cancelled"]),
        (Touched(2, 0, OnChange.FINISH_OLD), ["2 wait; they finish by the old version"]),
        (Touched(0, 1, OnChange.FINISH_OLD), ["1 is under way; it finishes by the old version"]),
        (Touched(0, 1200, OnChange.CANCEL), ["1,200 are under way; they end before their next attempt"]),
    ],
)
def test_work_is_told_in_words(touched: Touched, words: list[str]) -> None:
    """One and many, waiting and begun."""
    assert list(describe_touched(touched)) == words


def test_what_is_foreign_cannot_give_a_terminal_orders() -> None:
    """Nor end a block of Markdown."""
    nasty = json.dumps("\x1b[31m```\u202e")
    plan = make_plan(rules(a=ONE), rules(a=ONE.replace("message: x", f"message: {nasty}")), None)
    assert "\x1b" not in render_text(planned(plan))
    markdown = render_markdown(planned(plan))
    assert "\x1b" not in markdown
    assert "````diff" in markdown


@pytest.mark.parametrize(
    ("text", "code"), [("a.yaml:2", "`a.yaml:2`"), ("a`@b`", "`` a`@b` ``"), ("``", "``` `` ```")]
)
def test_names_stay_inside_their_code(text: str, code: str) -> None:
    """A branch or a file may be called anything; in code nobody is mentioned and nothing is linked."""
    assert as_code(text) == code


def test_json_has_each_difference_with_its_path() -> None:
    """What came has no `before`."""
    plan = make_plan(rules(b=TWO), rules(b=TWO.replace("c.d == 1", "[c.d == 1, e.f exists]")), {})
    told = plan_to_json(planned(plan))
    [item] = told["items"]
    assert item["differences"] == [{"path": "when.all[1]", "after": "e.f exists"}]
    assert (item["change"], item["rule"], item["path"], item["pending"]) == ("changed", "two", "b", None)
    assert told["summary"]["changed"] == 1
    assert json.loads(json.dumps(told)) == told


def test_nothing_changes_where_nothing_differs() -> None:
    """Said as such."""
    plan = make_plan(rules(a=ONE), rules(a=ONE), None)
    assert plan.is_empty
    assert summary(plan) == "no changes"
    assert render_text(planned(plan)) == "no changes: old (1 rule) -> new (1 rule)\n"


def test_two_revisions_are_compared_without_a_store(tmp_path: Path) -> None:
    """Templates are theirs; nothing is said of waiting work; errors on either side are all told."""
    commit(tmp_path, {"rules/a.yaml": ONE, "templates/t.txt": "Hi"})
    commit(tmp_path, {"rules/a.yaml": ONE.replace("5m", "7m"), "templates/t.txt": "Ho"})
    commit(tmp_path, {"rules/b.yaml": "id: b\n"})
    settings = Settings(rules=tmp_path / "rules", templates=tmp_path / "templates", state=tmp_path / "state")
    found = plan_change(settings, "HEAD~2", "HEAD~1", None)
    assert [(one.rule.id, one.touched) for one in found.plan.rules] == [("one", None)]
    assert [one.file for one in found.plan.templates] == ["t.txt"]
    broken = plan_change(settings, "HEAD", "HEAD~1", None)
    assert {problem.path for problem in broken.problems} == {"HEAD:rules/b.yaml"}
    assert broken.plan.is_empty
    with pytest.raises(UsageError, match="both sides"):
        plan_change(settings, "worktree", "worktree", None)
