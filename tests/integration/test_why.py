"""Why a rule did or did not act, asked of the real store after real events: it says what happened."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.matching.amend import put_value
from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import parse_reference
from autoflow.matching.tree import parse_condition, write_condition
from autoflow.model.condition import Condition
from autoflow.model.event import Event
from autoflow.model.run import Reject, Retry
from autoflow.rules.verdict import Stage, judge_rule
from autoflow.store.retention import KeepFor, prune
from autoflow.web.api import Backend, make_api
from support.line import START, Line
from unit.matching.strategies import conditions, values

ACTS = "actions: [ { sms: { recipient: '+1555', message: hi } } ]"
DAY = 86_400_000
KEEP = KeepFor(events=DAY, unmatched_events=DAY, duplicates=DAY, runs=DAY, dead_letters=DAY, max_size=1 << 40)


class Desk:
    """Asks why."""

    def __init__(self, line: Line, client: httpx2.AsyncClient) -> None:
        self.line = line
        self.client = client

    async def ask(self, event: str, **asked: str) -> httpx2.Response:
        """The answer as it comes."""
        return await self.client.get(f"/v1/events/{quote(event, safe='')}/why", params=asked)

    async def why(self, event: str, **asked: str) -> Any:
        """A good answer."""
        answer = await self.ask(event, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def rule(self, event: str, rule: str) -> Any:
        """What is said of one rule."""
        [item] = (await self.why(event, rule=rule))["items"]
        return item

    async def refused(self, event: str, **asked: str) -> tuple[int, str, str]:
        """The status, the detail and the hint of an answer that is none."""
        answer = await self.ask(event, **asked)
        body = answer.json()
        return answer.status_code, body["detail"], body["hint"]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A line without rules, and who asks it."""
    line = Line(tmp_path / "autoflow.db")
    transport = httpx2.ASGITransport(app=make_api(Backend(store=line.store)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://autoflow") as client:
        yield Desk(line, client)
    line.close()


def rule(id_: str, *, event: str = "x", **keys: Any) -> str:
    """A rule as text; keys as JSON."""
    document = {"id": id_, "trigger": {"event": event}, **keys}
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in document.items()) + f"\n{ACTS}\n"


def together(*rules: str) -> str:
    """Several rules as one file."""
    return "---\n".join(rules)


async def test_a_miss_shows_the_condition_and_what_would_have_had_to_differ(desk: Desk) -> None:
    """With the values of the event, the comparison that decided, and a value that would have done."""
    await desk.line.use(rule("r", when=["job.total >= 2000", 'job.kind == "a"']))
    await desk.line.emit("x", {"job": {"total": 1500, "kind": "a"}}, event_id="e1")
    item = await desk.rule("e1", "r")
    assert (item["outcome"], item["run"]) == ("condition", None)
    assert item["because"] == "its condition did not hold: job.total is 1500, needs >= 2000"
    first, second = item["conditions"]["all"]
    assert (first["actual"], first["result"], first["decided"]) == (1500, False, True)
    assert (second["result"], "decided" in second) == (True, False)
    [change] = item["changes"]
    assert change == {"text": "job.total is 1500, needs >= 2000", "path": "job.total", "set": 2000}
    assert item["changes_suffice"] is True


async def test_one_rule_that_was_asked_about_says_nothing_of_the_others(desk: Desk) -> None:
    """That it waits for other events is no sign that none waited for this one."""
    await desk.line.use(together(rule("r"), rule("other", event="y")))
    await desk.line.emit("x", {}, event_id="e1")
    told = await desk.why("e1", rule="other")
    assert (told["items"][0]["outcome"], told["notes"]) == ("type", [])


async def test_half_a_letter_that_a_reference_finds_is_told_with_a_mark(desk: Desk) -> None:
    """Letters beyond the first plane have two halves there; one alone cannot be sent."""
    half = {"fact": "h", "path": "$.a[1]", "operator": "equal", "value": "x"}
    await desk.line.use(rule("r", when={"all": [half]}))
    await desk.line.emit("x", {"h": {"a": "\N{GRINNING FACE}"}}, event_id="e1")
    item = await desk.rule("e1", "r")
    assert item["conditions"]["all"][0]["actual"] == "?"


async def test_a_hit_shows_what_became_of_it(desk: Desk) -> None:
    """Done, waiting, trying again, given up, cancelled by which event: each with its run and its times."""
    line = desk.line
    await line.use(
        together(
            rule("done"),
            rule("late", delay="5m"),
            rule("ended", delay="5m", cancel_on={"event": "stop", "by": "n"}),
            rule("fails", event="bad"),
            rule("again", event="worse"),
        )
    )
    await line.emit("x", {"n": 1}, event_id="e1")
    await line.advance(0)
    await line.emit("stop", {"n": 1}, event_id="e2")
    line.recorder.replies += [Reject(code="http-400", detail="no"), Retry(code="timeout", detail="slow")]
    await line.emit("bad", {}, event_id="e3")
    await line.advance(0)
    await line.emit("worse", {}, event_id="e4")
    await line.advance(0)
    items = {item["rule"]: item for item in (await desk.why("e1"))["items"]}
    assert {name: item["outcome"] for name, item in items.items()} == {
        "done": "done", "late": "waiting", "ended": "cancelled",
    }  # fmt: skip
    assert items["late"]["because"] == "it waits until 2027-01-15T08:05:00.000Z"
    assert items["late"]["pending"] is not None
    assert items["ended"]["because"] == "cancelled at 2027-01-15T08:00:00.000Z: event e2 (stop) ended it"
    stop = await desk.why("e2")
    assert [one["rule"] for one in stop["event"]["ended"]] == ["ended"]
    assert stop["event"]["ended"][0]["run"] == items["ended"]["run"]
    assert (stop["items"], stop["notes"]) == ([], [])
    assert (await desk.why("e1"))["event"]["ended"] == []
    failed = await desk.rule("e3", "fails")
    assert (failed["outcome"], failed["dead_letters"]) == ("failed", [1])
    assert failed["because"] == ("step 1 (sms) was given up after 1 attempt: permanent, http-400: no (dead letter 1)")
    again = await desk.rule("e4", "again")
    assert again["outcome"] == "retrying"
    assert again["because"] == (
        "attempt 1 at step 1 failed (timeout: slow); the next try is at 2027-01-15T08:01:00.000Z"
    )


async def test_an_event_of_our_own_names_the_run_that_made_it(desk: Desk) -> None:
    """Followed by its id, as any other."""
    text = rule("first").replace(ACTS, "actions: [ { emit: { type: y } } ]")
    await desk.line.use(together(text, rule("second", event="y")))
    await desk.line.emit("x", {}, event_id="e1")
    await desk.line.advance(0)
    first = await desk.rule("e1", "first")
    [made] = await desk.line.rows("events_of_run", run_id=first["run"], event_seq=1)
    told = await desk.why(made["id"])
    assert (told["event"]["made_by"], told["items"][0]["outcome"]) == (first["run"], "done")


async def test_each_reason_for_doing_nothing_has_its_name(desk: Desk) -> None:
    """Off, in shadow, trigger not met, not judgeable, another account, another type."""
    await desk.line.use(
        together(
            rule("off", enabled=False),
            rule("seen", enabled="shadow"),
            rule("elsewhere", trigger={"event": "x", "source": "crm"}),
            rule("broken", when={"fact": "a", "operator": "in", "value": {"fact": "b"}}),
            rule("theirs", account="acme"),
            rule("deaf", event="y"),
        )
    )
    await desk.line.emit("x", {"a": 1, "b": 2}, event_id="e1")
    await desk.line.advance(0)
    told = await desk.why("e1", all="true")
    because = {item["rule"]: (item["outcome"], item["because"]) for item in told["items"]}
    assert because == {
        "off": ("disabled", "it was disabled; else it would have acted"),
        "seen": ("shadow", "in shadow: it was recorded at 2027-01-15T08:00:00.000Z, and nothing was sent"),
        "elsewhere": (
            "trigger",
            'its trigger was not met: event.source is "autoflow", needs to be in ["crm"]',
        ),
        "broken": ("error", "in on a needs a list on the right, and found a number"),
        "theirs": ("account", "it is of account acme; the event is of default"),
        "deaf": ("type", "it waits for y; the event is x"),
    }
    folded = await desk.why("e1")
    assert {item["rule"] for item in folded["items"]} == {"seen", "elsewhere", "off", "broken"}
    assert (folded["counts"]["type"], folded["counts"]["account"], folded["notes"]) == (1, 1, [])


async def test_an_event_that_no_rule_waits_for_says_what_is_near(desk: Desk) -> None:
    """A type that is spelled a little otherwise, and rules of another account."""
    await desk.line.use(together(rule("a", event="job.created"), rule("b", event="job.create", account="acme")))
    await desk.line.emit("job.create", {}, event_id="e1")
    told = await desk.why("e1")
    assert told["items"] == []
    assert told["notes"] == [
        "no rule waited for job.create",
        "a trigger waits for job.created",
        "rules of account acme wait for it; the event is of account default",
    ]


async def test_the_rules_of_then_are_asked_and_not_those_of_today(desk: Desk) -> None:
    """Changed, removed and new rules are told as such; a version's own place is shown."""
    line = desk.line
    await line.use(together(rule("changed", when="n > 5"), rule("removed"), rule("same", when="n > 9")))
    await line.emit("x", {"n": 3}, event_id="e1")
    await line.advance(0)
    await line.use(together(rule("changed", when="n > 1"), rule("same", when="n > 9"), rule("new", when="n == 3")))
    told = await desk.why("e1")
    items = {item["rule"]: item for item in told["items"]}
    assert {name: (item["outcome"], item["now"]["state"]) for name, item in items.items()} == {
        "changed": ("condition", "changed"),
        "removed": ("done", "removed"),
        "same": ("condition", "same"),
        "new": ("not-yet", "new"),
    }
    assert items["changed"]["because"] == "its condition did not hold: n is 3, needs > 5"
    assert items["changed"]["version"]["path"] == "rules.yaml"
    assert items["changed"]["version"]["hash"] != items["changed"]["now"]["hash"]
    assert items["new"]["because"] == ("it was not in force yet when the event arrived; else it would have acted")
    assert told["generation"]["in_force"] is False


async def test_duplicates_are_told_with_the_event_that_was_taken(desk: Desk) -> None:
    """How often, when last, and whether the body was another one; over a restart too."""
    line = desk.line
    await line.use(rule("r", when="n == 1"))
    await line.emit("x", {"n": 2}, event_id="e1")
    assert (await desk.why("e1"))["event"]["duplicates"] == {"count": 0, "other_bodies": 0, "last_at": None}
    await line.emit("x", {"n": 2}, event_id="e1")
    line.clock.move_to(START + 60_000)
    await line.emit("x", {"n": 1}, event_id="e1")
    told = await desk.why("e1")
    assert told["event"]["duplicates"] == {
        "count": 2, "other_bodies": 1, "last_at": "2027-01-15T08:01:00.000Z",
    }  # fmt: skip
    assert [item["outcome"] for item in told["items"]] == ["condition"]


async def test_duplicates_within_one_batch_are_counted_too(desk: Desk) -> None:
    """The first is taken, the others are counted under it, beside what is new."""
    line = desk.line
    await line.use(rule("r"))
    one = Event(id="a", type="x", time=START, received_at=START, raw=b"{}", data={})
    await line.engine.take([one, one._replace(id="b"), one, one._replace(raw=b'{"n":1}')])
    told = await desk.why("a")
    assert (told["event"]["duplicates"]["count"], told["event"]["duplicates"]["other_bodies"]) == (2, 1)
    assert (await desk.why("b"))["event"]["duplicates"]["count"] == 0
    assert told["event"]["matched"] == 1


async def test_an_event_is_found_by_its_number_and_an_id_of_several_is_refused(desk: Desk) -> None:
    """Its id first; of two senders with one id, one has to be named."""
    line = desk.line
    await line.use(rule("r"))
    await line.emit("x", {}, event_id="same", source="a")
    await line.emit("x", {}, event_id="same", source="b")
    await line.emit("x", {}, event_id="1", source="c")
    assert (await desk.why("2"))["event"]["source"] == "b"
    assert (await desk.why("1"))["event"]["source"] == "c"
    assert (await desk.why("same", source="a"))["event"]["seq"] == 1
    status, detail, hint = await desk.refused("same")
    assert (status, detail) == (400, "2 events have the id same")
    assert hint == "say which: --source a --account default; --source b --account default"
    status, _, hint = await desk.refused("same", source="z")
    assert (status, hint) == (404, "there is one of source a and account default")


async def test_an_id_may_hold_whatever_a_sender_puts_into_one(desk: Desk) -> None:
    """Slashes, the word why itself, and letters of any kind."""
    await desk.line.use(rule("r"))
    for name in ("a/b", "a/why", "why", "é ü?#%", "a//"):
        await desk.line.emit("x", {}, event_id=name)
        assert (await desk.why(name))["event"]["id"] == name
        if not name.endswith("/why"):
            shown = await desk.client.get(f"/v1/events/{quote(name, safe='')}")
            assert shown.json()["id"] == name


async def test_what_is_not_there_is_said_with_what_is_near(desk: Desk) -> None:
    """An id that begins so, one that looks like it, a rule of another name; else since when events are kept."""
    assert await desk.refused("e1") == (404, "there is no event e1", "no event has arrived yet")
    await desk.line.use(rule("notify"))
    await desk.line.emit("x", {}, event_id="order-4711")
    assert (await desk.refused("order-47"))[2] == "did you mean order-4711?"
    assert (await desk.refused("odrer-4711"))[2] == "did you mean order-4711?"
    assert (await desk.refused("zzz"))[2].endswith("the oldest that is kept arrived at 2027-01-15T08:00:00.000Z")
    await desk.line.advance(0)
    run = (await desk.rule("order-4711", "notify"))["run"]
    assert (await desk.refused(run))[2] == "this is a run: its event is order-4711, its rule notify"
    assert (await desk.refused("notify"))[2] == "this is a rule: write the event first, `autoflow why EVENT notify`"
    status, detail, hint = await desk.refused("order-4711", rule="notfy")
    assert (status, hint) == (404, "did you mean notify?")
    assert detail == "there was no rule notfy when event order-4711 arrived, and there is none now"


async def test_what_retention_removed_is_said_to_be_removed(desk: Desk) -> None:
    """By its number, by an id whose key is still kept; and a run that went before its event."""
    line = desk.line
    await line.use(rule("r"))
    await line.emit("x", {}, event_id="old")
    await line.advance(0)
    await line.emit("x", {}, event_id="last")
    await line.advance(2 * DAY)
    await prune(line.store, KeepFor(**{**_kept(), "events": 90 * DAY, "unmatched_events": 90 * DAY}))
    item = await desk.rule("old", "r")
    assert (item["outcome"], item["because"]) == ("removed", "it acted; its run is not kept any more")
    await prune(line.store, KeepFor(**{**_kept(), "duplicates": 90 * DAY}))
    status, detail, hint = await desk.refused("old")
    assert status == 404
    assert detail == (
        "event old arrived at 2027-01-15T08:00:00.000Z and was removed since: it was older than is kept"
    )
    assert hint == "`retention` in the config says how long events are kept"
    assert (await desk.refused("1"))[1] == "event number 1 was removed: it was older than is kept"


def _kept() -> dict[str, int]:
    return {name: getattr(KEEP, name) for name in KeepFor.__dataclass_fields__}


async def test_a_rule_whose_triggers_all_fail_is_told_once(desk: Desk) -> None:
    """Two triggers mean the event, and neither can be evaluated: it is taken, and the first error is kept."""
    broken = {"fact": "a", "operator": "in", "value": {"fact": "b"}}
    await desk.line.use(rule("r", trigger=[{"event": "x", "when": broken}, {"event": "*", "when": broken}]))
    await desk.line.emit("x", {"a": 1, "b": 2}, event_id="e1")
    item = await desk.rule("e1", "r")
    assert (item["outcome"], item["because"]) == ("error", "in on a needs a list on the right, and found a number")


async def test_a_version_whose_actions_are_gone_is_explained_all_the_same(desk: Desk) -> None:
    """What it sent to decides nothing: a notifier may have left the config since."""
    line = desk.line
    await line.use(rule("r", when="n > 5"))
    await line.emit("x", {"n": 1}, event_id="e1")

    def forget_action(tx: Any) -> None:
        row = tx.row("version_by_id", id=1)
        document = {**json.loads(row["document"]), "actions": [{"fax": {"to": "1"}}]}
        values = {name: row[name] for name in ("path", "line", "git_commit", "author", "dirty")}
        tx.run("update_version", id=1, document=json.dumps(document), **values)

    await line.store.transact(forget_action)
    assert (await desk.rule("e1", "r"))["because"] == "its condition did not hold: n is 1, needs > 5"


PATTERNS = st.tuples(st.sampled_from(["x", "x.*", "*", "y"]), st.sampled_from([None, "autoflow", "crm"]),
                     st.none() | conditions)  # fmt: skip
RULES = st.tuples(
    st.lists(PATTERNS, min_size=1, max_size=2), st.none() | conditions, st.sampled_from([True, True, "shadow", False])
)
DATA = st.dictionaries(st.sampled_from(["f", "g", "h"]), values, max_size=3)


def is_text(value: Any) -> bool:
    """Whether a value can be kept: half a letter cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def document_of(number: int, patterns: list[tuple[Any, ...]], when: Condition | None, enabled: Any) -> dict[str, Any]:
    """A rule with these triggers and this condition."""
    triggers = []
    for event, source, condition in patterns:
        told = {"event": event, "source": source, "when": write_condition(condition) if condition else None}
        triggers.append({key: value for key, value in told.items() if value is not None})
    document: dict[str, Any] = {"id": f"r{number}", "enabled": enabled, "trigger": triggers}
    if when is not None:
        document["when"] = write_condition(when)
    return {**document, "actions": [{"log": {"message": "hit"}}]}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.lists(RULES, min_size=1, max_size=6), st.lists(DATA.filter(is_text), min_size=1, max_size=3))
def test_what_is_said_is_what_happened(rules: list[tuple[Any, ...]], bodies: list[dict[str, Any]]) -> None:
    """For any rules and events: a run exists where it says so and nowhere else, and what it names would have done."""
    documents = [document_of(number, *parts) for number, parts in enumerate(rules)]
    documents = [one for one in documents if is_text(one)]
    with TemporaryDirectory() as home:
        asyncio.run(compare(Path(home), documents, bodies))


async def compare(home: Path, documents: list[dict[str, Any]], bodies: list[dict[str, Any]]) -> None:
    """Let all of it happen, and hold what is said of it against what is there."""
    line = Line(home / "x.db")
    line.store._connection.execute("PRAGMA synchronous = OFF")
    transport = httpx2.ASGITransport(app=make_api(Backend(store=line.store)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://autoflow") as client:
        desk = Desk(line, client)
        await line.use(json.dumps({"rules": documents}, ensure_ascii=False))
        for number, data in enumerate(bodies):
            await line.emit("x", data, event_id=f"e{number}")
        await line.advance(0)
        rows = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=200)
        ran = {(row["event_id"], row["rule_id"]): row["status"] for row in rows}
        for number, data in enumerate(bodies):
            for item in (await desk.why(f"e{number}", all="true"))["items"]:
                failed = {row["rule_id"] for row in await line.rows("judgement_errors_of", event_seq=number + 1)}
                assert (item["outcome"] == "error") is (item["rule"] in failed and item["run"] is None), item
                happened = ran.get((f"e{number}", item["rule"]), "missed")
                assert (item["outcome"] if item["outcome"] in ("done", "shadow") else "missed") == happened, item
                check_changes(line, item, data)
    line.close()


def check_changes(line: Line, item: dict[str, Any], data: dict[str, Any]) -> None:
    """With the values that are said to be enough the rule would have acted."""
    if not item["changes_suffice"]:
        return
    version = next(one for one in line.engine.rulebook.versions if one.rule.id == item["rule"])
    event = Event(id="e", type="x", time=START, received_at=START, raw=b"", data=data)
    assert judge_rule(version.rule, event).stage is not Stage.HIT
    for change in item["changes"]:
        if "set" in change or change.get("remove"):
            value = MISSING if change.get("remove") else change["set"]
            event = put_value(event, parse_reference(change["path"]), value) or event
    assert judge_rule(version.rule, event).stage is Stage.HIT, item


def test_the_property_meets_hits_and_misses() -> None:
    """What is compared above: a rule that acts and one that does not, in both events."""
    condition = parse_condition("f == 1").condition
    documents = [
        document_of(0, [("x", None, None)], condition, True),
        document_of(1, [("*", None, condition), ("x", "crm", None)], None, "shadow"),
    ]
    with TemporaryDirectory() as home:
        asyncio.run(compare(Path(home), documents, [{"f": 1}, {"f": 2}]))
