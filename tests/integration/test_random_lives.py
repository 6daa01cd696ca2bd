"""Random lives of the line: any rules, events, edits, failures, cancellations, replays and restarts, in any order.

A plain model in memory says what may go out; whatever happened, the promises hold at the end.
"""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.actions.base import Request
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from autoflow.web.acts import replay_dead_letter
from support.line import Line

MINUTE = 60_000
RULES = {
    "plain": "actions: [ { webhook: { url: 'https://a.example.com/', payload: {} } } ]",
    "late": "delay: 5m\nactions: [ { webhook: { url: 'https://b.example.com/', payload: {} } } ]",
    "ended": (
        "delay: 3m\ncancel_on: { event: stop, by: n }\n"
        "actions: [ { webhook: { url: 'https://c.example.com/', payload: {} } }, "
        "{ http: { url: 'https://d.example.com/' } } ]"
    ),
    "dropped": (
        "delay: 7m\non_change: cancel\nactions: [ { webhook: { url: 'https://e.example.com/', payload: {} } } ]"
    ),
    "chain": "actions: [ { emit: { type: y } }, { log: { message: 'chained' } } ]",
    "seen": "enabled: shadow\nactions: [ { log: { message: 'seen' } } ]",
}
KINDS = ["deliver", "retry", "reject", "raise"]

steps = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(["x", "x", "stop"]), st.integers(1, 3)),
    st.tuples(st.just("duplicate"), st.just(""), st.integers(0, 5)),
    st.tuples(
        st.just("time"), st.just(""), st.sampled_from([0, 1_000, MINUTE, 3 * MINUTE, 10 * MINUTE, 60 * MINUTE])
    ),
    st.tuples(st.just("answer"), st.sampled_from(KINDS), st.integers(1, 4)),
    st.tuples(st.just("rules"), st.lists(st.sampled_from(list(RULES)), unique=True).map(" ".join), st.integers(0, 2)),
    st.tuples(st.just("restart"), st.sampled_from(["quiet", "busy"]), st.just(0)),
    st.tuples(st.just("replay"), st.just(""), st.just(0)),
    st.tuples(st.just("prune"), st.just(""), st.just(0)),
)


def text_of(names: str, edition: int) -> str:
    """A set of rules; another edition means something else under the same ids."""
    documents = [
        f"id: {name}\ntrigger: {{ event: x }}\nwhen: n >= {-edition}\n{RULES[name]}\n" for name in names.split()
    ]
    return "---\n".join(documents)


class Life:
    """One daemon and the world around it."""

    def __init__(self, path: Path) -> None:
        self.line = Line(path)
        self.names, self.edition = "plain late ended dropped chain seen", 0
        self.answers: list[str] = []
        self.acked: dict[str, str] = {}
        self.sent: list[tuple[int, Request]] = []
        self.hang = False
        self.kills = 0
        self._prepare()

    def _prepare(self) -> None:
        self.line.store._connection.execute("PRAGMA synchronous = OFF")
        self.line.recorder.perform = self.perform  # type: ignore[method-assign]  # what the receivers answer

    async def perform(self, request: Request) -> Outcome:
        """What was asked for, else success."""
        self.sent.append((self.line.clock.now(), request))
        if self.hang:
            await asyncio.Event().wait()
        match self.answers.pop(0) if self.answers else "deliver":
            case "retry":
                return Retry(code="timeout", detail="")
            case "reject":
                return Reject(code="no", detail="")
            case "raise":
                raise ZeroDivisionError("a defect")
        return Delivered(output={})

    async def step(self, kind: str, word: str, number: int) -> None:
        """One thing that happens."""
        match kind:
            case "event":
                await self.emit(f"e{len(self.acked)}", word, number)
            case "duplicate" if f"e{number}" in self.acked:
                receipt = await self.line.emit("x", {"n": 1}, event_id=f"e{number}")
                assert receipt.planned == ()
            case "time":
                await self.line.advance(number)
            case "answer":
                self.answers = [word] * number
            case "rules":
                self.names, self.edition = word, number
                await self.line.use(text_of(word, number))
            case "restart":
                await self.restart(busy=word == "busy")
            case "replay":
                for letter in await self.line.dead_letters():
                    await self.line.store.transact(lambda tx, one=letter: replay_dead_letter(tx, str(one["id"])))
            case "prune":
                await self.prune()

    async def emit(self, event_id: str, kind: str, number: int) -> None:
        """An event, and who answered for it."""
        await self.line.emit(kind, {"n": number}, event_id=event_id)
        self.acked[event_id] = kind

    async def restart(self, *, busy: bool) -> None:
        """A kill; where it is busy, in the middle of whatever is due."""
        if busy:
            self.hang = True
            passing = asyncio.ensure_future(self.line.dispatcher._pass())
            await passing
            for _ in range(3):
                await asyncio.sleep(0.001)  # the store's threads go on: how far, differs from life to life
            tasks = list(self.line.dispatcher._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.hang = False
            self.kills += len(tasks)
        await self.line.restart(text_of(self.names, self.edition))
        self._prepare()

    async def prune(self) -> None:
        """With the shortest times there are: what is referred to stays all the same."""
        from autoflow.store.retention import KeepFor, prune

        long = 1 << 50
        keep = KeepFor(events=0, unmatched_events=0, duplicates=long, runs=long, dead_letters=long, max_size=long)
        await prune(self.line.store, keep)

    async def end(self) -> None:
        """All receivers are well again, and a week goes by."""
        self.answers = []
        await self.line.advance(7 * 24 * 60 * MINUTE)

    def look(self, query: str) -> list[tuple]:
        """What the file says."""
        with sqlite3.connect(self.line.path) as connection:
            rows = connection.execute(query).fetchall()
        connection.close()
        return rows

    def check(self) -> None:
        """I1 to I7, and that the file is sound."""
        keys = Counter(row[0] for row in self.look("SELECT id FROM event_keys"))
        assert all(keys[event_id] == 1 for event_id in self.acked), "I1"
        assert self.look("SELECT event_seq, rule_id FROM runs GROUP BY 1, 2 HAVING count(*) > 1") == [], "I2"
        assert self.look("SELECT * FROM pending_triggers") == [], "I3"
        assert self.look("SELECT * FROM runs WHERE status = 'running' OR finished_at IS NULL") == [], "I3"
        failed = self.look("SELECT id FROM runs WHERE status = 'failed'")
        dead = self.look("SELECT run_id FROM dead_letters WHERE status = 'dead'")
        assert sorted(failed) == sorted(dead), "a failed run has one open dead letter"
        steps = {row[0]: row for row in self.look("SELECT key, run_id, status, attempts FROM run_steps")}
        assert {request.key for _, request in self.sent} <= set(steps), "I4"
        due = dict(self.look("SELECT id, due_at FROM runs"))
        statuses = dict(self.look("SELECT id, status FROM runs"))
        for at, request in self.sent:
            assert at >= due[request.run_id], "I7"
            assert statuses[request.run_id] != "shadow"
        tries = Counter(request.key for _, request in self.sent)
        for key, count in tries.items():
            assert steps[key][3] >= count, "an attempt is counted before it is made"
        delivered = self.look(
            "SELECT a.run_id, a.step, a.number, s.attempts FROM attempts a JOIN run_steps s"
            " ON s.run_id = a.run_id AND s.step = a.step WHERE a.result = 'delivered'"
        )
        assert all(number == attempts for _, _, number, attempts in delivered), "I5: nothing follows a success"
        assert len({(run, step) for run, step, _, _ in delivered}) == len(delivered), "I5: and it is one"
        unknown = self.look("SELECT count(*) FROM attempts WHERE result = 'unknown'")[0][0]
        assert unknown <= self.kills, "a result is hidden only by a kill"
        assert self.look("SELECT * FROM attempts WHERE result IS NULL AND run_id NOT IN "
                         "(SELECT id FROM runs WHERE status = 'cancelled')") == []  # fmt: skip
        assert self.look("PRAGMA foreign_key_check") == [], "I9"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=3, max_size=30))
def test_whatever_happens_in_whatever_order_the_promises_hold(script: list[tuple[str, str, int]]) -> None:
    """Each life ends with everything done, told, or given up visibly: nothing early, nothing twice, nothing lost."""

    async def live() -> None:
        with TemporaryDirectory() as directory:
            life = Life(Path(directory) / "autoflow.db")
            await life.line.use(text_of(life.names, life.edition))
            for step in script:
                await life.step(*step)
            await life.end()
            life.check()
            life.line.close()

    asyncio.run(live())
