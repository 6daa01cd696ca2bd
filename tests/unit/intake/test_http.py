"""The HTTP door, asked directly: what it answers when something inside fails, and whom it lets in."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.errors import StorageError
from autoflow.intake.decode import Decoder
from autoflow.intake.gate import Gate
from autoflow.intake.http import LOCAL_HOSTS, DoorOptions, HttpDoor, host_name
from autoflow.security.auth import TokenCheck, make_token
from support.line import Line

RULES = """
id: greet
account: acc
trigger: {event: job.created, when: job.total > 5}
actions:
  - log: {message: "hello"}
"""
TOKEN = make_token()


@dataclass
class Answer:
    """What the door said."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Bench:
    """A door on real insides, and a way to ask it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.gate = Gate(line.engine, line.store, line.metrics)

    def door(self, **options: Any) -> HttpDoor:
        async def rest(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 299, "headers": []})
            await send({"type": "http.response.body", "body": scope["autoflow.request_id"].encode()})

        settings = {"token": None, "body_bytes": 1_000, "hosts": None, **options}
        return HttpDoor(
            self.gate,
            Decoder(self.line.engine.ids),
            clock=self.line.clock,
            metrics=self.line.metrics,
            options=DoorOptions(**settings),
            rulebook=lambda: self.line.engine.rulebook,
            rest=rest,
        )

    def counted(self, result: str) -> float:
        """How many events were offered over HTTP with this result."""
        labels = {"transport": "http", "result": result}
        return self.line.metrics.registry.get_sample_value("autoflow_events_received_total", labels) or 0.0


async def ask(
    door: HttpDoor,
    *messages: Any,
    method: str = "POST",
    path: str = "/v1/events",
    version: str = "1.1",
    **headers: str,
) -> Answer:
    """One request; its body is what the messages hold, or nothing."""
    told = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http", "method": method, "path": path, "http_version": version,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in told.items()],
    }  # fmt: skip
    waiting = [
        {"type": "http.request", "body": one, "more_body": n + 1 < len(messages)} if isinstance(one, bytes) else one
        for n, one in enumerate(messages or (b"",))
    ]
    answer = Answer()

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message["body"]

    await door(scope, receive, send)
    return answer


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    line = Line(tmp_path / "autoflow.db")
    await line.use(RULES)
    yield Bench(line)
    line.close()


def event(event_id: str = "1", **more: Any) -> bytes:
    """One event that meets the rule."""
    return json.dumps({"type": "job.created", "id": event_id, "account": "acc", **more}).encode()


async def test_an_accepted_event_is_answered_with_what_it_led_to(bench: Bench) -> None:
    """And counted once."""
    answer = await ask(bench.door(), event(data={"job": {"total": 9}}))
    [told] = answer.json["events"]
    assert (answer.status, told["id"], told["status"]) == (202, "1", "accepted")
    assert told["runs"][0]["rule"] == "greet"
    assert told["runs"][0]["due_at"].endswith("Z")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert bench.counted("accepted") == 1


@pytest.mark.parametrize(
    ("more", "note"),
    [
        (
            {"data": {"job": {"total": 1}}},
            "greet would listen, but the conditions do not hold: `autoflow why a` tells why",
        ),
        ({"type": "job.done"}, "no rule is triggered by job.done"),
        (
            {"account": "other", "data": {"job": {"total": 9}}},
            "a trigger is met but for the account: rules of acc, the event of other",
        ),
    ],
)
async def test_only_the_local_user_is_told_why_nothing_came_of_an_event(
    bench: Bench, more: dict[str, Any], note: str
) -> None:
    """The reason names rules and accounts, which a sender need not know."""
    answer = await ask(bench.door(), event("a", **more))
    assert answer.json["events"][0]["note"] == note
    remote = await ask(bench.door(hosts=LOCAL_HOSTS), event("b", **more), host="localhost")
    assert "note" not in remote.json["events"][0]
    assert "note" not in (await ask(bench.door(), event("a", **more))).json["events"][0]


async def test_a_body_in_pieces_is_one_body(bench: Bench) -> None:
    """However it is cut, up to the limit and not beyond."""
    whole = event(data="x" * 800)
    assert (await ask(bench.door(), *(whole[n : n + 7] for n in range(0, len(whole), 7)))).status == 202
    answer = await ask(bench.door(), *[b"x" * 300] * 4)
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (413, "AF413", "close")
    told = await ask(bench.door(), b"", content_length="1001")
    assert told.status == 413
    assert bench.counted("invalid") == 2


async def test_a_sender_that_hangs_up_before_the_end_has_sent_nothing(bench: Bench) -> None:
    """Also when what came was a whole event."""
    answer = await ask(bench.door(), event(), {"type": "http.disconnect"})
    assert answer.status == 400
    assert await bench.line.rows("events_after", after=0, type=None, account=None, limit=10) == []


async def test_a_failing_store_is_503_and_never_202(bench: Bench) -> None:
    """With a time to come again."""
    bench.line.store.close()
    answer = await ask(bench.door(), event())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json["code"] == StorageError.code
    assert bench.counted("rejected") == 1


async def test_a_defect_is_500_in_the_same_form_and_tells_nothing_of_the_inside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the rest."""

    def fail(_event: Any) -> None:
        raise LookupError("secret inside")

    monkeypatch.setattr(bench.line.engine, "judge", fail)
    answer = await ask(bench.door(), event())
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json["code"] == "AF500"
    assert b"secret" not in answer.body
    assert answer.json["request_id"] == answer.headers["x-request-id"]


async def test_after_closing_a_sender_is_told_to_come_again(bench: Bench) -> None:
    """A restart is nothing to lose an event for."""
    await bench.gate.close()
    answer = await ask(bench.door(), event())
    assert (answer.status, answer.headers["retry-after"], answer.json["code"]) == (503, "1", "AF503")


@pytest.mark.parametrize("name", ["host", "authorization", "content-type", "idempotency-key", "ce-specversion"])
async def test_a_header_that_stands_there_twice_is_refused(bench: Bench, name: str) -> None:
    """Which of both counts would be a guess, and another reader on the way may guess otherwise."""
    answer = Answer()

    async def receive() -> Any:
        raise AssertionError("the body is not needed")

    async def send(message: Any) -> None:
        answer.status = message.get("status", answer.status)
        answer.body += message.get("body", b"")

    scope = {
        "type": "http", "method": "POST", "path": "/v1/events", "http_version": "1.1",
        "headers": [(name.encode(), b"a"), (b"x", b"y"), (name.encode(), b"a")],
    }  # fmt: skip
    await bench.door()(scope, receive, send)
    assert (answer.status, answer.json["detail"]) == (400, f"the header {name} stands there twice")


async def test_the_door_asks_for_the_token_before_it_reads(bench: Bench) -> None:
    """And the token is asked for after the Host, so that a lured browser learns nothing."""
    door = bench.door(token=TokenCheck(TOKEN), hosts=LOCAL_HOSTS)
    assert (await ask(door, host="localhost")).status == 401
    assert (await ask(door, host="evil.example", authorization=f"Bearer {TOKEN}")).status == 403
    assert (await ask(door, event(), host="localhost", authorization=f"Bearer {TOKEN}")).status == 202
    assert (await ask(door, path="/livez", host="anything", method="GET")).status == 299
    assert (await ask(door, path="/metrics", host="anything", method="GET")).status == 403
    assert (await ask(door, path="/metrics", host="localhost", method="GET")).status == 299
    assert (await ask(door, path="/livez", host="localhost", origin="null", method="GET")).status == 403
    assert bench.counted("unauthorized") == 2


async def test_a_host_header_is_needed_where_browsers_could_be(bench: Bench) -> None:
    """HTTP/1.0 need not have one, and no browser speaks it."""
    door = bench.door(hosts=LOCAL_HOSTS)
    assert (await ask(door, event())).status == 400
    assert (await ask(door, event(), version="1.0")).status == 202
    assert (await ask(door, event(), version="1.0", host="evil.example")).status == 403


async def test_hosts_of_the_config_are_known_in_every_spelling(bench: Bench) -> None:
    """Brackets, ports and capitals do not matter."""
    door = bench.door(hosts=frozenset({"fd00::1", "[fd00::2]", "Hooks.example"}))
    for host in ("[fd00::1]:8787", "[fd00::2]", "hooks.example:80", "HOOKS.EXAMPLE."):
        assert (await ask(door, event(), host=host)).status == 202
    assert (await ask(door, event(), host="[fd00::3]")).status == 403


@given(text=st.text(max_size=30) | st.from_regex(r"[\[\]:.a-z0-9@ ]{0,20}", fullmatch=True))
def test_no_host_header_is_taken_for_localhost_unless_it_is(text: str) -> None:
    """Whatever stands around the name."""
    if host_name(text) == "localhost":
        bare = text.strip().lower()
        assert bare.startswith(("localhost", "[localhost]"))
        assert bare.removeprefix("[").removeprefix("localhost").removeprefix("]").removeprefix(".")[:1] in ("", ":")


async def test_other_paths_are_handed_on_with_the_requests_id(bench: Bench) -> None:
    """Given or made."""
    assert (await ask(bench.door(), method="GET", x_request_id="r-1")).body == b"r-1"
    made = {(await ask(bench.door(), method="GET", x_request_id="no good")).body for _ in range(3)}
    assert len(made) == 3


async def test_nothing_but_http_is_answered(bench: Bench) -> None:
    """A lifespan or a websocket is none of ours."""

    async def never(*_: Any) -> None:
        raise AssertionError("nothing to say")

    await bench.door()({"type": "lifespan"}, never, never)
