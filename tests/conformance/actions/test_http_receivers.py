"""The actions that speak HTTP, against real servers that answer well, badly, slowly, without end, or not at all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import struct
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from autoflow.actions.responses import Profile, Verdict, judge_status
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from autoflow.security.egress import EgressGuard
from autoflow.security.outgoing import BODY_CAP
from support.receivers import KEY, NOW, Authority, Bench, Receiver, loopback, make_request

HOOK = {"payload": {"jobId": "j1", "value": 2000.0}}


async def post(bench: Bench, url: str, *, timeout_ms: int = 10_000, **params: Json) -> Outcome:
    """One webhook to this address."""
    action = bench.build(timeout_ms=timeout_ms)["webhook"]
    return await action.perform(make_request({**HOOK, "url": url, **params}))


async def test_a_webhook_as_it_is_sent(bench: Bench, receiver: Receiver) -> None:
    """Method, headers, body and signature as the contract has them."""
    outcome = await post(
        bench, f"{receiver.url}/new-lead?a=1", secret="secret://env/KEY", headers={"X-Team": "north"}
    )
    assert outcome == Delivered(output={"status": 200})
    (got,) = receiver.requests
    assert (got.method, got.path) == ("POST", "/new-lead?a=1")
    assert got.body == b'{"jobId":"j1","value":2000.0}'
    assert got.headers["content-type"] == "application/json"
    assert got.headers["idempotency-key"] == got.headers["webhook-id"] == KEY
    assert got.headers["webhook-timestamp"] == str(NOW // 1000)
    assert got.headers["accept-encoding"] == "identity"
    assert got.headers["x-team"] == "north"
    assert got.headers["x-autoflow-rule"] == "notify-technician"
    assert got.headers["x-autoflow-run"] == "run-1"
    assert got.headers["x-autoflow-account"] == "acc_12345"
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = f"{KEY}.{NOW // 1000}.".encode() + got.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"


async def test_a_webhook_without_a_secret_is_unsigned_and_a_notifier_s_secret_signs(
    bench: Bench, receiver: Receiver
) -> None:
    """The config's secret, or a list of them while keys change, signs what the rule does not."""
    await post(bench, receiver.url)
    assert "webhook-signature" not in receiver.requests[0].headers
    notifier = Notifier(
        name="webhook", type="webhook", transport="http", options={"secret": ["secret://env/KEY", "old key"]}
    )
    await bench.build(notifier)["webhook"].perform(make_request({**HOOK, "url": receiver.url}))
    assert len(receiver.requests[1].headers["webhook-signature"].split(" ")) == 2


STATUSES = [200, 202, 204, 301, 302, 304, 308, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425, 429]
STATUSES += [500, 501, 502, 503, 504, 505, 520, 530]


@pytest.mark.parametrize("kind", ["webhook", "http"])
@pytest.mark.parametrize("status", STATUSES)
async def test_each_status_has_its_class(kind: str, status: int, bench: Bench, receiver: Receiver) -> None:
    """A real answer leads to the outcome of the class table, and carries the status in its code."""
    receiver.status, receiver.body = status, b"" if status in (204, 304) else b"why"
    receiver.headers = {"Location": "http://127.0.0.1:1/"} if 300 < status < 400 else {}
    params = {"url": receiver.url, "payload": {}, **({"method": "POST"} if kind == "http" else {})}
    outcome = await bench.build()[kind].perform(make_request(params))
    verdict = judge_status(status, Profile.DELIVERY if kind == "webhook" else Profile.API)
    assert type(outcome) is {Verdict.DONE: Delivered, Verdict.RETRY: Retry, Verdict.REJECT: Reject}[verdict]
    if isinstance(outcome, Retry | Reject):
        assert outcome.code == ("redirect-not-followed" if 300 < status < 400 else f"http-{status}")
    assert len(receiver.requests) == 1


async def test_retry_after_is_passed_on(bench: Bench, receiver: Receiver) -> None:
    """The wait that the receiver asks for reaches the outcome."""
    receiver.status, receiver.headers = 429, {"Retry-After": "7"}
    outcome = await post(bench, receiver.url)
    assert isinstance(outcome, Retry)
    assert outcome.after == 7_000


async def test_redirects_are_not_followed(bench: Bench, receiver: Receiver) -> None:
    """Not even to the same server: one request arrives."""
    receiver.status, receiver.headers = 307, {"Location": f"{receiver.url}/elsewhere"}
    outcome = await post(bench, f"{receiver.url}/first")
    assert isinstance(outcome, Reject)
    assert [one.path for one in receiver.requests] == ["/first"]


async def test_cookies_are_not_kept(bench: Bench, receiver: Receiver) -> None:
    """What one receiver sets is not sent again."""
    receiver.headers = {"Set-Cookie": "id=1; Path=/"}
    action = bench.build()["webhook"]
    for _ in range(2):
        await action.perform(make_request({**HOOK, "url": receiver.url}))
    assert "cookie" not in receiver.requests[1].headers


async def test_proxy_settings_of_the_environment_are_ignored(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would hide the address from the guard; the request goes straight to its host."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert await post(bench, receiver.url) == Delivered(output={"status": 200})


async def serve_raw(answer: bytes | None) -> tuple[asyncio.Server, str]:
    """A server that answers each connection with these bytes, or with a reset."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            made = writer.get_extra_info("socket")
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (None, {"reset"}),
        (b"", {"reset"}),
        (b"SSH-2.0-OpenSSH_9.9\r\n", {"bad-answer"}),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_048_576 + b"\r\n\r\n", {"bad-answer", "reset"}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", {"reset"}),
    ],
)
async def test_broken_answers_are_retries(answer: bytes | None, codes: set[str], bench: Bench) -> None:
    """A reset, another protocol, endless headers and half an answer may pass."""
    server, url = await serve_raw(answer)
    outcome = await post(bench, url)
    server.close()
    await server.wait_closed()
    assert isinstance(outcome, Retry)
    assert outcome.code in codes


async def test_a_slow_drip_ends_at_the_deadline(bench: Bench, receiver: Receiver) -> None:
    """The deadline holds for the whole answer, not for each byte."""
    ended = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(0.01)  # a byte now and then: never silent, never done
        finally:
            ended.set()

    receiver.reply = drip
    outcome = await post(bench, receiver.url, timeout_ms=150)
    assert isinstance(outcome, Retry)
    assert outcome.code == "timeout"
    await ended.wait()


async def test_an_endless_body_is_read_to_its_cap_only(bench: Bench, receiver: Receiver) -> None:
    """64 KiB are kept, the status counts, and the connection is dropped."""
    ended = asyncio.Event()

    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            ended.set()

    receiver.reply = pour
    outcome = await bench.build()["http"].perform(make_request({"url": receiver.url}))
    assert isinstance(outcome, Delivered)
    assert outcome.output["truncated"] is True
    assert len(outcome.output["body"]) == BODY_CAP
    await ended.wait()


async def test_a_compressed_body_is_not_expanded(bench: Bench, receiver: Receiver) -> None:
    """A small answer cannot become a large one."""
    receiver.headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    receiver.body = b"\x1f\x8b not expanded"
    outcome = await bench.build()["http"].perform(make_request({"url": receiver.url}))
    assert isinstance(outcome, Delivered)
    assert "not expanded" in outcome.output["body"]


async def test_an_http_action_keeps_the_answer(bench: Bench, receiver: Receiver) -> None:
    """Method, query and body are sent as written; status, headers and the parsed body are kept."""
    params = {"url": f"{receiver.url}/a%2Fb?x=1", "query": {"q": "ü&"}, "method": "PUT", "payload": [1, None]}
    outcome = await bench.build()["http"].perform(make_request(params))
    (got,) = receiver.requests
    assert (got.method, got.path, got.body) == ("PUT", "/a%2Fb?x=1&q=%C3%BC%26", b"[1,null]")
    assert got.headers["idempotency-key"] == KEY
    assert isinstance(outcome, Delivered)
    assert outcome.output["status"] == 200
    assert outcome.output["body"] == {"id": "m1"}
    assert outcome.output["headers"]["content-type"] == "application/json"


async def test_a_get_has_no_body_and_needs_no_key(bench: Bench, receiver: Receiver) -> None:
    """GET is the default; asking twice does no harm."""
    receiver.headers, receiver.body = {"Content-Type": "text/plain"}, b"plain"
    outcome = await bench.build()["http"].perform(make_request({"url": receiver.url}))
    (got,) = receiver.requests
    assert (got.method, got.body) == ("GET", b"")
    assert "idempotency-key" not in got.headers
    assert isinstance(outcome, Delivered)
    assert outcome.output["body"] == "plain"


async def test_expected_statuses_decide(bench: Bench, receiver: Receiver) -> None:
    """A 404 that is expected is fine; a 204 that is not is final."""
    receiver.status = 404
    action = bench.build()["http"]
    assert isinstance(await action.perform(make_request({"url": receiver.url, "expect": [200, 404]})), Delivered)
    receiver.status, receiver.body = 204, b""
    outcome = await action.perform(make_request({"url": receiver.url, "expect": "200"}))
    assert outcome == Reject(code="unexpected-status", detail="status 204")


async def test_sms_through_twilio(bench: Bench, receiver: Receiver) -> None:
    """The form of Twilio's Messages resource; its error codes name the outcome."""
    options = {"base_url": receiver.url, "account_sid": "AC1", "auth_token": "tok", "from": "+15550001111"}
    action = bench.build(Notifier(name="sms", type="sms", transport="twilio", options=options))["sms"]
    receiver.status, receiver.body = 201, b'{"sid": "SM1"}'
    params = {"recipient": "+1 555 765 4321", "message": "Hi Jane, job #J-5541 & more"}
    assert await action.perform(make_request(params)) == Delivered(output={"message_id": "SM1", "status": 201})
    (got,) = receiver.requests
    assert (got.method, got.path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
    assert parse_qs(got.body.decode()) == {
        "To": ["+15557654321"],
        "From": ["+15550001111"],
        "Body": ["Hi Jane, job #J-5541 & more"],
    }
    assert base64.b64decode(got.headers["authorization"].removeprefix("Basic ")) == b"AC1:tok"
    receiver.status, receiver.body = 400, b'{"code": 21211, "message": "Invalid To"}'
    rejected = await action.perform(make_request(params))
    assert isinstance(rejected, Reject)
    assert rejected.code == "twilio-21211"
    receiver.status, receiver.body = 429, b'{"code": 20429, "message": "Too many"}'
    retried = await action.perform(make_request(params))
    assert isinstance(retried, Retry)
    assert retried.code == "twilio-20429"


async def test_sms_through_a_gateway(bench: Bench, receiver: Receiver) -> None:
    """The CRM's notification interface: recipient, message and metadata, nothing else."""
    options = {"url": f"{receiver.url}/api/v1/sms", "token": "secret://env/KEY", "headers": {"X-Team": "north"}}
    action = bench.build(Notifier(name="sms", type="sms", transport="http", options=options))["sms"]
    message = "Hi Jane Doe, job #J-5541 for John Smith has been completed."
    outcome = await action.perform(make_request({"recipient": "+15557654321", "message": message}))
    assert outcome == Delivered(output={"message_id": "m1", "status": 200})
    (got,) = receiver.requests
    assert got.path == "/api/v1/sms"
    assert json.loads(got.body) == {
        "recipient": "+15557654321",
        "message": message,
        "metadata": {
            "source": "autoflow",
            "ruleId": "notify-technician",
            "triggerId": "run-1",
            "accountId": "acc_12345",
        },
    }
    assert got.headers["authorization"].startswith("Bearer whsec_")
    assert got.headers["x-team"] == "north"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0"])
async def test_no_spelling_of_this_machine_gets_through(host: str, bench: Bench, receiver: Receiver) -> None:
    """Whatever the address looks like, nothing arrives, and it is final."""
    action = bench.build(guard=EgressGuard())["webhook"]
    outcome = await action.perform(make_request({**HOOK, "url": f"http://{host}:{receiver.port}/"}))
    assert isinstance(outcome, Reject)
    assert outcome.code == "egress"
    assert receiver.requests == []


async def test_a_name_that_changes_its_address_is_judged_at_connect(bench: Bench, receiver: Receiver) -> None:
    """Rebinding: outside when first asked, inside when it is connected to."""
    answers = [["1.1.1.1"], ["127.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    guard = EgressGuard()
    await guard.resolve("rebind.test", receiver.port, resolver=rebinding)
    action = bench.build(guard=guard, resolver=rebinding)["webhook"]
    outcome = await action.perform(make_request({**HOOK, "url": f"http://rebind.test:{receiver.port}/"}))
    assert isinstance(outcome, Reject)
    assert outcome.code == "egress"
    assert answers == []
    assert receiver.requests == []


async def test_one_inside_address_among_several_refuses_the_name(bench: Bench, receiver: Receiver) -> None:
    """Also when several addresses would be tried side by side."""

    async def mixed(_host: str, _port: int) -> list[str]:
        return ["1.1.1.1", "127.0.0.1", "2606:4700::1"]

    action = bench.build(guard=EgressGuard(), resolver=mixed)["webhook"]
    outcome = await action.perform(make_request({**HOOK, "url": f"http://mixed.test:{receiver.port}/"}))
    assert isinstance(outcome, Reject)
    assert outcome.code == "egress"
    assert receiver.requests == []


async def test_an_allowed_name_keeps_its_host_header(bench: Bench, receiver: Receiver) -> None:
    """The connection is pinned to the judged address; the request still names the host."""
    guard = EgressGuard([f"hooks.lan:{receiver.port}"])
    action = bench.build(guard=guard, resolver=loopback)["webhook"]
    outcome = await action.perform(make_request({**HOOK, "url": f"http://hooks.lan:{receiver.port}/x"}))
    assert outcome == Delivered(output={"status": 200})
    assert receiver.requests[0].headers["host"] == f"hooks.lan:{receiver.port}"


async def test_the_config_s_own_host_serves_its_notifier_only(bench: Bench, receiver: Receiver) -> None:
    """A gateway inside takes the notifier's messages; a rule's webhook to it is refused, also afterwards."""
    options = {"url": f"http://sms.lan:{receiver.port}/"}
    guard = EgressGuard(trusted=[f"sms.lan:{receiver.port}"])
    notifier = Notifier(name="sms", type="sms", transport="http", options=options)
    actions = bench.build(notifier, guard=guard, resolver=loopback)
    sent = await actions["sms"].perform(make_request({"recipient": "+15557654321", "message": "x"}))
    assert isinstance(sent, Delivered)
    outcome = await actions["webhook"].perform(make_request({**HOOK, "url": f"http://sms.lan:{receiver.port}/"}))
    assert isinstance(outcome, Reject)
    assert outcome.code == "egress"
    assert len(receiver.requests) == 1


async def test_an_unknown_name_is_a_retry(bench: Bench) -> None:
    """A look-up that fails may work later."""

    async def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    action = bench.build(resolver=unknown)["webhook"]
    outcome = await action.perform(make_request({**HOOK, "url": "http://nowhere.test/"}))
    assert isinstance(outcome, Retry)
    assert outcome.code == "dns"


async def test_certificates_are_checked_against_the_name(bench: Bench, authority: Authority) -> None:
    """The right name passes, another name is final, an unknown authority may be mended."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server)
    await site.start()
    port = runner.addresses[0][1]
    guard = EgressGuard(["mail.test", "other.test"])
    trusting = bench.build(guard=guard, resolver=loopback, tls=authority.client)["webhook"]
    doubting = bench.build(guard=guard, resolver=loopback)["webhook"]
    good = await trusting.perform(make_request({**HOOK, "url": f"https://mail.test:{port}/"}))
    wrong = await trusting.perform(make_request({**HOOK, "url": f"https://other.test:{port}/"}))
    unknown = await doubting.perform(make_request({**HOOK, "url": f"https://mail.test:{port}/"}))
    await runner.cleanup()
    assert good == Delivered(output={"status": 200})
    assert isinstance(wrong, Reject)
    assert wrong.code == "certificate"
    assert isinstance(unknown, Retry)
    assert unknown.code == "tls"
