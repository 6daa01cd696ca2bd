"""The parts of a daemon, wired together and not started yet."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from autoflow import __version__
from autoflow.actions.kinds import ACTION_TYPES
from autoflow.actions.registry import ActionContext, build_actions, trusted_hosts
from autoflow.app.state import DATABASE
from autoflow.clock import Clock, SystemClock
from autoflow.engine import Engine
from autoflow.intake.decode import DecodeLimits, Decoder
from autoflow.intake.gate import Gate
from autoflow.intake.room import Room
from autoflow.line import LineOptions, make_line
from autoflow.model.problem import Problem
from autoflow.observe.metrics import Metrics
from autoflow.reload import Reloader, Sources
from autoflow.rules.loaded import make_context
from autoflow.rules.versions import VersionBook
from autoflow.runs.action_set import ActionSet
from autoflow.runs.dispatcher import Dispatcher
from autoflow.runs.executor import Executor
from autoflow.sampling import Sampler
from autoflow.scheduling.wakeup import SchedulerAlarm
from autoflow.security.egress import EgressGuard
from autoflow.security.outgoing import PER_HOST, Outgoing
from autoflow.security.secrets import Secrets
from autoflow.settings import Settings
from autoflow.store.sqlite.store import SqliteStore
from autoflow.templates import TemplateLibrary
from autoflow.web.trial import RuleTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that one event passes, from the gate to an action."""

    clock: Clock
    metrics: Metrics
    alarm: SchedulerAlarm
    store: SqliteStore
    outgoing: Outgoing
    engine: Engine
    sampler: Sampler
    gate: Gate
    decoder: Decoder
    dispatcher: Dispatcher
    reloader: Reloader
    trial: RuleTrial


def make_parts(
    settings: Settings,
    secrets: Secrets,
    *,
    show: Callable[[str], None],
    problems: Callable[[tuple[Problem, ...], str | None], None],
    shadow: bool,
) -> Parts:
    """Open the store and wire the parts, against the stream: each is handed what comes after it."""
    clock = SystemClock()
    alarm = SchedulerAlarm(clock)
    store = SqliteStore(settings.state / DATABASE, clock=clock)
    outgoing = _make_outgoing(settings)
    library = TemplateLibrary.load(settings.templates)
    line = make_line(
        store,
        clock=clock,
        alarm=alarm,
        context=make_context(settings.notifiers, library),
        options=_line_options(settings, shadow=shadow),
    )
    engine, executor = line.engine, line.executor
    context = ActionContext(
        state_dir=settings.state, library=lambda: executor.actions.library, show=show, version=__version__
    )
    actions = build_actions(settings.notifiers, outgoing, secrets, context)
    executor.actions = ActionSet(types=ACTION_TYPES, actions=actions, library=library)
    sampler = Sampler(lambda: engine.rulebook, store, clock)
    engine.watch = sampler.offer
    decoder = _make_decoder(settings, engine)
    return Parts(
        clock=clock,
        metrics=line.metrics,
        alarm=alarm,
        store=store,
        outgoing=outgoing,
        engine=engine,
        sampler=sampler,
        gate=Gate(engine, store, line.metrics, Room(settings.limits.body)),
        decoder=decoder,
        dispatcher=line.dispatcher,
        reloader=_make_reloader(settings, engine, executor, line.versions, store, problems),
        trial=_make_trial(engine, executor, decoder),
    )


def _make_decoder(settings: Settings, engine: Engine) -> Decoder:
    limits = settings.limits
    decode_limits = DecodeLimits(event_bytes=limits.event_bytes, depth=limits.depth, events=limits.batch)
    return Decoder(engine.ids, decode_limits, ZoneInfo(settings.timezone))


def _make_trial(engine: Engine, executor: Executor, decoder: Decoder) -> RuleTrial:
    """Everything is asked anew: rules and templates are replaced while the daemon runs."""
    clock = SystemClock()
    return RuleTrial(
        rules=lambda: [version.rule for version in engine.rulebook.versions],
        types=lambda: executor.actions.types,
        library=lambda: executor.actions.library,
        decode=lambda body: decoder.decode_body(body, "application/json", now=clock.now()),
    )


def _line_options(settings: Settings, *, shadow: bool) -> LineOptions:
    limits = settings.limits
    return LineOptions(
        random=random.random,
        retry=settings.retry,
        chain_depth=limits.chain_depth,
        slots=limits.slots,
        target_share=limits.target_share,
        shadow=shadow,
    )


def _make_reloader(
    settings: Settings,
    engine: Engine,
    executor: Executor,
    versions: VersionBook,
    store: SqliteStore,
    problems: Callable[[tuple[Problem, ...], str | None], None],
) -> Reloader:
    sources = Sources(
        rules=settings.rules, templates=settings.templates, notifiers=settings.notifiers, egress=settings.egress
    )
    return Reloader(
        sources,
        engine=engine,
        executor=executor,
        versions=versions,
        store=store,
        tell=problems,
    )


def _make_outgoing(settings: Settings) -> Outgoing:
    """The one way out; the config's own servers are allowed to its own notifiers."""
    egress = settings.egress
    trusted = trusted_hosts(settings.notifiers)
    guard = EgressGuard(egress.allow, require_https=egress.require_https, trusted=trusted)
    # What has waited for a slot of its target waits for no connection.
    per_host = int(settings.limits.slots * settings.limits.target_share)
    return Outgoing(guard, per_host=max(PER_HOST, per_host))
