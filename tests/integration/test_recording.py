"""From the live line to a scenario that passes: what happened is written down, and happens again when played."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autoflow.cli.client import call
from autoflow.cli.record import choose_event, gather_story, write_story
from autoflow.errors import UsageError
from autoflow.model.run import Delivered, Reject, Retry
from autoflow.strict_yaml import read_yaml
from autoflow.testing.document import write_document
from support.line import Line
from support.scenarios import failures_of, play_files, settings_in

RULES = """
rules:
  - id: technician
    trigger: { event: job.done }
    delay: 5m
    cancel_on: { event: job.reopened, by: job.id }
    when: [ job.total > 5, job.phone exists ]
    actions:
      - sms: { recipient: "{{ job.phone }}", message: "Hi {{ job.client.name }}, call {{ job.mail }}" }
      - emit: { type: told, data: { who: { fact: job.client }, at: "{{ event.time }}" } }
  - id: office
    trigger: { event: told }
    delay: 1m
    actions: [ log: { message: "told {{ who.name }} because of {{ event.id }}" } ]
  - id: alert
    trigger: { event: autoflow.action.dead_lettered }
    actions: [ log: { message: "{{ rule.id }} gave up {{ run.id }}" } ]
  - id: shadow
    enabled: shadow
    trigger: { event: job.done }
    actions: [ log: { message: x } ]
"""
JOB = {
    "id": 7, "total": 20, "phone": "+15557654321", "mail": "eve@mail.example.org",
    "client": {"name": "Eve", "no": "no", "at": "12:30"},
}  # fmt: skip
MINUTE = 60_000
Live = Callable[[Line], Awaitable[None]]


def live(home: Path, story: Live) -> None:
    """Let something happen on a real line, whose database and rules stand in a home afterwards."""
    (home / "rules").mkdir(exist_ok=True)
    (home / "rules" / "all.yaml").write_text(RULES)
    (home / "state").mkdir(exist_ok=True)

    async def run() -> None:
        line = Line(home / "state" / "autoflow.db")
        await line.use(RULES)
        await story(line)
        line.close()

    asyncio.run(run())


def record(home: Path, event_id: str = "first") -> tuple[Any, str]:
    """The scenario of an event, as it is written and as it is read again; it passes."""
    known = settings_in(home)

    def ask(path: str) -> Any:
        return call(known.state, "GET", path)

    story = gather_story(ask, choose_event(ask(f"/v1/events/{event_id}"), None, None))
    text, gaps = write_story(story, known, home / "rules" / "x.test.yaml")
    assert gaps == []
    path = home / "rules" / "x.test.yaml"
    path.write_text(text)
    played, problems = play_files([path], known)
    assert [str(problem) for problem in problems] == []
    assert failures_of(played) == []
    assert len(played) == 1
    return read_yaml(text, path="x.yaml").documents[0].value, text


def types_in(document: Any) -> list[list[str]]:
    """The types of the actions that each step expects."""
    steps = document["tests"][0]["steps"]
    return [[one["type"] for one in step.get("expect", {}).get("actions", [])] for step in steps]


async def done(line: Line) -> None:
    """A job is done; five minutes later somebody is told, and a minute later somebody else."""
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(10 * MINUTE)


async def done_late(line: Line) -> None:
    """The same, after nothing ran for hours."""
    await line.emit("job.done", {"job": JOB}, event_id="first")
    line.clock.move_to(line.clock.now() + 180 * MINUTE)
    await line.advance(10 * MINUTE)


async def refused_at_first(line: Line) -> None:
    """Two attempts fail, the third is taken."""
    line.recorder.replies = [Retry(code="timeout", detail="slow"), Retry(code="http-503", detail="busy")]
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(60 * MINUTE)


async def refused_for_good(line: Line) -> None:
    """The receiver says never, and somebody hears of it."""
    line.recorder.replies = [Reject(code="http-400", detail="no such number +15557654321")]
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(60 * MINUTE)


async def given_up(line: Line) -> None:
    """Every attempt that there is fails."""
    line.recorder.replies = [Retry(code="timeout", detail="slow") for _ in range(6)]
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(24 * 60 * MINUTE)


async def cancelled(line: Line) -> None:
    """The job is opened again while the message waits."""
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(2 * MINUTE)
    await line.emit("job.reopened", {"job": {"id": 7, "phone": "+15557654321"}}, event_id="second")
    await line.advance(60 * MINUTE)


async def cancelled_between_attempts(line: Line) -> None:
    """The job is opened again while the next attempt waits."""
    line.recorder.replies = [Retry(code="timeout", detail="slow")]
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(5 * MINUTE + 30_000)
    await line.emit("job.reopened", {"job": {"id": 7}}, event_id="second")
    await line.advance(60 * MINUTE)


async def still_waiting(line: Line) -> None:
    """Nothing has come of it yet."""
    await line.emit("job.done", {"job": JOB}, event_id="first")
    await line.advance(MINUTE)


async def nothing(line: Line) -> None:
    """No rule wants it."""
    await line.emit("job.done", {"job": {"id": 7}}, event_id="first", source="crm", account="acme", subject="s")


STORIES = [
    (done, [[], ["sms", "emit"], ["log"], []]),
    (done_late, [[], ["sms", "emit"], ["log"], []]),
    (refused_at_first, [[], [], [], ["sms", "emit"], ["log"], []]),
    (refused_for_good, [[], ["log"], []]),
    (given_up, [[], [], [], [], [], [], ["log"], []]),
    (cancelled, [[], [], [], []]),
    (cancelled_between_attempts, [[], [], [], [], []]),
    (still_waiting, [[], []]),
    (nothing, [[], []]),
]


@pytest.mark.parametrize(("story", "types"), STORIES, ids=lambda one: getattr(one, "__name__", ""))
def test_what_happened_happens_again(tmp_path: Path, story: Live, types: list[list[str]]) -> None:
    """The scenario has a step for each moment at which something happened, and passes."""
    live(tmp_path, story)
    document, _ = record(tmp_path)
    assert types_in(document) == types


def test_a_changed_rule_fails_what_was_recorded(tmp_path: Path) -> None:
    """That is what it is for."""
    live(tmp_path, done)
    record(tmp_path)
    rules = tmp_path / "rules" / "all.yaml"
    for old, new in (("delay: 5m", "delay: 6m"), ("> 5", "> 50"), ("Hi ", "Ho "), ("delay: 1m", "delay: 2m")):
        rules.write_text(RULES.replace(old, new))
        played, _ = play_files([tmp_path / "rules" / "x.test.yaml"], settings_in(tmp_path))
        assert failures_of(played) != [], new
        rules.write_text(RULES)


def test_people_are_made_up_in_event_and_expectations_alike(tmp_path: Path) -> None:
    """No address and no number of the event is left, nor in what a receiver said; the rest is as it was."""
    live(tmp_path, refused_for_good)
    document, text = record(tmp_path)
    assert "eve@mail" not in text
    assert "7654321" not in text
    data = document["tests"][0]["steps"][0]["emit"]["data"]["job"]
    assert {**data, "phone": None, "mail": None} == {**JOB, "phone": None, "mail": None}
    [reply] = document["tests"][0]["mocks"]["rules"]["technician/1"]["replies"]
    assert reply["detail"] == f"no such number {data['phone']}"


def test_an_operator_who_cancels_is_recorded(tmp_path: Path) -> None:
    """As a step at the time at which it was done."""

    async def cancel(line: Line) -> None:
        from autoflow.web.acts import cancel_pending

        await line.emit("job.done", {"job": JOB}, event_id="first")
        await line.advance(MINUTE)
        await line.store.transact(lambda tx: cancel_pending(tx, "1"))
        await line.advance(60 * MINUTE)

    live(tmp_path, cancel)
    document, _ = record(tmp_path)
    steps = document["tests"][0]["steps"]
    assert steps[1:3] == [
        {"advance": "1m"},
        {"cancel": {"rule": "technician", "event": "first"}, "expect": {"actions": []}},
    ]


def test_an_attempt_that_a_crash_swallowed_is_left_out(tmp_path: Path) -> None:
    """Nobody knows what came of it; what was sent again after it is in the scenario."""

    async def crash(line: Line) -> None:
        await done(line)

        def forget(tx: Any) -> None:
            tx._connection.execute("UPDATE attempts SET number = 2 WHERE step = '1'")
            tx._connection.execute(
                "INSERT INTO attempts (run_id, step, number, started_at)"
                " SELECT run_id, step, 1, started_at FROM attempts WHERE number = 2"
            )

        await line.store.transact(forget)

    live(tmp_path, crash)
    document, _ = record(tmp_path)
    assert types_in(document) == [[], ["sms", "emit"], ["log"], []]


def test_a_file_elsewhere_names_its_rules(tmp_path: Path) -> None:
    """From its own folder, so that both can be moved together."""
    live(tmp_path, nothing)
    known = settings_in(tmp_path)
    story = gather_story(lambda _: None, {**call(known.state, "GET", "/v1/events/first"), "runs": []})
    path = tmp_path / "more" / "tests" / "x.test.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(write_story(story, known, path)[0])
    assert read_yaml(path.read_text(), path="x.yaml").documents[0].value["rules"] == "../../rules"
    played, problems = play_files([path], known)
    assert (failures_of(played), list(problems), len(played)) == ([], [], 1)


def test_which_event_is_meant_has_to_be_clear(tmp_path: Path) -> None:
    """Of several with one id, the one of that source."""
    items = {"items": [{"id": "e", "source": "a", "account": "x"}, {"id": "e", "source": "b", "account": "x"}]}
    assert choose_event(items, "b", None) == items["items"][1]
    with pytest.raises(UsageError, match="2 events"):
        choose_event(items, None, "x")
    with pytest.raises(UsageError, match="0 events"):
        choose_event(items, "c", None)


replies = st.sampled_from(
    [
        Delivered(output={}),
        Retry(code="timeout", detail="slow"),
        Retry(code="http-503", detail="busy +15557654321"),
        Reject(code="http-400", detail="no"),
    ]
)
spans = st.sampled_from([0, 1, 1000, 59_000, MINUTE, 5 * MINUTE, 61 * MINUTE])
acts = st.tuples(st.sampled_from(["pass", "miss", "reopen", "another", "restart"]), spans)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([Delivered(output={}), Retry(code="timeout", detail="slow")], [("pass", 61 * MINUTE)])
@given(st.lists(replies, max_size=10), st.lists(acts, max_size=6))
def test_whatever_happened_happens_again(answers: list[Any], happenings: list[tuple[str, int]]) -> None:
    """Random answers of receivers, time that passes with and without a daemon, and events that end runs."""

    async def story(line: Line) -> None:
        line.recorder.replies = list(answers)
        await line.emit("job.done", {"job": JOB}, event_id="first")
        await line.advance(0)
        for number, (what, span) in enumerate(happenings):
            if what == "reopen":
                await line.emit("job.reopened", {"job": {"id": 7}}, event_id=f"again-{number}")
            elif what == "another":
                await line.emit("job.done", {"job": {**JOB, "id": 100 + number}}, event_id=f"another-{number}")
            elif what == "miss":
                line.clock.move_to(line.clock.now() + span)
            elif what == "restart":
                await line.restart(RULES)
            await line.advance(span)

    with TemporaryDirectory() as home:
        live(Path(home), story)
        record(Path(home))


ODD = ["no", "12:30", "0777", "0o17", "1e3", "", " x ", "a: b", "# c", "- d", "{{ e }}", "l1\nl2\n", "\t"]
texts = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example({"\x85": "\u2028", "a": " l1\n  l2\n\n", "b": "\n", "c": "l1\nl2\x85"})
@given(values)
def test_what_is_written_reads_back_as_it_was(value: Any) -> None:
    """Whatever an event holds, the strict reader finds the same values of the same types."""
    text = write_document({"value": value}, comment="first\nsecond")
    read = read_yaml(text, path="x.yaml")
    assert read.all_problems == ()
    assert json.dumps(read.documents[0].value) == json.dumps({"value": value})
