"""The API on a real store: every row on some page, every refusal a problem with its status."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autoflow.intake.decode import Decoder
from autoflow.model.ids import IdSource
from autoflow.model.run import Reject
from autoflow.observe.health import Finding, Health, State
from autoflow.templates import TemplateLibrary
from autoflow.web.api import Backend, make_api
from autoflow.web.trial import RuleTrial
from support.line import START, Line

RULES = """
rules:
  - id: waits
    trigger: { event: job.created }
    delay: 1h
    actions: [ { log: { message: "{{ job.id }}" } } ]
  - id: fails
    trigger: { event: job.failed }
    actions: [ { sms: { recipient: "+1555", message: "{{ job.id }}" } } ]
  - id: judges
    trigger: { event: job.judged }
    when: job.total >= 2000
    actions: [ { log: { message: "{{ job.total }}" } } ]
  - id: breaks
    trigger: { event: job.judged }
    when: { fact: job, path: $.name, operator: in, value: { fact: job, path: $.names } }
    actions: [ { log: { message: never } } ]
"""
MANY = 300


class Desk:
    """Asks the API."""

    def __init__(self, line: Line, client: httpx2.AsyncClient, health: Health) -> None:
        self.line = line
        self.client = client
        self.health = health

    async def get(self, path: str) -> Any:
        """The body of a good answer."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def walk(self, path: str) -> list[Any]:
        """Every item, page by page, along the Link header."""
        items: list[Any] = []
        while True:
            answer = await self.client.get(path)
            body = answer.json()
            items += body["items"]
            if body["next_cursor"] is None:
                assert "link" not in answer.headers
                return items
            assert len(body["items"]) == 50
            path = answer.headers["link"].removeprefix("<").removesuffix('>; rel="next"')


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    line = Line(tmp_path / "autoflow.db")
    await line.use(RULES)
    health = Health()
    decoder = Decoder(IdSource())
    trial = RuleTrial(
        rules=lambda: [version.rule for version in line.engine.rulebook.versions],
        types=lambda: line.executor.actions.types,
        library=lambda: line.executor.actions.library,
        decode=lambda body: decoder.decode_body(body, "application/json", now=START),
    )
    app = make_api(Backend(store=line.store, health=health, metrics=line.metrics, trial=trial))
    # a defect is to be answered, as over a socket, and not raised into the test
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://autoflow") as client:
        yield Desk(line, client, health)
    line.close()


async def test_pages_lead_through_every_row(desk: Desk) -> None:
    """300 events, 300 waiting: each once, in order, at fifty a page."""
    for number in range(MANY):
        await desk.line.emit("job.created", {"job": {"id": number}}, event_id=f"e{number}")
    events = await desk.walk("/v1/events?limit=50&type=job.created")
    assert [event["id"] for event in events] == [f"e{number}" for number in reversed(range(MANY))]
    pending = await desk.walk("/v1/pending?limit=50&rule=waits")
    assert [waiting["event"] for waiting in pending] == [f"e{number}" for number in range(MANY)]
    await desk.line.advance(3_600_000)
    runs = await desk.walk("/v1/runs?limit=50&status=done")
    assert len({run["id"] for run in runs}) == MANY
    assert await desk.walk("/v1/pending?limit=50") == []


async def test_pages_of_dead_letters_lead_through_every_row(desk: Desk) -> None:
    """What was given up is never hidden behind a page."""
    for number in range(120):
        desk.line.recorder.replies.append(Reject(code="http-400", detail="no"))
        await desk.line.emit("job.failed", {"job": {"id": number}})
    await desk.line.advance(0)
    letters = await desk.walk("/v1/dead-letters?limit=50")
    assert [letter["id"] for letter in letters] == list(range(120, 0, -1))


async def test_pages_of_rules_lead_through_every_rule(desk: Desk) -> None:
    """Rules are known by account and id, and so are their pages."""
    rules = [
        {"id": f"r{number:03}", "trigger": {"event": "a.b"}, "actions": [{"log": {"message": "x"}}]}
        for number in range(130)
    ]
    await desk.line.use(json.dumps({"rules": rules}))
    walked = await desk.walk("/v1/rules?limit=50")
    assert [rule["id"] for rule in walked] == [f"r{number:03}" for number in range(130)]


async def test_templates_in_use_are_told_as_they_stand(desk: Desk) -> None:
    """Each file by its name; the plan of a change is made with them."""
    sources = {"done.txt": "Hi {{ job.id }}\n", "done.subject.txt": "Done", "sub/x.html": "<b>"}
    library = TemplateLibrary.make(sources, Path("templates"))
    assert await desk.get("/v1/templates") == {"schema_version": 1, "items": [], "next_cursor": None}
    desk.line.executor.actions = replace(desk.line.executor.actions, library=library)
    items = (await desk.get("/v1/templates"))["items"]
    assert {item["file"]: item["text"] for item in items} == sources


async def test_after_gives_what_came_since_oldest_first(desk: Desk) -> None:
    """Whoever follows sees each event once."""
    for number in range(3):
        await desk.line.emit("job.created", {"job": {"id": number}}, event_id=f"e{number}")
    [first] = (await desk.get("/v1/events?after=0&limit=1"))["items"]
    rest = (await desk.get(f"/v1/events?after={first['seq']}"))["items"]
    assert [event["id"] for event in rest] == ["e1", "e2"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/events/", 404),
        ("GET", "/v1/runs/", 404),
        ("GET", "/v1/events/none", 404),
        ("GET", "/v1/pending/none", 404),
        ("GET", f"/v1/pending/{'9' * 40}", 404),
        ("POST", "/v1/pending/77/cancel", 404),
        ("POST", "/v1/pending/x/run-now", 404),
        ("POST", "/v1/runs/none/cancel", 404),
        ("POST", "/v1/runs/none/retry", 404),
        ("POST", "/v1/dead-letters/77/replay", 404),
        ("POST", "/v1/dead-letters/²/discard", 404),
        ("DELETE", "/v1/runs", 405),
        ("GET", "/v1/pending/1/cancel", 405),
        ("PUT", "/v1/rules/waits", 405),
        ("GET", "/v1/events?limit=0", 400),
        ("GET", "/v1/events?after=x", 400),
        ("GET", "/v1/events?cursor=x", 400),
        ("GET", f"/v1/events?cursor={'9' * 30}", 400),
        ("GET", "/v1/pending?cursor=1", 400),
        ("GET", "/v1/runs?cursor=1", 400),
        ("GET", "/v1/rules?cursor=x", 400),
        ("GET", "/v1/rules?cursor=WzFd", 400),
        ("GET", "/v1/runs?status=dne", 400),
        ("GET", "/v1/runs?stat=done", 400),
        ("POST", "/v1/rules/test", 400),
    ],
)
async def test_every_refusal_is_a_problem(desk: Desk, method: str, path: str, status: int) -> None:
    """application/problem+json with the status, a code and words; nothing is cached."""
    answer = await desk.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["status"] == status
    assert body["code"].startswith("AF")
    assert body["detail"]
    if status == 405:
        assert "allow" in answer.headers


async def test_what_is_past_that_is_a_conflict(desk: Desk) -> None:
    """A dead letter is decided on once; a run that is done can neither be cancelled nor tried again."""
    desk.line.recorder.replies = [Reject(code="http-400", detail="no")]
    await desk.line.emit("job.failed", {"job": {"id": 1}})
    await desk.line.advance(0)
    [run] = (await desk.get("/v1/runs"))["items"]
    assert run["status"] == "failed"
    assert (await desk.client.post("/v1/dead-letters/1/replay")).status_code == 200
    for path in ("/v1/dead-letters/1/replay", "/v1/dead-letters/1/discard"):
        refused = await desk.client.post(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "AF409")
        verb = path.rpartition("/")[2]
        assert refused.json()["detail"] == f"{verb} is not possible: dead letter 1 is replayed"
    await desk.line.advance(0)
    for verb in ("cancel", "retry"):
        assert (await desk.client.post(f"/v1/runs/{run['id']}/{verb}")).status_code == 409


async def test_a_run_is_retried_by_its_dead_letter(desk: Desk) -> None:
    """The same key goes out again, and the run ends well."""
    desk.line.recorder.replies = [Reject(code="http-400", detail="no")]
    await desk.line.emit("job.failed", {"job": {"id": 1}})
    await desk.line.advance(0)
    [run] = (await desk.get("/v1/runs"))["items"]
    done = (await desk.client.post(f"/v1/runs/{run['id']}/retry")).json()
    await desk.line.advance(0)
    assert [request.key for request in desk.line.recorder.sent] == [done["key"]] * 2
    assert (await desk.get(f"/v1/runs/{run['id']}"))["status"] == "done"
    [letter] = (await desk.get("/v1/dead-letters?status=all"))["items"]
    assert letter["status"] == "replayed"


async def test_a_trial_answers_as_test_rule_does_and_stores_nothing(desk: Desk) -> None:
    """A rule whose condition cannot be evaluated says so, beside the others."""
    event = {"type": "job.judged", "id": "e1", "data": {"job": {"total": 2500, "name": "a", "names": 7}}}
    answer = await desk.client.post("/v1/rules/test", json={"event": event})
    assert answer.status_code == 200
    by_rule = {line["rule"]: line for line in answer.json()["items"]}
    assert by_rule["judges"]["fires"] is True
    assert by_rule["judges"]["actions"] == [{"type": "log", "params": {"message": "2500"}}]
    assert (by_rule["breaks"]["fires"], by_rule["breaks"]["error"]["code"]) == (False, "AF280")
    assert (await desk.get("/v1/events"))["items"] == []
    only = await desk.client.post("/v1/rules/test", json={"event": event, "rules": ["breaks"]})
    assert [line["rule"] for line in only.json()["items"]] == ["breaks"]


async def test_a_trial_says_why_nothing_is_triggered(desk: Desk) -> None:
    """A trigger that is met but for the account is the usual reason."""
    event = {"type": "job.created", "account": "other"}
    body = (await desk.client.post("/v1/rules/test", json={"event": event})).json()
    assert body["items"] == []
    assert body["notes"] == [
        "job.created: a trigger is met but for the account: rules of default, the event of other"
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{", "#"),
        (b"[]", "#/event"),
        (b'{"event": {"typ": "x"}}', "#/event/type"),
        (b'{"event": {"type": "a"}, "rulez": 1}', "#/rulez"),
        (b'{"event": {"type": "a"}, "rules": "x"}', "#/rules"),
        (b'{"event": {"type": "a"}, "rules": ["waits", "x"]}', "#/rules/1"),
    ],
)
async def test_a_trial_names_the_place_of_each_mistake(desk: Desk, body: bytes, pointer: str) -> None:
    """As pointers into the body that was sent."""
    answer = await desk.client.post("/v1/rules/test", content=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_readyz_tells_what_is_wrong_when_asked(desk: Desk) -> None:
    """503 once something has failed; one line a check with ?verbose."""
    assert (await desk.client.get("/readyz")).text == "ok\n"
    desk.health.watch("disk", lambda: Finding(state=State.FAILED, detail="full"))
    answer = await desk.client.get("/readyz?verbose")
    assert answer.status_code == 503
    assert answer.text == "[-]disk failed: full\n"
    assert (await desk.client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
async def test_metrics_come_in_the_format_that_is_asked_for(desk: Desk, accept: str, media_type: str) -> None:
    """Prometheus' own, and OpenMetrics, which ends with a mark."""
    answer = await desk.client.get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith(media_type)
    assert "autoflow_runs" in answer.text
    assert answer.text.endswith("# EOF\n") is ("openmetrics" in media_type)
