"""The checker finds what it is there for: one thing is broken in logs and tables that are right otherwise."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crash.checker import INVARIANTS, check_all
from crash.evidence import read_evidence
from crash.world import FLAKY_KEY, KILL, T, World, make_world

Break = Callable[[World], object]


def _call(world: World, run: str, attempt: int = 1) -> dict[str, object]:
    [found] = [line for line in world.sink if line["run"] == f"run_{run}" and line["attempt"] == attempt]
    return found


def _call_again(world: World, run: str, **changes: object) -> None:
    world.sink.append({**_call(world, run), **changes})


def _add_attempts(world: World, run: str, results: list[str], *, begin: int, apart: int) -> None:
    step = world.row("run_steps", run_id=f"run_{run}")
    for number, result in enumerate(results):
        answer = "200" if result in ("delivered", "unknown") else "503"
        world.attempt(step, begin + number * apart, result, answer, "http-503" if result == "retry" else None)


def _accept_again(world: World) -> None:
    world.sender.append({"did": "answer", "at": T + 50.0, "events": [["e1", "accepted"]]})


def _store_twice(world: World) -> None:
    twin = copy.deepcopy(world.row("events", seq=4))
    world.tables["events"].append({**twin, "seq": 40})


def _store_refused(world: World) -> None:
    world.stored(7, "e7", "nobody.cares", {"n": 7}, at=T + 31)


def _wait_for_ever(world: World) -> None:
    run = world.row("runs", rule_id="at-once")
    row = {name: run[name] for name in ("account", "rule_id", "version", "event_seq", "due_at")}
    world.tables["pending_triggers"].append(
        {**row, "kind": "retry", "run_id": run["id"], "step": 0, "shadow": 0, "created_at": T, "claim": 1}
    )


def _cancel_without_cause(world: World) -> None:
    world.drop("events", seq=4)
    world.drop("event_keys", seq=4)
    world.sender = [line for line in world.sender if "e4" not in json.dumps(line)]


def _cut_short_in_one_life(world: World) -> None:
    world.row("attempts", run_id="run_at-once")["result"] = "unknown"
    _add_attempts(world, "at-once", ["delivered"], begin=T + 30, apart=1)


def _give_up_early(world: World) -> None:
    world.row("dead_letters", rule_id="gone").update(reason="max_attempts")


def _send_cancelled(world: World) -> None:
    run = world.row("runs", rule_id="unless-bought")
    run["status"] = "done"
    world.attempt(world.step(run), T + 2001, "delivered", "200")


def _begin_cancelled(world: World) -> None:
    world.attempt(world.step(world.row("runs", rule_id="unless-bought")), T + 2001, "unknown", "503")


def _second_step_first(world: World) -> None:
    first = world.row("run_steps", run_id="run_at-once")
    first["finished_at"] = T + 6
    world.tables["run_steps"].append({**first, "step": "2", "key": "act_second"})
    world.tables["attempts"].append(
        {"run_id": "run_at-once", "step": "2", "number": 1, "started_at": T + 5, "result": "delivered"}
    )


BROKEN: dict[str, tuple[str, str, Break]] = {
    "an answered event is missing": ("I1", "e4 was answered accepted and is stored 0 times",
        lambda world: world.drop("events", seq=4)),
    "an answered event has another body": ("I1", "is stored as",
        lambda world: world.row("events", seq=1).update(data='{"n": 2}')),
    "an event is accepted twice": ("I1", "e1 was answered before, and was accepted again", _accept_again),
    "an event is stored twice": ("I1", "e4 from single is stored 2 times", _store_twice),
    "a match has no run": ("I2", "should have ['at-once', 'ping-after']",
        lambda world: world.drop("runs", rule_id="ping-after")),
    "a duplicate started a second run": ("I2", "['at-once', 'at-once', 'ping-after']",
        lambda world: world.tables["runs"].append({**world.row("runs", rule_id="at-once"), "id": "run_2"})),
    "a rule came twice": ("I2", "flaky has 2 versions",
        lambda world: world.tables["rule_versions"].append(
            {**world.row("rule_versions", rule_id="flaky"), "id": 99, "hash": "other"})),
    "something waits for ever": ("I3", "run_at-once (at-once, retry) still waits", _wait_for_ever),
    "a run is in progress and nothing of it waits": ("I3", "is running, and nothing of it waits",
        lambda world: world.row("runs", rule_id="flaky").update(status="running")),
    "a run is done and the sink has nothing": ("I3", "the sink did not take act_at-once-0",
        lambda world: world.sink.remove(_call(world, "at-once"))),
    "a run is done without its step": ("I3", "is done with the steps []",
        lambda world: (world.drop("attempts", run_id="run_at-once"), world.drop("run_steps", run_id="run_at-once"))),
    "a failed run has no dead letter": ("I3", "is failed with 0 dead letters",
        lambda world: world.drop("dead_letters", rule_id="gone")),
    "a dead letter is not told": ("I3", "with 1 dead letters, told by 0 events",
        lambda world: world.row("events", seq=6).update(parent_run=None)),
    "a run is cancelled by nothing": ("I3", "is cancelled, and no event ends it", _cancel_without_cause),
    "one action has two keys": ("I4", "was sent with 2 keys",
        lambda world: _call_again(world, "flaky", key="act_other", attempt=4)),
    "an action changes its body": ("I4", "several bodies",
        lambda world: _call(world, "flaky", 3).update(body='{"n": 1}')),
    "an attempt is sent twice": ("I4", "attempt 1 was sent 2 times", lambda world: _call_again(world, "flaky")),
    "a send was not counted before": ("I4", "attempt 2 was sent and is not written down",
        lambda world: _call_again(world, "gone", attempt=2)),
    "a send has no step": ("I4", "no step of run_gone has that key",
        lambda world: world.row("run_steps", run_id="run_gone").update(key="act_x")),
    "a success is sent again": ("I5", "was taken and written down, and it was sent again",
        lambda world: _add_attempts(world, "at-once", ["delivered"], begin=T + 400, apart=1)),
    "a success is hidden by no kill": ("I5", "no kill hid that", _cut_short_in_one_life),
    "sends after success outnumber the kills": ("I5", "was sent 4 times after it was taken, with 1 kill",
        lambda world: _add_attempts(world, "flaky", ["unknown", "unknown", "delivered"], begin=T + 900, apart=50)),
    "a success counts as a failure": ("I5", "was taken, and counts as retry",
        lambda world: world.row("attempts", run_id="run_flaky", number=2).update(result="retry", code="http-503")),
    "attempts go on beyond the policy": ("I6", "had 6 attempts, 1 of them cut short; 4 are allowed",
        lambda world: (world.row("attempts", run_id="run_flaky", number=3).update(result="retry"),
                       _add_attempts(world, "flaky", ["retry", "retry", "retry"], begin=T + 3000, apart=2000))),
    "attempts are missing": ("I6", "has the attempts [1, 3], and counts 3",
        lambda world: world.drop("attempts", run_id="run_flaky", number=2)),
    "an attempt comes before its time": ("I6", "attempt 2 began after 190 ms, not 300",
        lambda world: world.row("attempts", run_id="run_flaky", number=2).update(started_at=T + 200)),
    "the sink has an attempt before its time": ("I6", "the sink had attempt 2 after 188 ms, not 300",
        lambda world: _call(world, "flaky", 2).update(at=T + 200.0)),
    "a result is lost without a kill": ("I6", "has no result, and no kill cut it short", _cut_short_in_one_life),
    "what was rejected is tried again": ("I6", "attempt 1 was rejected, and another one followed",
        lambda world: _add_attempts(world, "gone", ["rejected"], begin=T + 400, apart=1)),
    "an action is given up as poison too early": ("I6", "was given up as poison after 1 kills; 5 are due to it",
        lambda world: world.row("dead_letters", rule_id="gone").update(reason="poison", created_at=T + 9_000)),
    "an action is given up too early": ("I6", "was given up after 1 attempts; 4 are due to it", _give_up_early),
    "a run begins before it is due": ("I7", "began 100 ms before it was due",
        lambda world: world.row("attempts", run_id="run_ping-after").update(started_at=T + 900)),
    "the sink has a message before its delay": ("I7", "was sent 502 ms after its event was offered, not 1000",
        lambda world: _call(world, "ping-after").update(at=T + 500.0)),
    "a cancelled run is sent": ("I7", "was cancelled in time, is done and was sent 1 times", _send_cancelled),
    "the second step begins first": ("I7", "step 2 began before step 0 was done", _second_step_first),
    "an attempt begins after its cancellation": ("I7", "ms after its cancellation was answered", _begin_cancelled),
    "what was refused is stored": ("I8", "e7 was refused and is stored", _store_refused),
    "a run has no event": ("I8", "a row of runs (unless-bought) has no event",
        lambda world: (world.drop("events", seq=3), world.drop("event_keys", seq=3))),
    "an event is there that nobody offered": ("I8", "nobody offered it",
        lambda world: world.stored(8, "e8", "nobody.cares", {"n": 8}, at=T)),
    "an id is known without its event": ("I8", "the id e4 is known, and its event is not stored",
        lambda world: world.drop("events", seq=4)),
    "a stored event would be taken again": ("I8", "e4 is stored, and its id is not known",
        lambda world: world.drop("event_keys", seq=4)),
    "a sender had a strange answer": ("I8", "single had an answer that it cannot have: 500",
        lambda world: world.sender.append({"did": "odd", "at": T, "status": 500, "answer": {}})),
    "a claim outlives its owner": ("I9", "run_at-once is claimed by owner 1; the last one is 2", _wait_for_ever),
    "a start did not own the file": ("I9", "the file had 1 owners with 2 starts",
        lambda world: setattr(world, "epoch", 1)),
    "a row refers to nothing": ("I9", "foreign_key_check", lambda world: world.drop("runs", rule_id="gone")),
}  # fmt: skip


def test_logs_and_tables_that_are_right_have_no_findings(tmp_path: Path) -> None:
    """The world that the other tests break holds everything, with a repeated send that a kill explains."""
    evidence = make_world().write(tmp_path)
    assert {name: found for name, found in check_all(evidence).items() if found} == {}
    assert [call.is_taken for call in evidence.calls_by_key()[FLAKY_KEY]] == [False, True, True]
    assert [(kill.before, kill.after) for kill in evidence.kills] == [KILL]


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_found(tmp_path: Path, what: str) -> None:
    """By the invariant that speaks of it, in words that say what is wrong."""
    invariant, said, break_it = BROKEN[what]
    world = make_world()
    break_it(world)
    found = check_all(world.write(tmp_path))[invariant]
    assert any(said in text for text in found), found


def test_each_invariant_is_broken_by_some_test() -> None:
    """None of them holds of everything."""
    assert {invariant for invariant, _, _ in BROKEN.values()} == INVARIANTS.keys()


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    """A file that SQLite cannot read is told as such, and ends nothing."""
    world = make_world()
    world.write(tmp_path)
    database = tmp_path / "state" / "autoflow.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    found = check_all(read_evidence(tmp_path))["I9"]
    assert any(text.startswith("integrity_check: ") for text in found), found
    database.write_bytes(b"nonsense " * 1000)
    assert check_all(read_evidence(tmp_path))["I9"][0] == "integrity_check: file is not a database"


def test_between_two_lives_work_may_wait(tmp_path: Path) -> None:
    """What waits is a finding only once everything had the time to run."""
    world = make_world()
    _wait_for_ever(world)
    world.tables["pending_triggers"][0]["claim"] = 0
    world.write(tmp_path)
    assert not any(check_all(read_evidence(tmp_path, drained=False)).values())
    assert check_all(read_evidence(tmp_path))["I3"] != []
