"""One engine: for random rules and events, each way of asking what rules do gives what the daemon does.

The daemon's line says what fires, when, and with what parameters. The preview of `test-rule` says it of each event by
itself, and a scenario expects exactly that.
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
from autoflow.model.rule import Enabled
from autoflow.preview import preview_rules
from autoflow.rules.loader import load_text
from autoflow.templates import TemplateLibrary
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
