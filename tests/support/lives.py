"""Random rules and events, and what the daemon's line makes of them: what each way of asking is compared with."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from autoflow.model.event import Event
from support.line import Line

DAY = 86_400_000
SOURCES = ("shop", "crm")

lines = st.sampled_from(
    [
        "n >= 3", "n == 2", "n between 1 and 4", "n exists", "n not exists", 's == "x"', 's starts with "x"',
        's in ["x", "y"]', "list contains 2", "list is empty", "deep.flag == true", "deep.flag != true",
        'not s matches "^x+$"', "n < 2 or n > 4", '(s == "x" and n > 0) or deep.flag == true',
        'event.type == "a.one"',
    ]
)  # fmt: skip
conditions = st.one_of(
    lines,
    st.lists(lines, min_size=1, max_size=3),
    st.builds(lambda parts: {"any": parts}, st.lists(lines, min_size=1, max_size=3)),
    st.builds(lambda line: {"not": line}, lines),
    st.just({"fact": "deep", "path": "$.list[0]", "operator": "greaterThan", "value": 1}),
)
patterns = st.fixed_dictionaries(
    {"event": st.sampled_from(["a.one", "a.two", "a.*", "*", ["a.one", "b"]])},
    optional={"source": st.sampled_from(SOURCES), "when": lines},
)
actions = st.sampled_from(
    [
        {"sms": {"recipient": "+15550001111", "message": "{{ k }} has {{ n }}"}},
        {"sms": {"recipient": {"fact": "s", "default": "+15550002222"}, "message": "{{ n | default('none') }}"}},
        {"webhook": {"url": "https://hooks.example.com/{{ k }}", "payload": {"n": {"fact": "n", "default": 0}}}},
        {"http": {"url": "https://crm.example.com/", "method": "POST", "payload": {"fact": "deep"}}},
        {"email": {"recipient": "a@example.com", "subject": "{{ event.type }}", "message": "at {{ event.time }}"}},
    ]
)
rules = st.fixed_dictionaries(
    {
        "trigger": st.one_of(patterns, st.lists(patterns, min_size=1, max_size=2)),
        "actions": st.lists(actions, min_size=1, max_size=2),
    },
    optional={
        "when": conditions,
        "delay": st.sampled_from(["90s", "1h", "2d"]),
        "enabled": st.sampled_from([True, False, "shadow"]),
        "cancel_on": st.sampled_from([{"event": "stop", "by": "k"}, {"event": "stop", "by": {"k": "n"}}]),
    },
)
rule_sets = st.lists(rules, min_size=1, max_size=4).map(
    lambda found: "---\n".join(yaml.safe_dump({"id": f"r{number}", **rule}) for number, rule in enumerate(found))
)
bodies = st.fixed_dictionaries(
    {"k": st.integers(1, 2)},
    optional={
        "n": st.one_of(st.integers(0, 6), st.none(), st.just("3")),
        "s": st.sampled_from(["x", "xy", "y", "", "é"]),
        "list": st.lists(st.integers(1, 3), max_size=2),
        "deep": st.fixed_dictionaries({}, optional={"flag": st.booleans(), "list": st.lists(st.integers(0, 3))}),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event, and how long after the one before it."""

    gap: int
    type: str
    source: str
    data: dict[str, Any] = field(hash=False)


arrivals = st.lists(
    st.builds(
        Arrival,
        gap=st.sampled_from([0, 1_000, 60_000, 3_600_000]),
        type=st.sampled_from(["a.one", "a.two", "b", "stop"]),
        source=st.sampled_from(SOURCES),
        data=bodies,
    ),
    min_size=1,
    max_size=6,
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Deed:
    """What one rule did, or would do, for one event."""

    event: str
    rule: str
    due_at: int
    is_shadow: bool = False
    #: (type, parameters) of its actions, as far as they could be rendered
    actions: tuple[tuple[str, str], ...] = ()


def as_text(params: Any) -> str:
    return json.dumps(params, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a daemon's line made of events."""

    events: tuple[Event, ...]
    deeds: tuple[Deed, ...]
    #: (event, rule) of what was planned and cancelled before it acted
    cancelled: frozenset[tuple[str, str]]
    #: how many actions were given up
    dead_letters: int


async def live(path: Path, text: str, arriving: Sequence[Arrival]) -> Life:
    """Let the events arrive, and wait until nothing waits any more."""
    line = Line(path)
    line.store._connection.execute("PRAGMA synchronous = OFF")
    try:
        await line.use(text)
        events = []
        for number, one in enumerate(arriving):
            await line.advance(one.gap)
            receipt = await line.emit(one.type, one.data, event_id=f"e{number}", source=one.source)
            events.append(receipt.event)
        await line.advance(30 * DAY)
        rows = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=200)
        cancelled = {(row["event_id"], row["rule_id"]) for row in rows if row["status"] == "cancelled"}
        return Life(
            events=tuple(events),
            deeds=tuple(await deeds_of(line)),
            cancelled=frozenset(cancelled),
            dead_letters=len(await line.dead_letters()),
        )
    finally:
        line.close()


def in_order(steps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The steps that were performed, or would have been."""
    return sorted((step for step in steps if step["status"] in ("done", "shadow")), key=lambda step: step["step"])


async def deeds_of(line: Line) -> list[Deed]:
    """What the line's file says was done, or would have been in shadow."""
    done = []
    for row in await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=200):
        steps = await line.rows("steps_of_run", run_id=row["id"])
        if row["status"] == "cancelled":
            continue
        done.append(
            Deed(
                event=row["event_id"],
                rule=row["rule_id"],
                due_at=row["due_at"],
                is_shadow=row["status"] == "shadow",
                actions=tuple((step["type"], as_text(json.loads(step["params"]))) for step in in_order(steps)),
            )
        )
    return sorted(done)
