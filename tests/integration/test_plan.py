"""What a plan says will become of waiting work is what becomes of it at the reload."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.app.planning import plan_change
from autoflow.cli.plan_report import plan_to_json, render_markdown
from autoflow.model.rule import OnChange
from autoflow.model.run import Retry
from autoflow.rules.loader import load_text
from autoflow.rules.succession import Touched
from autoflow.settings import Settings
from autoflow.testing.plan import PlannedRule, RuleSet, make_plan, read_touched
from support.line import CONTEXT, Line


def rule(rule_id: str, *, delay: str = "1h", on_change: str = "finish_old", enabled: str = "true") -> str:
    """A rule that waits; all of them are woken by one event."""
    return (
        f"id: {rule_id}\ntrigger: {{ event: x }}\ndelay: {delay}\non_change: {on_change}\nenabled: {enabled}\n"
        'actions: [ { sms: { recipient: "+1555", message: x } } ]\n'
    )


def rule_set(text: str) -> RuleSet:
    """What a plan makes of a file."""
    return RuleSet.of(map(PlannedRule.of, load_text(text, "rules.yaml", CONTEXT).rules), None)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    yield made
    made.close()


async def touched_by(line: Line, text: str) -> dict[str, Touched]:
    """What the plan says, by rule."""
    found = await line.store.read(lambda view: read_touched(view, rule_set(text)))
    return {rule_id: touched for (_, rule_id), touched in found.items()}


async def reload(line: Line, text: str) -> dict[str, int]:
    """Put the rules in force; how much was cancelled, by rule."""
    await line.use(text)
    # what is under way ends at its next step
    rows = await line.rows("list_pending", after_due=-1, after_id=-1, rule=None, account=None, limit=200)
    flagged = [row["rule_id"] for row in rows if row["cancelled"] is not None]
    ended = await line.rows("list_runs", before="~", status="cancelled", rule=None, account=None, limit=200)
    gone = [row["rule_id"] for row in ended if "on_change: cancel" in row["error"]] + flagged
    return {rule_id: gone.count(rule_id) for rule_id in set(gone)}


async def test_waiting_work_is_counted_where_its_rule_changes(line: Line) -> None:
    """Not where it stays as it is, and with what its rule says about it."""
    await line.use("---\n".join([rule("same"), rule("old"), rule("drop", on_change="cancel")]))
    for _ in range(3):
        await line.emit("x", {})
    after = "---\n".join([rule("same"), rule("old", delay="2h"), rule("drop", delay="2h", on_change="cancel")])
    assert await touched_by(line, after) == {
        "old": Touched(3, 0, OnChange.FINISH_OLD), "drop": Touched(3, 0, OnChange.CANCEL),
    }  # fmt: skip
    assert await reload(line, after) == {"drop": 3}


async def test_the_newer_version_decides_and_the_older_one_where_there_is_none(line: Line) -> None:
    """As the reload has it."""
    await line.use("---\n".join([rule("a", on_change="cancel"), rule("b", on_change="cancel")]))
    await line.emit("x", {})
    after = rule("a", delay="2h")
    assert await touched_by(line, after) == {
        "a": Touched(1, 0, OnChange.FINISH_OLD), "b": Touched(1, 0, OnChange.CANCEL),
    }  # fmt: skip
    assert await reload(line, after) == {"b": 1}


async def test_what_waits_under_the_version_that_comes_back_is_not_touched(line: Line) -> None:
    """A revert finds its own work again."""
    first, second = rule("a", on_change="cancel"), rule("a", delay="2h")
    await line.use(first)
    await line.emit("x", {})
    await line.emit("x", {})
    await line.use(second)
    await line.emit("x", {})
    assert await touched_by(line, first) == {"a": Touched(1, 0, OnChange.CANCEL)}
    assert await reload(line, first) == {"a": 1}


async def test_work_that_waits_for_another_attempt_is_under_way(line: Line) -> None:
    """It has begun, and is cancelled all the same."""
    await line.use(rule("a", delay="0s", on_change="cancel"))
    line.recorder.replies.append(Retry(code="timeout", detail="no answer"))
    await line.emit("x", {})
    await line.advance(0)
    after = rule("a", delay="5s", on_change="cancel")
    assert await touched_by(line, after) == {"a": Touched(0, 1, OnChange.CANCEL)}
    assert await reload(line, after) == {"a": 1}


async def test_nothing_is_touched_where_nothing_ever_ran(line: Line) -> None:
    """Every rule is new."""
    assert await touched_by(line, rule("a")) == {}
    assert len(make_plan(RuleSet.of((), None), rule_set(rule("a")), {}).rules) == 1


VERSIONS = st.builds(
    rule,
    st.sampled_from("abc"),
    delay=st.sampled_from(["1h", "2h"]),
    on_change=st.sampled_from(["finish_old", "cancel"]),
    enabled=st.sampled_from(["true", "false", "shadow"]),
)
SETS = st.lists(VERSIONS, max_size=3, unique_by=lambda text: text[:5]).map(
    lambda texts: "---\n".join(texts) or "rules: []"
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sets=st.lists(SETS, min_size=2, max_size=4))
async def test_a_plan_and_its_reload_never_differ(tmp_path_factory: pytest.TempPathFactory, sets: list[str]) -> None:
    """Whatever ran before, whatever follows."""
    line = Line(tmp_path_factory.mktemp("plan") / "autoflow.db")
    try:
        for text in sets:
            touched = await touched_by(line, text)
            plan = {key: one for key, one in touched.items() if one.policy is OnChange.CANCEL}
            before = await line.rows("list_runs", before="~", status="cancelled", rule=None, account=None, limit=200)
            gone = await reload(line, text)
            known = [row["rule_id"] for row in before]
            new = {key: number - known.count(key) for key, number in gone.items() if number > known.count(key)}
            assert new == {key: one.waiting + one.running for key, one in plan.items() if one.waiting + one.running}
            await line.emit("x", {})
    finally:
        line.close()


def test_warnings_about_rules_that_come_are_told_beside_the_plan(tmp_path: Path) -> None:
    """A rule that contradicts itself is told where it is added or changed; one that was there before is not."""
    never = 'trigger: { event: x }\nwhen: a == 1 and a == 2\nactions: [ log: { message: "x" } ]\n'
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "old.yaml").write_text(never)
    git = ("git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.com")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "rules" / "new.yaml").write_text(never.replace("event: x", "event: y"))
    here = Settings(rules=tmp_path / "rules", templates=tmp_path / "templates", state=tmp_path / "state")
    planned = plan_change(here, "HEAD", "worktree", None)
    assert [(problem.code, problem.rule) for problem in planned.warnings] == [("AF161", "new")]
    assert [problem["rule"] for problem in plan_to_json(planned)["problems"]] == ["new"]
    assert "AF161" in render_markdown(planned)
