"""Statistics on a real store: what ended in a span, by rule, and what conditions have shown."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autoflow.clock import to_rfc3339
from autoflow.errors import UsageError
from autoflow.model.run import Reject
from autoflow.rules.coverage import document_leaves, rule_leaves
from autoflow.rules.loader import load_text
from autoflow.sampling import Sampler
from autoflow.store.events import first_event_since
from autoflow.web.api import Backend, make_api
from autoflow.web.stats import read_since, stats_view
from support.line import CONTEXT, START, Line

RULES = """
rules:
  - id: acts
    trigger: { event: job.created, when: job.kind == "a" }
    when: [ job.total > 5, job.total > 9 ]
    actions: [ log: { message: "{{ job.total }}" } ]
  - id: waits
    trigger: { event: job.created }
    delay: 1h
    cancel_on: { event: job.closed, by: job.id, when: job.open == false }
    actions: [ sms: { recipient: "+15550001111", message: x } ]
  - id: idle
    account: acme
    trigger: { event: job.never }
    actions: [ log: { message: x } ]
"""
HOUR = 3_600_000


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    await made.use(RULES)
    yield made
    made.close()


async def ask(line: Line, **filters: str) -> Any:
    """The statistics, as another program gets them."""
    return json.loads(json.dumps(await line.store.read(lambda view: stats_view(view, filters))))


async def live(line: Line) -> None:
    """Three jobs, one of which acts; each waits for an hour, one is closed, and one message is refused."""
    sampler = Sampler(lambda: line.engine.rulebook, line.store, line.clock)
    line.engine.watch = sampler.offer
    for number, total in enumerate((3, 7, 20)):
        await line.emit("job.created", {"job": {"id": number, "kind": "a", "total": total}})
        await line.advance(1000)
    await line.emit("job.closed", {"job": {"id": 0, "open": False}})
    line.recorder.replies = [Reject(code="x", detail="y")]
    await line.advance(2 * HOUR)
    await sampler.look()
    await sampler.flush()


async def test_what_happened_is_told_in_all_and_by_rule(line: Line) -> None:
    """Events, ends, what waits, times and actions; a rule that did nothing stands there too."""
    line.recorder.replies = []
    await live(line)
    told = await ask(line)
    # three jobs, one closing, and the event that tells of the dead letter
    assert (told["events"], told["pending"], told["dead_letters"]) == (5, 0, 1)
    assert told["runs"] == {"done": 2, "failed": 1, "cancelled": 1, "shadow": 0}
    assert [(one["type"], one["done"], one["failed"], one["attempts"]) for one in told["actions"]] == [
        ("log", 1, 0, 1), ("sms", 1, 1, 2),
    ]  # fmt: skip
    idle, acts, waits = told["items"]
    assert [item["rule"] for item in told["items"]] == ["idle", "acts", "waits"]
    assert (idle["last_run_at"], idle["judged"], idle["late_ms"]) == (None, 0, None)
    assert acts["runs"] == {"done": 1, "failed": 0, "cancelled": 0, "shadow": 0}
    assert acts["last_run_at"] == to_rfc3339(START + 2000)
    assert acts["took_ms"] == {"p50": 0, "p95": 0, "p99": 0}
    assert waits["runs"]["failed"] == 1


async def test_conditions_tell_what_was_never_seen(line: Line) -> None:
    """Each comparison with its counts, those of triggers and of cancel_on too."""
    await live(line)
    _, acts, waits = (await ask(line))["items"]
    assert (acts["judged"], acts["woken"], acts["counted_since"]) == (3, 3, to_rfc3339(START))
    assert [(one["condition"], one["text"], one["true"], one["false"], one["lacks"]) for one in acts["leaves"]] == [
        ("trigger[0].when", 'job.kind == "a"', 3, 0, "was never false"),
        ("when", "job.total > 5", 2, 1, None),
        ("when", "job.total > 9", 1, 2, None),
    ]
    [closing] = waits["leaves"]
    assert (closing["condition"], closing["true"], closing["lacks"]) == ("cancel_on[0].when", 1, "was never false")


async def test_a_span_leaves_out_what_ended_before_it(line: Line) -> None:
    """Events by their arrival, runs by their end; what is now is told whatever the span."""
    await live(line)
    late = await ask(line, since="90m")
    assert (late["events"], late["runs"]["done"], late["runs"]["failed"], late["dead_letters"]) == (1, 1, 1, 1)
    assert late["items"][1]["runs"]["done"] == 0
    assert late["items"][1]["last_run_at"] is not None
    none = await ask(line, since="1m")
    assert (none["events"], none["runs"], none["actions"]) == (
        0, {"done": 0, "failed": 0, "cancelled": 0, "shadow": 0}, [],
    )  # fmt: skip
    assert all(item["took_ms"] is None for item in none["items"])
    assert none["since"] == to_rfc3339(line.clock.now() - 60_000)


async def test_one_rule_or_account_can_be_asked_for(line: Line) -> None:
    """The totals of runs are then of these rules alone."""
    await live(line)
    acts = await ask(line, rule="acts")
    assert [item["rule"] for item in acts["items"]] == ["acts"]
    assert acts["runs"]["done"] == 1
    acme = await ask(line, account="acme")
    assert [item["rule"] for item in acme["items"]] == ["idle"]
    assert acme["runs"]["done"] == 0


async def test_an_empty_store_has_empty_statistics(tmp_path: Path) -> None:
    """Before any rule was loaded."""
    line = Line(tmp_path / "empty.db")
    told = await ask(line)
    assert (told["events"], told["items"], told["actions"]) == (0, [], [])
    line.close()


async def test_percentiles_are_those_of_the_runs(line: Line) -> None:
    """Of a hundred runs the 50th, 95th and 99th, in order of their times."""
    await line.use(RULES)
    await line.emit("job.created", {"job": {"id": 1, "kind": "b"}})

    def fill(tx: Any) -> None:
        for number in range(1, 101):
            tx.take_numbers("pending_triggers", 1)
            tx._connection.execute(
                "INSERT INTO runs VALUES (?, 'default', 'acts', 1, 1, 'done', NULL, ?, ?, ?)",
                (f"run_{number * 37 % 101:03}", START, START + number, START + 3 * number),
            )

    await line.store.transact(fill)
    item = (await ask(line))["items"][1]
    assert item["late_ms"] == {"p50": 50, "p95": 95, "p99": 99}
    assert item["took_ms"] == {"p50": 100, "p95": 190, "p99": 198}


async def test_the_first_event_of_a_span_is_found(line: Line) -> None:
    """By its arrival, whatever went in between; past the last one nothing is counted."""
    for _ in range(9):
        await line.emit("x", {})
        line.clock.move_to(line.clock.now() + 10)
    seqs = [
        await line.store.read(lambda view, at=at: first_event_since(view, START + at)) for at in (0, 1, 10, 45, 80)
    ]
    assert [max(seq, 1) for seq in seqs] == [1, 2, 2, 6, 9]
    assert await line.store.read(lambda view: first_event_since(view, START + 81)) > 9


@pytest.mark.parametrize("text", ["yesterday", "7", "", "-1d", "2026-03-29", "2026-99-29T00:00:00Z", "20"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """With what could be written instead."""
    with pytest.raises(UsageError, match="since: ") as refused:
        read_since(text, START)
    assert "2026-03-29T00:50:00Z" in str(refused.value.hint)


def test_a_span_or_a_time_says_since_when() -> None:
    """Seven days where nothing is said."""
    assert read_since(None, START) == START - 7 * 24 * HOUR
    assert read_since("90m", START) == START - 90 * 60_000
    assert read_since("2026-03-29T00:50:00Z", START) == 1_774_745_400_000
    assert read_since("3650d", 1000) == 0


def test_a_kept_document_has_the_comparisons_of_its_rule() -> None:
    """In the same order, so that what was counted under a number is told of the right one."""
    for rule in load_text(RULES, "r.yaml", CONTEXT).rules:
        assert document_leaves(rule.document) == rule_leaves(rule)


async def test_the_route_refuses_what_it_does_not_know(line: Line) -> None:
    """A misspelt parameter would else be another question."""
    transport = httpx2.ASGITransport(app=make_api(Backend(store=line.store)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://autoflow") as client:
        assert (await client.get("/v1/stats?since=1h")).json()["schema_version"] == 1
        for query, said in (("sinc=1h", "did you mean since"), ("since=x", "not a span"), ("limit=5", "known are")):
            refused = await client.get(f"/v1/stats?{query}")
            assert refused.status_code == 400
            assert said in refused.text


async def test_what_is_only_recorded_is_counted_as_nothing_else(line: Line) -> None:
    """A rule in shadow sends nothing: its runs and actions are told apart from those that were done."""
    await line.use(RULES.replace("- id: acts", "- id: acts\n    enabled: shadow"))
    await live(line)
    told = await ask(line)
    [log] = [one for one in told["actions"] if one["type"] == "log"]
    assert {name: log[name] for name in ("number", "done", "failed", "shadow", "attempts")} == {
        "number": 1, "done": 0, "failed": 0, "shadow": 1, "attempts": 0,
    }  # fmt: skip
    assert (told["runs"]["shadow"], told["runs"]["done"]) == (1, 1)
    [acts] = [one for one in told["items"] if one["rule"] == "acts"]
    assert (acts["runs"]["shadow"], acts["runs"]["done"]) == (1, 0)
