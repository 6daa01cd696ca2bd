"""A rehearsal is the daemon's own engine: what it stores and when it acts is what the daemon would."""

from pathlib import Path

from autoflow.actions.base import Request
from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import Event
from autoflow.model.run import Delivered, Outcome, Retry
from autoflow.rules.loader import load_text
from autoflow.store.sqlite.store import SqliteStore
from autoflow.templates import TemplateLibrary
from autoflow.testing.doubles import Doubles
from autoflow.testing.rig import Rig, RigOptions
from support.line import CONTEXT, START

RULES = """\
id: later
trigger: { event: job.done }
delay: 5m
cancel_on: { event: job.reopened, by: job.id }
actions: [ { sms: { recipient: "+15557654321", message: "{{ job.id }}" } } ]
"""


class World:
    """Answers what it was told to, and remembers when it was asked what."""

    def __init__(self) -> None:
        self.replies: list[Outcome] = []
        self.asked: list[tuple[int, str, str]] = []

    def reply(self, action_type: str, request: Request) -> Outcome:
        self.asked.append((request.now - START, action_type, request.params["message"]))
        return self.replies.pop(0) if self.replies else Delivered(output={})


def make_rig(path: Path, world: World, *, inner: bool = False) -> Rig:
    options = RigOptions(
        context=CONTEXT, library=TemplateLibrary(), actions=Doubles(ACTION_TYPES, world.reply, inner=inner)
    )
    return Rig(lambda clock: SqliteStore(path, clock=clock), options, start=START)


def happened(rig: Rig, event_type: str, job: str) -> Event:
    now, data = rig.clock.now(), {"job": {"id": job}}
    return Event(
        id=f"{event_type}-{job}", type=event_type, time=now, received_at=now, data=data,
        raw=b'{"job":{"id":"%s"}}' % job.encode(),
    )  # fmt: skip


async def use(rig: Rig) -> None:
    await rig.use(load_text(RULES, "rules.yaml", CONTEXT).rules)


async def test_time_stops_at_due_moments_only(tmp_path: Path) -> None:
    """Actions are asked at the moment they are due, whether time passes in one leap or in many steps."""
    for name, leaps in (("one", [1_000_000]), ("many", [299_999, 300_000, 400_000])):
        world = World()
        async with make_rig(tmp_path / name, world) as rig:
            await use(rig)
            await rig.take([happened(rig, "job.done", "j1")])
            for leap in leaps:
                await rig.advance_to(START + leap)
        assert world.asked == [(300_000, "sms", "j1")]


async def test_a_restart_keeps_what_was_committed(tmp_path: Path) -> None:
    """What was due meanwhile runs late and once; what was cancelled stays so; a retry keeps its moment."""
    world = World()
    world.replies = [Retry(code="timeout", detail="no answer")]
    async with make_rig(tmp_path / "db", world) as rig:
        await use(rig)
        await rig.take([happened(rig, "job.done", "j1"), happened(rig, "job.done", "j2")])
        await rig.take([happened(rig, "job.reopened", "j2")])
        await rig.restart(down=7_200_000)
        await rig.run_due()
        await rig.restart()
        assert await rig.run_until_idle(limit=START + 86_400_000)
    assert world.asked == [(7_200_000, "sms", "j1"), (7_260_000, "sms", "j1")]


async def test_doubles_may_be_performed_many_at_once(tmp_path: Path) -> None:
    """Inner doubles come to the same; one that fails is asked again by the long way, and retried."""
    world = World()
    world.replies = [Retry(code="timeout", detail="no answer"), Retry(code="timeout", detail="no answer")]
    async with make_rig(tmp_path / "db", world, inner=True) as rig:
        await use(rig)
        await rig.take([happened(rig, "job.done", "j1")])
        assert not await rig.run_until_idle(limit=START + 299_999)
        assert await rig.run_until_idle(limit=START + 86_400_000)
    assert world.asked[-1] == (360_000, "sms", "j1")
