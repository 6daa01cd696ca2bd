"""One engine: for random rules and events, each way of asking what rules do gives what the daemon does.

The daemon's line says what fires, when, and with what parameters. The preview of `test-rule` says it of each event by
itself, a scenario expects exactly that, and a backtest finds it.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.clock import to_rfc3339
from autoflow.model.event import Event
from autoflow.model.retry import PRESETS
from autoflow.model.rule import Enabled
from autoflow.preview import preview_rules
from autoflow.rules.loader import load_text
from autoflow.store.sqlite.store import SqliteStore
from autoflow.templates import TemplateLibrary
from autoflow.testing.outcomes import NOT_JUDGED, Body, StepOutcome, read_outcomes
from autoflow.testing.replay import Replay, options_for
from autoflow.testing.rig import Rig
from support.line import CONTEXT, START
from support.lives import Arrival, Deed, Life, arrivals, as_text, live, rule_sets
from support.scenarios import failures_of, play_files, settings_in

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def previewed(text: str, events: Sequence[Event]) -> list[Deed]:
    """What `test-rule` says of each event by itself."""
    found = load_text(text, "rules.yaml", CONTEXT).rules
    return sorted(
        Deed(
            event=preview.event.id,
            rule=preview.rule.id,
            due_at=preview.due_at or 0,
            is_shadow=preview.rule.enabled is Enabled.SHADOW,
            actions=tuple((action.type, as_text(dict(action.params))) for action in preview.actions),
        )
        for event in events
        for preview in preview_rules(found, event, types=ACTION_TYPES, library=TemplateLibrary())
        if preview.fires
    )


def as_scenario(arriving: Sequence[Arrival], life: Life) -> dict[str, Any]:
    """The same events, with all that was done for them expected to the letter."""
    steps: list[dict[str, Any]] = []
    for number, one in enumerate(arriving):
        if one.gap:
            steps.append({"advance": f"{one.gap}ms"})
        steps.append({"emit": {"type": one.type, "id": f"e{number}", "source": one.source, "data": one.data}})
    expected = {
        "actions": [
            {"event": deed.event, "rule": deed.rule, "at": to_rfc3339(deed.due_at), "type": kind}
            | {"params": {"equals": json.loads(params)}}
            for deed in sorted(life.deeds, key=lambda deed: deed.due_at)
            if not deed.is_shadow
            for kind, params in deed.actions
        ],
        "dead_letters": life.dead_letters,
        "pending": 0,
        "runs": len(life.deeds) + len(life.cancelled),
    }
    steps.append({"run_until_idle": True, "expect": expected})
    start = to_rfc3339(START).removesuffix(".000Z")
    return {"clock": {"start": start, "timezone": "UTC"}, "tests": [{"name": "a life", "steps": steps}]}


def play_scenario(home: Path, text: str, scenario: dict[str, Any]) -> list[str]:
    """What failed of it."""
    (home / "rules").mkdir(exist_ok=True)
    (home / "rules" / "rules.yaml").write_text(text)
    file = home / "rules" / "life.test.yaml"
    file.write_text(yaml.safe_dump(scenario))
    played, problems = play_files([file], settings_in(home))
    assert not problems
    return failures_of(played)


@SLOW
@given(text=rule_sets, arriving=arrivals)
def test_the_preview_of_each_event_is_what_the_line_does(text: str, arriving: list[Arrival]) -> None:
    """But for what a later event cancels: a preview knows of one event alone."""
    with TemporaryDirectory() as place:
        life = asyncio.run(live(Path(place) / "db", text, arriving))
    expected = [deed for deed in previewed(text, life.events) if (deed.event, deed.rule) not in life.cancelled]
    assert list(life.deeds) == expected


@SLOW
@given(text=rule_sets, arriving=arrivals)
def test_a_scenario_that_expects_what_the_line_did_passes(text: str, arriving: list[Arrival]) -> None:
    """To the letter and to the millisecond; with one thing more expected it fails."""
    with TemporaryDirectory() as place:
        home = Path(place)
        life = asyncio.run(live(home / "db", text, arriving))
        scenario = as_scenario(arriving, life)
        assert play_scenario(home, text, scenario) == []
        scenario["tests"][0]["steps"][-1]["expect"]["dead_letters"] += 1
        assert play_scenario(home, text, scenario) != []


def sent_of(body: Body) -> Sequence[StepOutcome]:
    """What was sent: where it failed, the last step could not be rendered."""
    return body.steps[:-1] if body.status == "failed" else body.steps


async def replayed(path: Path, text: str, events: Sequence[Event]) -> list[Deed]:
    """What a backtest finds that these rules do with recorded events."""
    found = load_text(text, "rules.yaml", CONTEXT).rules
    how = {"context": CONTEXT, "library": TemplateLibrary(), "retry": PRESETS["standard"], "chain_depth": 16}
    options = options_for(found, **how)
    async with Rig(lambda clock: SqliteStore(path, clock=clock, durable=False), options, start=START) as rig:
        await rig.use(found)
        await Replay(rig).play([events], lambda _taken: None)
        outcomes = await rig.read(lambda view: list(read_outcomes(view, 0, 1 << 40)))
    bodies = [(outcome, Body.read(outcome.body)) for outcome in outcomes]
    return sorted(
        Deed(
            event=outcome.event_id,
            rule=outcome.rule_id,
            due_at=body.due_at or 0,
            is_shadow=body.status == "shadow",
            actions=tuple((step.type, as_text(dict(step.params))) for step in sent_of(body)),
        )
        for outcome, body in bodies
        if body.status not in ("cancelled", NOT_JUDGED) and not outcome.event_type.startswith("autoflow.")
    )


@SLOW
@given(text=rule_sets, arriving=arrivals)
def test_a_backtest_of_what_was_recorded_finds_what_the_line_did(text: str, arriving: list[Arrival]) -> None:
    """Each run at its time, with what it sent."""
    with TemporaryDirectory() as place:
        life = asyncio.run(live(Path(place) / "live", text, arriving))
        found = asyncio.run(replayed(Path(place) / "again", text, life.events))
    assert found == list(life.deeds)
