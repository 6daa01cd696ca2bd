"""What every action promises: one key, an outcome whatever happens, nothing past the guard, nothing injected."""

from __future__ import annotations

import asyncio
import json
import socket
from email import message_from_bytes, policy

import pytest

from autoflow.actions.base import Action
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.model.run import Delivered, Reject, Retry
from autoflow.security.egress import EgressGuard
from support.receivers import KEY, Bench, Receiver, make_request, serve_mail

ALL = ["webhook", "http", "emit", "log", "sms-twilio", "sms-http", "sms-outbox", "email-smtp", "email-outbox"]
NETWORKED = ["webhook", "http", "sms-twilio", "sms-http", "email-smtp"]
NOTIFYING = ["sms-twilio", "sms-http", "sms-outbox", "email-smtp", "email-outbox"]


def make_action(
    bench: Bench, name: str, port: int, *, guard: EgressGuard | None = None, timeout_ms: int = 10_000
) -> Action:
    """The action of this name, sending to a port of this machine."""
    url = f"http://127.0.0.1:{port}"
    options: dict[str, dict[str, Json]] = {
        "sms-twilio": {"base_url": url, "account_sid": "AC1", "auth_token": "tok", "from": "+15550001111"},
        "sms-http": {"url": f"{url}/api/v1/sms"},
        "email-smtp": {"host": "127.0.0.1", "port": port, "tls": "none", "from": "a@example.com"},
    }
    kind, _, transport = name.partition("-")
    notifiers = []
    if transport:
        notifiers.append(Notifier(name=kind, type=kind, transport=transport, options=options.get(name, {})))
    return bench.build(*notifiers, guard=guard, timeout_ms=timeout_ms)[kind]


def make_params(name: str, port: int, **changes: Json) -> dict[str, Json]:
    """Parameters that this action takes."""
    kinds: dict[str, dict[str, Json]] = {
        "webhook": {"url": f"http://127.0.0.1:{port}/hook", "payload": {"jobId": "j1"}},
        "http": {"url": f"http://127.0.0.1:{port}/api", "method": "POST", "payload": {"jobId": "j1"}},
        "emit": {"type": "job.escalated", "data": {"n": 1}},
        "log": {"message": "done"},
        "sms": {"recipient": "+15557654321", "message": "Hi Jane"},
        "email": {"recipient": "jane@example.com", "subject": "Done", "message": "Hi Jane"},
    }
    return {**kinds[name.partition("-")[0]], **changes}


@pytest.mark.parametrize("name", NETWORKED)
async def test_the_key_is_the_same_on_every_attempt(name: str, bench: Bench, receiver: Receiver) -> None:
    """What a receiver can recognise a repetition by does not change with the attempt."""
    async with serve_mail() as mailbox:
        port = mailbox.port if name == "email-smtp" else receiver.port
        action = make_action(bench, name, port)
        for attempt in (1, 2):
            outcome = await action.perform(make_request(make_params(name, port), attempt=attempt))
            assert isinstance(outcome, Delivered)
        if name == "email-smtp":
            mails = [message_from_bytes(one.content, policy=policy.default) for one in mailbox.envelopes]
            assert [mail["Message-ID"] for mail in mails] == [f"<{KEY}@example.com>"] * 2
        else:
            assert [one.headers["idempotency-key"] for one in receiver.requests] == [KEY, KEY]
            assert [one.headers["x-autoflow-attempt"] for one in receiver.requests] == ["1", "2"]
            assert {one.headers["user-agent"] for one in receiver.requests} == {"autoflow/1.2.3"}


@pytest.mark.parametrize("name", NETWORKED)
async def test_nothing_reaches_an_inside_address(name: str, bench: Bench) -> None:
    """Without leave no packet is sent: the listener sees no connection, and the outcome is final."""
    connections: list[object] = []

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    action = make_action(bench, name, port, guard=EgressGuard())
    outcome = await action.perform(make_request(make_params(name, port)))
    # a connection that was made would be accepted before this one
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert isinstance(outcome, Reject)
    assert outcome.code == "egress"
    assert "egress.allow" in outcome.detail
    assert len(connections) == 1


@pytest.mark.parametrize("name", NETWORKED)
async def test_silence_is_a_retry(name: str, bench: Bench) -> None:
    """A receiver that takes the connection and says nothing is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        action = make_action(bench, name, port, timeout_ms=100)
        outcome = await action.perform(make_request(make_params(name, port)))
    assert isinstance(outcome, Retry)
    assert outcome.code == "timeout"


@pytest.mark.parametrize("name", NETWORKED)
async def test_a_closed_port_is_a_retry(name: str, bench: Bench) -> None:
    """A receiver that is down is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = await make_action(bench, name, port).perform(make_request(make_params(name, port)))
    assert isinstance(outcome, Retry)
    assert outcome.code == "connect"


@pytest.mark.parametrize("name", NOTIFYING)
@pytest.mark.parametrize("recipient", ["", "  ", None, [], [None, ""]])
async def test_nobody_to_tell_is_final_and_sends_nothing(
    name: str, recipient: Json, bench: Bench, receiver: Receiver
) -> None:
    """An empty recipient is found before anything is sent."""
    action = make_action(bench, name, receiver.port)
    params = make_params(name, receiver.port, recipient=recipient)
    outcome = await action.perform(make_request(params))
    assert isinstance(outcome, Reject)
    assert outcome.code == "empty-recipient"
    assert receiver.requests == []
    assert not (bench.state / "outbox").exists()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("webhook", {"headers": {"X": "a\r\nEvil: 1"}}),
        ("webhook", {"headers": {"X\r\nEvil": "1"}}),
        ("webhook", {"url": "http://127.0.0.1/\r\nEvil: 1"}),
        ("http", {"headers": {"X": "a\nEvil: 1"}}),
        ("http", {"method": "GET /\r\nEvil: 1"}),
        ("sms-twilio", {"recipient": "+1555\r\nEvil: 1"}),
        ("sms-http", {"recipient": "+1555\nEvil"}),
        ("email-smtp", {"subject": "a\r\nBcc: evil@example.com"}),
        ("email-smtp", {"recipient": "a@example.com\nBcc: evil@example.com"}),
        ("email-outbox", {"cc": "a@example.com\r\nEvil: 1"}),
    ],
)
async def test_line_breaks_cannot_become_headers(
    name: str, changes: dict[str, Json], bench: Bench, receiver: Receiver
) -> None:
    """Whatever ends a line in a header is refused for good, before anything is sent."""
    action = make_action(bench, name, receiver.port)
    outcome = await action.perform(make_request(make_params(name, receiver.port, **changes)))
    assert isinstance(outcome, Reject)
    assert receiver.requests == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("junk", [{}, None, 5, "text", ["list"], {"deep": [None, {"x": 1}]}])
async def test_odd_parameters_are_an_outcome(name: str, junk: Json, bench: Bench, receiver: Receiver) -> None:
    """An action never raises, whatever its parameters hold."""
    action = make_action(bench, name, receiver.port, timeout_ms=100)
    normal = make_params(name, receiver.port)
    for key in normal:
        outcome = await action.perform(make_request({**normal, key: junk}))
        assert isinstance(outcome, Delivered | Retry | Reject)
    assert isinstance(await action.perform(make_request({})), Delivered | Retry | Reject)
    action.target({})
    action.target({"url": junk})


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("webhook", "http://"), ("http", "http://"), ("sms-http", "http://"), ("email-smtp", "smtp:")],
)
async def test_the_target_names_host_and_port(name: str, scheme: str, bench: Bench, receiver: Receiver) -> None:
    """Slots are shared out by it."""
    action = make_action(bench, name, receiver.port)
    assert action.target(make_params(name, receiver.port)) == f"{scheme}127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("name", ["emit", "log", "sms-outbox", "email-outbox"])
async def test_what_sends_nothing_out_has_no_target(name: str, bench: Bench) -> None:
    """It takes no slot of a host."""
    assert make_action(bench, name, 1).target(make_params(name, 1)) is None


async def test_secrets_stay_out_of_outcomes(bench: Bench, receiver: Receiver) -> None:
    """A receiver that echoes a secret cannot bring it into the history."""
    receiver.status, receiver.body = 400, b"bad key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    params = make_params("webhook", receiver.port, headers={"Authorization": "Bearer secret://env/KEY"})
    outcome = await make_action(bench, "webhook", receiver.port).perform(make_request(params))
    assert receiver.requests[0].headers["authorization"].startswith("Bearer whsec_")
    assert outcome == Reject(code="http-400", detail="status 400: bad key ***")
    missing = make_params("webhook", receiver.port, headers={"X": "secret://env/NOPE"})
    outcome = await make_action(bench, "webhook", receiver.port).perform(make_request(missing))
    assert isinstance(outcome, Reject)
    assert outcome.code == "secret"


async def test_the_outbox_keeps_one_file_a_message(bench: Bench) -> None:
    """Whole files named after the key, shown on the terminal; a repeated attempt leaves one."""
    for name in ("sms-outbox", "email-outbox"):
        action = make_action(bench, name, 1)
        for attempt in (1, 2):
            await action.perform(make_request(make_params(name, 1), attempt=attempt))
    outbox = bench.state / "outbox"
    assert sorted(path.name for path in outbox.iterdir()) == [f"{KEY}.eml", f"{KEY}.json"]
    written = json.loads((outbox / f"{KEY}.json").read_text())
    assert written["recipient"] == "+15557654321"
    assert written["message"] == "Hi Jane"
    assert written["metadata"] == {
        "source": "autoflow",
        "ruleId": "notify-technician",
        "triggerId": "run-1",
        "accountId": "acc_12345",
    }
    mail = message_from_bytes((outbox / f"{KEY}.eml").read_bytes(), policy=policy.default)
    assert mail["To"] == "jane@example.com"
    assert "sms to +15557654321:\n  Hi Jane" in bench.shown[0]
    assert "email to jane@example.com: Done\n  Hi Jane" in bench.shown[2]
    paragraphs = {**make_params("sms-outbox", 1), "message": "Hi\n\nJane"}
    await make_action(bench, "sms-outbox", 1).perform(make_request(paragraphs))
    assert "\n  Hi\n\n  Jane\n" in bench.shown[-1]


async def test_log_writes_its_line(bench: Bench) -> None:
    """The message and who wrote it."""
    await make_action(bench, "log", 1).perform(make_request({"message": "done"}))
    ((message, who),) = bench.logged
    assert message == "done"
    assert who["rule_id"] == "notify-technician"


def test_notifiers_are_found_by_type_and_by_name(bench: Bench) -> None:
    """The one called like its type is the default, else the first; webhook, http, emit and log are always there."""
    box = {"type": "email", "transport": "outbox"}
    first, second = Notifier(name="sales", **box), Notifier(name="support", **box)
    actions = bench.build(first, second)
    assert actions["email"] is actions["email:sales"]
    assert actions["email:support"] is not actions["email"]
    assert {"webhook", "http", "emit", "log"} <= actions.keys()
    assert "sms" not in actions
    actions = bench.build(first, Notifier(name="email", **box), second)
    assert actions["email"] is actions["email:email"]
