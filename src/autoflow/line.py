"""The stops of the line between the gate and the actions, wired to each other: the same for daemon and rehearsal.

Whoever wires them brings what may differ: the store, the clock, the alarm and, afterwards, the actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoflow.clock import Clock
from autoflow.engine import Engine, EngineOptions
from autoflow.model.retry import PRESETS
from autoflow.model.step import RetryPolicy
from autoflow.observe.metrics import Metrics
from autoflow.rules.context import LoadContext
from autoflow.rules.versions import VersionBook
from autoflow.runs.dispatcher import Dispatcher
from autoflow.runs.executor import Executor, ExecutorOptions
from autoflow.runs.express import ExpressRuns
from autoflow.runs.inner import InnerRuns
from autoflow.runs.slots import Slots
from autoflow.scheduling.wakeup import Alarm
from autoflow.store.base import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """How one line differs from another."""

    #: 0.0 to 1.0, for jitter
    random: Callable[[], float]
    retry: RetryPolicy = PRESETS["standard"]
    #: how many actions may stand between an event and one from outside
    chain_depth: int = 16
    #: how many runs are performed at once, and the part of them that one target may hold
    slots: int = 64
    target_share: float = 0.25
    #: everything is judged and recorded, and nothing acts
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The stops, in the order in which an event passes them."""

    metrics: Metrics
    versions: VersionBook
    engine: Engine
    dispatcher: Dispatcher
    #: its `actions` are to be set before anything is performed
    executor: Executor
    express: ExpressRuns
    slots: Slots


def make_line(store: Store, *, clock: Clock, alarm: Alarm, context: LoadContext, options: LineOptions) -> Line:
    """Wire the stops, against the stream: each is handed what comes after it."""
    metrics = Metrics()
    versions = VersionBook(store, context)
    how = ExecutorOptions(retry=options.retry, chain_depth=options.chain_depth, random=options.random)
    executor = Executor(store, versions, clock=clock, metrics=metrics, options=how)
    engine = Engine(
        store,
        clock=clock,
        alarm=alarm,
        targets=lambda step: executor.actions.target(step),  # noqa: PLW0108 - the set is replaced at each reload
        metrics=metrics,
        options=EngineOptions(shadow=options.shadow),
    )
    executor.ledger.sink = engine
    slots = Slots(options.slots, share=options.target_share)
    express = ExpressRuns(versions, executor, slots=slots)
    if not options.shadow:  # else nothing is sent
        engine.express = express
    dispatcher = Dispatcher(
        store,
        executor,
        inner=InnerRuns(store, versions, executor, clock=clock, metrics=metrics),
        express=express,
        alarm=alarm,
        clock=clock,
        slots=slots,
        only_shadow=options.shadow,
    )
    return Line(
        metrics=metrics,
        versions=versions,
        engine=engine,
        dispatcher=dispatcher,
        executor=executor,
        express=express,
        slots=slots,
    )
