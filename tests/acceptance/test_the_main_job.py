"""The CRM seed's two documents, a real daemon, a real mail server, an SMS gateway and a webhook sink."""

import email
import json
from collections.abc import AsyncIterator, Callable
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from support.daemon import DaemonProcess, until
from support.receivers import Mailbox, Receiver, serve_http, serve_mail

DONE = {
    "name": "job.status.changed",
    "timestamp": "2025-07-06T21:42:00Z",
    "accountId": "acc_12345",
    "payload": {
        "job": {
            "id": "job_abc123",
            "number": "J-5541",
            "status": "Done",
            "client": {"name": "John Smith"},
            "assignedTechnician": {"name": "Jane Doe", "phone": "+15557654321"},
        }
    },
}
CREATED = {
    "type": "job.created",
    "id": "created-1",
    "account": "acc_12345",
    "data": {"job": {"id": "j9", "number": "J-9", "total": 2500, "client": {"name": "ACME", "type": "Commercial"}}},
}
SEEDS = Path(__file__).parent / "seeds"


@pytest.fixture
async def sink() -> AsyncIterator[Receiver]:
    """An HTTP server that stands for the SMS gateway and the CRM's webhook."""
    async with serve_http() as made:
        yield made


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with serve_mail() as made:
        yield made


@pytest.fixture
def crm(make_daemon: Callable[..., DaemonProcess], sink: Receiver, mailbox: Mailbox) -> DaemonProcess:
    """A daemon on the seed's two documents, with notifiers that lead to the receivers."""
    daemon = make_daemon(
        config={
            "egress": {"allow": [f"127.0.0.1:{sink.port}"]},
            "notifiers": {
                "email": {
                    "transport": "smtp",
                    "host": "127.0.0.1",
                    "port": mailbox.port,
                    "tls": "none",
                    "from": "Autoflow <autoflow@example.com>",
                },
                "sms": {"transport": "http", "url": f"{sink.url}/api/v1/sms"},
                "webhook": {"secret": "secret://env/WEBHOOK_SECRET"},
            },
        },
        environment={"WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    )
    notify = json.loads((SEEDS / "notify-technician.json").read_text())
    alert = json.loads((SEEDS / "high-value-job.json").read_text())
    # The document's URL is a Markdown link, which is refused; here it leads to the sink.
    alert["actions"][1]["params"]["url"] = f"{sink.url}/new-lead"
    daemon.write_rule("notify.json", json.dumps(notify))
    daemon.write_rule("alert.json", json.dumps(alert))
    templates = daemon.home / "templates"
    templates.mkdir()
    (templates / "new-high-value-job-template.txt").write_text("Job {{ job.number }} is worth {{ job.total }}.\n")
    (templates / "new-high-value-job-template.html").write_text("<p>Job {{ job.number }}</p>\n")
    return daemon


def header(received: Any, name: str) -> str:
    """One header of a request."""
    return received.headers[name]


async def test_the_seeds_two_rules_do_what_they_say(crm: DaemonProcess, sink: Receiver, mailbox: Mailbox) -> None:
    """The SMS waits five minutes; the mail and the webhook go out at once; each with its key and metadata."""
    crm.arguments = ["--stdin", "--ack"]
    await crm.start()
    answer = await crm.post(DONE)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    [waiting] = (await crm.get("/v1/pending"))["items"]
    assert waiting["event_type"] == "job.status.changed"
    assert sink.requests == []

    assert crm.process is not None
    assert crm.process.stdin is not None
    crm.process.stdin.write(json.dumps(CREATED).encode() + b"\n")
    await crm.process.stdin.drain()
    await until(lambda: b'"created-1"' in crm.stdout)
    ack = json.loads(crm.stdout.splitlines()[0])
    assert (ack["line"], ack["id"], ack["status"]) == (1, "created-1", "accepted")

    await until(lambda: mailbox.envelopes and sink.requests, log=crm.log)
    [envelope] = mailbox.envelopes
    mail = email.message_from_bytes(envelope.content, policy=default)
    assert envelope.rcpt_tos == ["manager@CRM.com"]
    assert mail["Subject"] == "New High-Value Job: #J-9"
    assert mail.get_body(("plain",)).get_content().strip() == "Job J-9 is worth 2500."
    assert "<p>Job J-9</p>" in mail.get_body(("html",)).get_content()

    [hook] = sink.requests
    assert hook.path == "/new-lead"
    assert json.loads(hook.body) == {
        "source": "CRM Automation", "jobId": "j9", "clientName": "ACME", "value": "2500",
    }  # fmt: skip
    assert header(hook, "idempotency-key") == header(hook, "webhook-id")
    assert header(hook, "webhook-signature").startswith("v1,")
    assert header(hook, "x-autoflow-attempt") == "1"
    assert header(hook, "user-agent").startswith("autoflow/")

    assert (await crm.act(f"/v1/pending/{waiting['id']}/run-now")).status_code == 200
    await until(lambda: len(sink.requests) == 2)
    sms = sink.requests[1]
    body = json.loads(sms.body)
    assert body["recipient"] == "+15557654321"
    assert body["message"] == "Hi Jane Doe, job #J-5541 for John Smith has been completed."
    assert body["metadata"]["accountId"] == "acc_12345"
    assert body["metadata"]["triggerId"] == waiting["run"]
    assert header(sms, "idempotency-key") != header(hook, "idempotency-key")
    keys = {header(one, "idempotency-key") for one in sink.requests}
    assert mail["Message-ID"].strip("<>").split("@")[0] not in keys
    assert await crm.stop() == 0


async def test_what_waits_when_the_daemon_is_killed_goes_out_once_each_after_its_start(
    crm: DaemonProcess, sink: Receiver
) -> None:
    """SIGKILL while triggers wait; what was due meanwhile runs at once, every message once, under one key."""
    delayed = json.loads((SEEDS / "notify-technician.json").read_text()) | {"delay": {"value": 5, "unit": "seconds"}}
    crm.write_rule("notify.json", json.dumps(delayed))
    await crm.start()
    events = []
    for number in range(20):
        events.append(json.loads(json.dumps(DONE)) | {"id": f"e{number}"})
        events[-1]["payload"]["job"]["assignedTechnician"]["phone"] = f"+1555765{number:04}"
    assert (await crm.post(events)).json()["accepted"] == 20
    await crm.kill()
    assert sink.requests == []
    await crm.start()
    await until(lambda: len(sink.requests) >= 20)
    await until(lambda: _nothing_waits(crm))
    recipients = [json.loads(one.body)["recipient"] for one in sink.requests]
    assert sorted(recipients) == [f"+1555765{number:04}" for number in range(20)]
    assert len({header(one, "idempotency-key") for one in sink.requests}) == 20
    assert await crm.stop() == 0


async def _nothing_waits(daemon: DaemonProcess) -> bool:
    return (await daemon.get("/v1/pending"))["items"] == []


async def test_a_kill_while_sending_repeats_with_the_same_key(crm: DaemonProcess, sink: Receiver) -> None:
    """The answer was hidden by the kill: the message may come twice, and carries its key."""
    import asyncio

    held = asyncio.Event()

    async def hold(_request: web.Request) -> web.StreamResponse:
        await held.wait()
        return web.Response(status=200)

    sink.reply = hold
    immediate = json.loads((SEEDS / "notify-technician.json").read_text()) | {
        "delay": {"value": 0, "unit": "minutes"}
    }
    crm.write_rule("notify.json", json.dumps(immediate))
    await crm.start()
    await crm.post(DONE)
    await until(lambda: sink.requests)
    await crm.kill()
    held.set()
    sink.reply = None
    await crm.start()
    await until(lambda: len(sink.requests) == 2)
    first, second = sink.requests
    assert header(first, "idempotency-key") == header(second, "idempotency-key")
    assert (header(first, "x-autoflow-attempt"), header(second, "x-autoflow-attempt")) == ("1", "2")
    assert await crm.stop() == 0
