"""A replay takes many events at once and comes to what one after the other comes to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoflow.engine import Judged, Receipt
from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.model.retry import PRESETS
from autoflow.model.rule import Rule
from autoflow.rules.loader import load_text
from autoflow.store.base import Transaction
from autoflow.store.sqlite.store import SqliteStore
from autoflow.templates import TemplateLibrary
from autoflow.testing.coupling import PLAIN_KEYS, find_coupled
from autoflow.testing.outcomes import Outcome as FoundOutcome
from autoflow.testing.outcomes import read_outcomes
from autoflow.testing.replay import Replay, _Sink, judge, options_for
from autoflow.testing.rig import Rig
from support.line import CONTEXT, START


def make_rig(path: Path, rules: Sequence[Rule]) -> Rig:
    options = options_for(rules, context=CONTEXT, library=TemplateLibrary(), retry=PRESETS["standard"], chain_depth=2)
    return Rig(lambda clock: SqliteStore(path, clock=clock, durable=False), options, start=START)


def load(text: str) -> Sequence[Rule]:
    loaded = load_text(text, "rules.yaml", CONTEXT)
    assert not loaded.errors, loaded.errors
    return loaded.rules


def event(number: int, event_type: str, moment: int, **data: Json) -> Event:
    return Event(
        id=f"e{number}", type=event_type, time=START + moment, received_at=START + moment,
        raw=json.dumps(data).encode(), data=data,
    )  # fmt: skip


async def outcomes_of(rig: Rig) -> list[FoundOutcome]:
    return sorted(await rig.read(lambda view: list(read_outcomes(view, 0, 1 << 40))))


async def replay(path: Path, rules: str, events: Sequence[Event], *, size: int = 1000) -> list[FoundOutcome]:
    """What a backtest finds."""
    async with make_rig(path, load(rules)) as rig:
        await rig.use(load(rules))
        chunks = [events[first : first + size] for first in range(0, len(events), size)]
        await Replay(rig).play(chunks, lambda _taken: None)
        assert await rig.next_due() is None
        return await outcomes_of(rig)


class PunctualSink(_Sink):
    """Events of runs, of which each must have been made at the moment it is dated to."""

    def record(self, tx: Transaction, batch: Sequence[Judged], *, parent_run: str | None = None) -> list[Receipt]:
        receipts = super().record(tx, batch, parent_run=parent_run)
        assert all(receipt.event.received_at == tx.now for receipt in receipts)
        return receipts


async def one_by_one(path: Path, rules: str, events: Sequence[Event]) -> list[FoundOutcome]:
    """The same, with a stop at each due moment and each event by itself."""
    async with make_rig(path, load(rules)) as rig:
        await rig.use(load(rules))
        engine = rig.line.engine
        rig.line.executor.ledger.sink = PunctualSink(engine, lambda _planned: None)
        for one in events:
            await rig.advance_to(max(one.received_at, rig.clock.now()))
            judged = judge(engine, one)
            await rig.store.transact(lambda tx, judged=judged: engine.record(tx, [judged]))
        assert await rig.run_until_idle(limit=START + 10**12)
        return await outcomes_of(rig)


LATER = """\
id: later
trigger: { event: a }
delay: 5m
cancel_on: { event: [b, autoflow.action.dead_lettered], by: k }
actions: [ { sms: { recipient: "+1555", message: "{{ k }}" } } ]
"""


async def test_an_event_ends_what_waits_and_not_what_was_due_before(tmp_path: Path) -> None:
    """Also where all of them are taken at once."""
    events = [event(1, "a", 0, k=1), event(2, "a", 1, k=2), event(3, "b", 299_999, k=1), event(4, "b", 300_001, k=2)]
    found = await replay(tmp_path / "db", LATER, events)
    assert [(one.event_id, json.loads(one.body)[0]) for one in found] == [("e1", "cancelled"), ("e2", "done")]


async def test_ids_are_the_same_in_every_replay(tmp_path: Path) -> None:
    """Of runs, of keys that are sent, and of events that were made: also of the news of a dead letter."""
    rules = """\
rules:
  - id: one
    trigger: { event: a }
    actions: [ { emit: { type: b, data: { k: 1 } } }, { log: { message: "{{ no.x }}" } } ]
  - id: two
    trigger: { event: [b, autoflow.action.dead_lettered] }
    actions: [ { log: { message: "{{ event.id }}" } } ]
"""
    first, second = [await replay(tmp_path / name, rules, [event(1, "a", 0)]) for name in "xy"]
    assert first == second
    assert [(one.rule_id, one.origin) for one in first] == [
        ("two", "one on e1"), ("two", "one on e1"), ("one", None),
    ]  # fmt: skip


async def test_what_a_run_makes_is_of_the_moment_it_was_due(tmp_path: Path) -> None:
    """Though it was performed with many others, later."""
    rules = """\
rules:
  - { id: one, trigger: { event: a }, delay: 10s, actions: [ { emit: { type: b } } ] }
  - { id: two, trigger: { event: b }, delay: 5s, actions: [ { log: { message: x } } ] }
"""
    found = await replay(tmp_path / "db", rules, [event(1, "a", 0), event(2, "x", 60_000)])
    assert {one.rule_id: json.loads(one.body)[1] - START for one in found} == {"one": 10_000, "two": 15_000}


async def test_a_clock_that_was_set_back_is_followed_by_receipt(tmp_path: Path) -> None:
    """Events stay in their order; each is due from its own time on."""
    events = [event(1, "a", 10_000, k=1), event(2, "a", 0, k=2)]
    found = await replay(tmp_path / "db", LATER, events)
    assert [json.loads(one.body)[1] - START for one in found] == [310_000, 300_000]


@pytest.mark.parametrize(
    ("account", "ended_by", "coupled"),
    [
        ("default", "x", set()),
        ("default", "x.*", set()),
        ("acme", "b", set()),
        ("default", "b", {"one"}),
        ("default", "c", {"one", "two"}),
        ("default", "autoflow.action.dead_lettered", {"one", "two", "ends"}),
    ],
)
def test_coupled_are_the_rules_whose_events_end_something(account: str, ended_by: str, coupled: set[str]) -> None:
    """Directly, or by waking one whose events do."""
    log = [{"log": {"message": "x"}}]
    rules = [
        {"id": "one", "trigger": {"event": "a"}, "actions": [{"emit": {"type": "b"}}]},
        {"id": "two", "trigger": {"event": "b"}, "actions": [{"emit": {"type": "c"}}]},
        {"id": "ends", "account": account, "trigger": {"event": "z"}, "actions": log,
         "cancel_on": {"event": ended_by, "by": "k"}},
    ]  # fmt: skip
    assert {rule_id for _, rule_id in find_coupled(load(json.dumps({"rules": rules})))} == coupled


def test_each_key_of_a_rule_is_known_to_couple_or_not() -> None:
    """Whoever adds one to the language has to say here what it does to a replay."""
    from autoflow.rules.vocabulary import RULE_KEYS

    assert set(RULE_KEYS) - {"tests"} == PLAIN_KEYS


TYPES = st.sampled_from(["a", "b", "c"])
SPANS = st.sampled_from([0, 0, 1, 2, 5])
EMITS = TYPES.map(lambda name: {"emit": {"type": name, "data": {"k": {"fact": "k"}}}})
TELLS = st.sampled_from(
    [{"log": {"message": "{{ k }}"}}, {"sms": {"recipient": "+1", "message": "{{ event.type }}"}},
     {"log": {"message": "{{ missing.x }}"}}]
)  # fmt: skip
ENDINGS = st.one_of(
    TYPES.map(lambda name: {"event": name, "by": "k"}),
    TYPES.map(lambda name: {"event": name, "by": "k"}),
    st.just({"event": "autoflow.*", "by": {"event.type": "event_type"}}),
)
TRIGGERS = TYPES | TYPES | st.just("autoflow.action.dead_lettered")
RULES = st.fixed_dictionaries(
    {
        "trigger": TRIGGERS.map(lambda name: {"event": name}),
        "delay": SPANS.map(lambda seconds: f"{seconds}s"),
        "actions": st.lists(EMITS | TELLS, min_size=1, max_size=2),
    },
    optional={
        "cancel_on": ENDINGS,
        "when": st.sampled_from(["k >= 1", "k == 0", {"fact": "k", "operator": "in", "value": {"fact": "n"}}]),
        "enabled": st.sampled_from([True, True, "shadow", False]),
    },
)
NAMED_RULES = st.lists(RULES, min_size=2, max_size=4).map(
    lambda rules: json.dumps({"rules": [{"id": f"r{n}", **rule} for n, rule in enumerate(rules)]})
)
HAPPENED = st.tuples(st.sampled_from([1, 300, 1000, 2000]), TYPES, st.sampled_from([0, 0, 1]))
_numbers = count()


@settings(max_examples=25, deadline=None)
@given(rules=NAMED_RULES, happened=st.lists(HAPPENED, min_size=3, max_size=8), size=st.sampled_from([1, 3, 1000]))
async def test_many_at_once_come_to_what_one_after_the_other_does(
    tmp_path_factory: pytest.TempPathFactory, rules: str, happened: list[tuple[int, str, int]], size: int
) -> None:
    """Whatever ends, wakes, fails or is only recorded, and however the events are cut into pieces."""
    directory, moment, events = tmp_path_factory.getbasetemp(), 0, []
    for number, (later, name, key) in enumerate(happened):
        moment += later
        events.append(event(number, name, moment, k=key))
    stem = f"replay-{next(_numbers)}"
    expected = await one_by_one(directory / f"{stem}-a", rules, events)
    assert await replay(directory / f"{stem}-b", rules, events, size=size) == expected
