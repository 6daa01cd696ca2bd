"""The doors of a real daemon under attack: what is refused says why, and leaves nothing behind."""

import asyncio
import json
import os
import resource
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autoflow.intake.socket_path import socket_path
from autoflow.security.auth import make_token
from support.daemon import DaemonProcess, run_command, until

BAD = Path(__file__).parent / "bad_events"
GOOD = b'{"type":"job.created","id":"good"}'
RULE = """
id: greet
trigger: {event: job.created}
actions:
  - log: {message: "a job was created"}
"""


def count_kept(daemon: DaemonProcess) -> list[int]:
    """How many events, keys of events, pending triggers and runs are in the database."""
    connection = sqlite3.connect(f"file:{daemon.state / 'autoflow.db'}?mode=ro", uri=True)
    try:
        tables = ("events", "event_keys", "pending_triggers", "runs")
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    finally:
        connection.close()


async def talk(daemon: DaemonProcess, *parts: bytes) -> bytes:
    """Everything that the door says to these bytes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port, limit=1 << 24)
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


def head(daemon: DaemonProcess, *lines: str, method: str = "POST", target: str = "/v1/events") -> bytes:
    """A request's head with the token; its connection closes with the answer."""
    told = [
        f"{method} {target} HTTP/1.1", f"host: 127.0.0.1:{daemon.port}", f"authorization: Bearer {daemon.token}",
        "content-type: application/json", "connection: close", *lines,
    ]  # fmt: skip
    return "\r\n".join([*told, "", ""]).encode()


def problem_in(answer: bytes) -> dict[str, Any]:
    """The problem in what a door said."""
    top, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in top.lower(), answer
    problem: dict[str, Any] = json.loads(body)
    assert problem["status"] == int(answer.split(b" ", 2)[1])
    return problem


async def ask(daemon: DaemonProcess, method: str, path: str, **headers: str) -> httpx2.Response:
    """A request with these headers only."""
    async with httpx2.AsyncClient() as client:
        return await client.request(method, daemon.base_url + path, headers=headers)


@pytest.fixture
async def door(daemon: DaemonProcess) -> DaemonProcess:
    """A running daemon with a rule that every good event would start."""
    daemon.write_rule("greet.yaml", RULE)
    await daemon.start()
    return daemon


async def test_bad_events_are_refused_with_their_place_and_leave_nothing(door: DaemonProcess) -> None:
    """Each file of bad_events: status, code and pointers as its table says, and a message for a person."""
    wrong = []
    for line in (BAD / "expected.txt").read_text().splitlines():
        name, media_type, status, code, *pointers = line.split()
        answer = await door.post((BAD / name).read_bytes(), content_type=media_type)
        problem = answer.json()
        told = [
            f"{error.get('line', '')}:{error['pointer']}".removeprefix(":") for error in problem.get("errors", ())
        ]
        seen = [str(answer.status_code), problem["code"], *(sorted(told) or ["-"])]
        if seen != [status, code, *sorted(pointers or ["-"])]:
            wrong.append((name, seen))
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert problem["detail"]
        assert len(problem["detail"]) < 300
        assert "Traceback" not in answer.text
    assert wrong == []
    assert count_kept(door) == [0, 0, 0, 0]
    assert (await door.post(GOOD)).json()["accepted"] == 1
    await until(lambda: count_kept(door)[0] == 1)


async def test_only_the_token_opens_the_door(door: DaemonProcess) -> None:
    """None, a wrong one, a mistyped one, another scheme, two of them; never in the URL; nothing is stored."""
    other, token = make_token(), door.token
    cases = [
        ({}, 401, None), ({"authorization": ""}, 401, None), ({"authorization": "Basic YTpi"}, 401, None),
        ({"authorization": "Bearer"}, 400, "invalid_request"),
        ({"authorization": "Bearer a b"}, 400, "invalid_request"),
        ({"authorization": f"Bearer {other}"}, 401, "invalid_token"),
        ({"authorization": f"Bearer {token[:-1]}"}, 401, "invalid_token"),
        ({"authorization": f"Bearer {token}\u00e9"}, 401, "invalid_token"),
        ({"authorization": f"Bearer {token},Bearer {token}"}, 400, "invalid_request"),
        ({"x-authorization": f"Bearer {token}"}, 401, None),
    ]  # fmt: skip
    async with httpx2.AsyncClient() as client:
        for headers, status, error in cases:
            sent = {name: value.encode("latin-1") for name, value in headers.items()}
            url = f"{door.base_url}/v1/events?access_token={token}"
            answer = await client.post(url, content=GOOD, headers={"content-type": b"application/json", **sent})
            challenge = answer.headers["www-authenticate"]
            assert (answer.status_code, answer.json()["code"]) == (status, "AF401"), headers
            assert challenge.startswith('Bearer realm="autoflow"')
            assert (f'error="{error}"' in challenge) if error else ("error=" not in challenge)
            assert token not in answer.text
    twice = head(door, f"authorization: Bearer {other}", f"content-length: {len(GOOD)}") + GOOD
    assert problem_in(await talk(door, twice))["status"] == 400
    for path in ("/v1/events", "/v1/rules", "/v1/nothing", "/"):
        assert (await ask(door, "GET", path)).status_code == 401
    assert count_kept(door) == [0, 0, 0, 0]
    lower = {"authorization": f"bearer {token}", "content-type": "application/json"}
    assert (await ask(door, "GET", "/v1/events", **lower)).status_code == 200
    assert stat.S_IMODE((door.state / "token").stat().st_mode) == 0o600
    assert token not in "".join(door.log)


async def test_probes_need_neither_token_nor_name(door: DaemonProcess) -> None:
    """A probe asks by address; metrics need a known name, as a web page could read rules' names there."""
    for path in ("/livez", "/readyz", "/healthz"):
        assert (await ask(door, "GET", path, host="10.1.2.3:8787")).status_code == 200
        assert (await ask(door, "HEAD", path)).content == b""
    assert (await ask(door, "GET", "/metrics")).status_code == 200
    assert (await ask(door, "GET", "/metrics", host="evil.example")).status_code == 403


async def test_web_pages_are_kept_out(make_daemon: Callable[..., DaemonProcess]) -> None:
    """Foreign names, foreign origins, types that a page may send without asking; also where no token is needed."""
    open_door = make_daemon()
    open_door.config = {
        "http": {"listen": f"127.0.0.1:{open_door.port}", "auth": "none", "allowed_hosts": ["Hooks.Example"]}
    }
    await open_door.start()
    plain = {"content-type": "application/json"}
    hosts = {
        "evil.example": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example:80": 403, "evil@localhost": 403,
        "[::1]evil.example": 403, "169.254.1.1": 403, "": 403, "127.0.0.1:1": 202, "localhost": 202,
        "LOCALHOST:99": 202,
        "localhost.": 202, "[::1]": 202, "[::1]:8787": 202, "hooks.example": 202, "hooks.example:443": 202,
    }  # fmt: skip
    async with httpx2.AsyncClient() as client:
        url = f"{open_door.base_url}/v1/events"
        for number, (host, status) in enumerate(hosts.items()):
            body = json.dumps({"type": "a.b", "id": str(number)})
            answer = await client.post(url, content=body, headers={**plain, "host": host})
            assert answer.status_code == status, host
            if status == 403:
                assert answer.json()["hint"] == "list the name under http.allowed_hosts in the config"
        for origin in ("https://evil.example", "null", open_door.base_url):
            answer = await client.post(url, content=GOOD, headers={**plain, "origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "AF403")
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await client.post(url, content=GOOD, headers={"content-type": media_type})
            assert answer.status_code == 415
        assert "access-control-allow-origin" not in (await client.options(url)).headers
    two = f"POST /v1/events HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\ncontent-length: {len(GOOD)}\r\n"
    answer = await talk(
        open_door, two.encode() + b"connection: close\r\ncontent-type: application/json\r\n\r\n" + GOOD
    )
    assert problem_in(answer)["status"] == 400
    without = b"POST /v1/events HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    assert problem_in(await talk(open_door, without))["status"] == 400
    taken = sum(status == 202 for status in hosts.values())
    assert count_kept(open_door)[:2] == [taken, taken]


async def test_wrong_methods_and_wrong_paths_are_told_apart(door: DaemonProcess) -> None:
    """405 with what is allowed, 404 for what is not there; HEAD is a GET without its body."""
    token = {"authorization": f"Bearer {door.token}"}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = await ask(door, method, "/v1/events", **token)
        assert (answer.status_code, answer.json()["code"]) == (405, "AF405")
        assert answer.headers["allow"] == "GET, HEAD, POST"
    refused = await ask(door, "POST", "/v1/rules", **token)
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    for path in ("/v1/nothing", "/v1/events/nobody", "/v1", "//v1/events", "/V1/events"):
        answer = await ask(door, "GET", path, **token)
        assert (answer.status_code, answer.json()["code"]) == (404, "AF404"), path
    listing = await ask(door, "HEAD", "/v1/events", **token)
    assert (listing.status_code, listing.content) == (200, b"")
    old = b"GET /v1/events HTTP/1.0\r\nauthorization: Bearer " + door.token.encode() + b"\r\n\r\n"
    assert (await talk(door, old)).startswith(b"HTTP/1.1 200")
    assert count_kept(door) == [0, 0, 0, 0]


async def test_what_is_too_large_is_refused_before_it_is_held(door: DaemonProcess) -> None:
    """By its told length, in chunks, by its head; the sender sees the answer though it goes on sending."""
    limit = 1 << 20
    padding = limit - len(b'{"type":"a.b","data":""}')
    assert (await door.post(b'{"type":"a.b","data":"' + b"x" * padding + b'"}')).status_code == 202
    answer = await door.post(b'{"type":"a.b","data":"' + b"x" * (padding + 1) + b'"}')
    assert (answer.status_code, answer.json()["code"]) == (413, "AF413")
    assert answer.headers["connection"] == "close"
    told = problem_in(await talk(door, head(door, f"content-length: {1 << 30}")))
    assert (told["status"], told["detail"]) == (413, "the body is larger than 1048576 bytes")
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    assert problem_in(await talk(door, head(door, "transfer-encoding: chunked"), *[chunk] * 64))["status"] == 413
    waiting = head(door, f"content-length: {limit + 1}", "expect: 100-continue")
    assert problem_in(await talk(door, waiting))["status"] == 413
    assert problem_in(await talk(door, head(door, "x: " + "y" * 40_000)))["status"] == 431
    assert problem_in(await talk(door, head(door, method="GET", target="/" + "a" * 9_000)))["status"] == 414
    assert count_kept(door)[0] == 1


async def test_packed_bodies_are_not_unpacked(door: DaemonProcess) -> None:
    """A small body may unpack to gigabytes: it is refused with what is taken instead."""
    for coding in ("gzip", "br", "identity", "deflate, gzip"):
        answer = await door.post(b"\x1f\x8b\x08\x00", **{"content-encoding": coding})
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    answer = await door.post(GOOD, content_type="application/xml")
    assert (answer.status_code, "application/json" in answer.headers["accept-post"]) == (415, True)
    assert count_kept(door) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "lines",
    [
        ("content-length: 34", "transfer-encoding: chunked"),
        ("content-length: 34", "content-length: 35"),
        ("transfer-encoding: chunked", "x y: z"),
        ("connection: upgrade", "upgrade: websocket", "content-length: 34"),
    ],
)
async def test_a_request_that_could_be_read_in_two_ways_is_read_in_none(
    door: DaemonProcess, lines: tuple[str, ...]
) -> None:
    """The bytes after it are no second request."""
    second = head(door, f"content-length: {len(GOOD)}") + GOOD
    answer = await talk(door, head(door, *lines) + b"0\r\n\r\n" + second)
    assert problem_in(answer)["status"] == 400
    assert answer.count(b"HTTP/1.1 400") == 1
    assert b"HTTP/1.1 2" not in answer
    assert count_kept(door) == [0, 0, 0, 0]


async def test_half_a_body_is_no_event(door: DaemonProcess) -> None:
    """Hanging up in the middle, resetting the connection, broken chunks, a body longer than told."""

    async def break_off(*parts: bytes, reset: bool) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        for part in parts:
            writer.write(part)
        await writer.drain()
        if reset:
            writer.transport.abort()
        writer.close()

    for reset in (False, True):
        await break_off(head(door, "content-length: 100"), GOOD, reset=reset)
        await break_off(head(door, "transfer-encoding: chunked"), b"%x\r\n" % len(GOOD), GOOD, b"\r\n", reset=reset)
    answer = await talk(
        door, head(door, "transfer-encoding: chunked"), b"%x\r\n" % len(GOOD), GOOD, b"\r\nrest\r\n\r\n"
    )
    assert problem_in(answer)["status"] == 400
    cut = await talk(door, head(door, "content-length: 20"), GOOD)
    assert problem_in(cut)["status"] == 400
    assert (await door.post(b'{"type":"job.created","id":"after"}')).json()["accepted"] == 1
    assert count_kept(door)[:2] == [1, 1]


async def test_requests_in_one_write_are_all_answered(door: DaemonProcess) -> None:
    """In their order, a refused one among them too."""
    keep = head(door, f"content-length: {len(GOOD)}").replace(b"connection: close\r\n", b"")
    bad = head(door, "content-length: 2").replace(b"connection: close\r\n", b"")
    answer = await talk(door, keep + GOOD + bad + b"{}" + head(door, f"content-length: {len(GOOD)}") + GOOD)
    statuses = [part.split(b" ", 1)[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"202", b"400", b"202"]
    assert answer.count(b'"accepted":1') == 1
    assert answer.count(b'"duplicates":1') == 1


async def test_a_crowd_of_silent_connections_keeps_nobody_out(door: DaemonProcess) -> None:
    """Two thousand of them, and half-sent requests among them: who has something to say is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_500:
        pytest.skip(f"two thousand connections need more than the {hard} open files of this machine")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_500), hard))
    crowd = []
    for number in range(2_000):
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        crowd.append(writer)
        if number % 2:
            writer.write(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\nx: ")
        if number % 500 == 499:
            body = json.dumps({"type": "job.created", "id": f"crowd-{number}"}).encode()
            assert (await door.post(body)).status_code == 202
    assert count_kept(door)[0] == 4
    for writer in crowd:
        writer.transport.abort()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_cloudevents_come_in_all_three_forms(door: DaemonProcess) -> None:
    """Structured, in a batch, and with the attributes in headers; the same id is the same event in each."""
    event = {"specversion": "1.0", "id": "c1", "source": "/crm", "type": "job.created", "data": {"job": {"total": 1}}}
    structured = await door.post(event, content_type="application/cloudevents+json; charset=utf-8")
    assert structured.json()["events"][0]["status"] == "accepted"
    batch = await door.post([event, {**event, "id": "c2"}], content_type="application/cloudevents-batch+json")
    assert (batch.json()["accepted"], batch.json()["duplicates"]) == (1, 1)
    headers = {"ce-specversion": "1.0", "ce-source": "/crm", "ce-type": "job.created"}
    binary = await door.post(event["data"], **headers, **{"ce-id": "Euro%20%E2%82%AC%20%F0%9F%98%80"})
    assert binary.json()["events"][0]["id"] == "Euro € 😀"
    again = await door.post(event["data"], **headers, **{"ce-id": "c2"})
    assert again.json()["duplicates"] == 1
    refused = await door.post(event["data"], **headers, **{"ce-id": "%C0%A0"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/id")
    assert count_kept(door)[0] == 3


async def test_an_idempotency_key_makes_a_repeated_request_a_duplicate(door: DaemonProcess) -> None:
    """Quoted as the draft has it, or plain."""
    first = await door.post({"type": "job.created"}, **{"idempotency-key": '"k-1"'})
    second = await door.post({"type": "job.created"}, **{"idempotency-key": "k-1"})
    assert first.json()["events"][0] | {"runs": None} == {
        "id": "k-1", "source": "autoflow", "status": "accepted", "runs": None,
    }  # fmt: skip
    assert second.json()["duplicates"] == 1
    several = await door.post([{"type": "job.created"}, {"type": "job.created"}], **{"idempotency-key": "k-2"})
    assert several.status_code == 400
    assert count_kept(door)[0] == 1


async def test_a_request_carries_its_id_through(door: DaemonProcess) -> None:
    """The sender's own where it is plain, else one of ours; in the answer, the problem and the log."""
    answer = await door.post(GOOD, **{"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    await until(lambda: any(line["request_id"] == "abc-1" for line in door.events_logged("intake.request")))
    bad = await door.post(b"{}", **{"x-request-id": "a b\tc"})
    assert bad.headers["x-request-id"] == bad.json()["request_id"] != "a b\tc"
    assert bad.headers["x-request-id"] != (await door.post(b"{}")).headers["x-request-id"]


async def test_what_a_connection_refuses_is_named_and_counted(door: DaemonProcess) -> None:
    """A request that never becomes one has an id in its answer and in the log, and is among those refused."""
    problem = problem_in(await talk(door, b"\x16\x03\x01"))
    long = problem_in(await talk(door, head(door, "x-request-id: mine", f"x: {'y' * 40_000}")))
    assert (problem["status"], long["status"], long["request_id"]) == (400, 431, "mine")
    ids = {problem["request_id"], "mine"}
    await until(lambda: ids == {line["request_id"] for line in door.events_logged("intake.refused")})
    metrics = (await ask(door, "GET", "/metrics")).text
    assert 'autoflow_events_received_total{result="invalid",transport="http"} 2.0' in metrics


CALLER = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgid(65534)
os.setuid(65534)
caller = socket.socket(socket.AF_UNIX)
try:
    caller.connect("autoflow.sock")
    caller.sendall(b"GET /v1/events HTTP/1.1\\r\\nhost: autoflow\\r\\nconnection: close\\r\\n\\r\\n")
    print("answered", caller.recv(1000))
except PermissionError:
    print("not let near")
except ConnectionError:
    print("hung up on")
"""


async def test_the_unix_socket_answers_its_owner_only(door: DaemonProcess) -> None:
    """By its mode, and by who is at the other end even where the mode was widened."""
    path = door.state / "autoflow.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    async with httpx2.AsyncClient(transport=transport, base_url="http://autoflow") as client:
        answer = await client.post("/v1/events", content=GOOD, headers={"content-type": "application/json"})
    assert answer.status_code == 202
    if os.getuid() != 0:
        pytest.skip("becoming somebody else needs root")

    async def call_as_nobody() -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-c", CALLER, str(door.state),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        assert process.returncode == 0, errors
        return output.decode().strip()

    assert await call_as_nobody() == "not let near"
    path.chmod(0o666)
    door.state.chmod(0o755)
    assert await call_as_nobody() in ("hung up on", "answered b''")
    assert "api.defect" not in "".join(door.log)
    assert "Traceback" not in "".join(door.log)


async def test_a_state_directory_with_a_long_path_works_like_any_other(
    make_daemon: Callable[..., DaemonProcess], tmp_path: Path
) -> None:
    """Commands find its daemon from wherever they are called, and the socket is gone at the end."""
    home = tmp_path / ("a-rather-long-name-" * 5) / ("and-another-one-" * 3)
    daemon = make_daemon(home=home)
    home.mkdir(parents=True)
    await daemon.start()
    code, output, errors = await run_command(home, "emit", "job.created", "--id", "far", XDG_RUNTIME_DIR="/nowhere")
    assert (code, output) == (0, "far\n"), errors
    place = socket_path(daemon.state)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert await daemon.stop() == 0
    assert not place.exists()
    place.parent.rmdir()


async def test_standard_input_takes_what_is_good_and_tells_what_is_not(daemon: DaemonProcess) -> None:
    """Acks by line after the commit; a bad last line makes the exit code 1 and costs no other line."""
    lines = [
        GOOD,
        b"nonsense",
        GOOD,
        b'{"type":"a.b","data":"' + b"x" * (2 << 20) + b'"}',
        b'{"type":"a.b","id":"2"}',
    ]
    (daemon.home / "rules").mkdir(parents=True)
    code, output, errors = await run_command(
        daemon.home, "run", "--listen", "none", "--stdin", "--ack", "--once", stdin=b"\n".join(lines)
    )
    acks = {ack["line"]: ack for ack in map(json.loads, output.splitlines())}
    assert code == 1
    assert [acks[line]["status"] for line in range(1, 6)] == [
        "accepted", "refused", "duplicate", "refused", "accepted",
    ]  # fmt: skip
    assert (acks[2]["code"], acks[4]["code"]) == ("AF400", "AF413")
    assert "stdin line 2: " in errors
    assert count_kept(daemon)[0] == 2
