"""The daemon: all parts wired together, their start and their end.

Start: lock, store, rules, sockets, dispatcher. Stop: refuse, answer what is in flight, finish what is being sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from autoflow import failpoints
from autoflow.app.parts import make_parts
from autoflow.app.state import hold_state, measure_files
from autoflow.app.store_watch import watch_store
from autoflow.errors import AutoflowError, StorageError
from autoflow.intake.acks import AckWriter
from autoflow.intake.http import LOCAL_HOSTS, DoorOptions, HttpDoor
from autoflow.intake.listener import (
    BoundedProtocol,
    OwnerProtocol,
    QuietServer,
    bind_tcp,
    bind_unix,
    make_server,
)
from autoflow.intake.socket_path import socket_path
from autoflow.intake.stdin import StdinDoor, open_stdin
from autoflow.model.problem import Problem
from autoflow.observe.health import Finding, Health, State
from autoflow.observe.log import gather_lines, get_log, write_lines_at_once
from autoflow.observe.metrics import Measured
from autoflow.rules.watcher import watch_files
from autoflow.security.auth import TokenCheck, ensure_token
from autoflow.security.secrets import Secrets
from autoflow.settings import Settings
from autoflow.store.base import Reading
from autoflow.store.retention import KeepFor, prune
from autoflow.web.api import Backend, make_api

log = get_log("autoflow.app")

PRUNE_EVERY = 600.0
UNWATCHED_SECONDS = 10.0
"""Between two looks at the rules where the system cannot tell of changes."""
SWITCH_SECONDS = 0.0005
COLLECT = (50_000, 20, 100)
"""When garbage is looked for: an event leaves none, and rules live as long as the daemon."""
LEAST_FREE = 64 * 1024 * 1024
"""Bytes of disk below which the daemon says that it is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How this daemon was called."""

    stdin: bool = False
    ack: bool = False
    once: bool = False
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How the daemon talks to whoever started it."""

    #: a message that went to the outbox, as text
    show: Callable[[str], None]
    #: everything is up: where it listens, how many rules, what waits
    ready: Callable[[Started], None]
    #: findings of a load, and what follows from them where the set is not in force
    problems: Callable[[tuple[Problem, ...], str | None], None]
    #: a line for people on standard error
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a daemon that has just come up has to say."""

    listening: str | None
    socket: Path
    token_file: Path | None
    rules: int
    pending: int
    #: UTC milliseconds of the earliest pending trigger
    next_due: int | None


class Daemon:
    """One running autoflow."""

    def __init__(self, settings: Settings, options: RunOptions, voice: Voice, secrets: Secrets) -> None:
        self._settings = settings
        self._options = options
        self._voice = voice
        self._stop = asyncio.Event()
        self._told_to_stop = False
        self._exit_code = 0
        self._stdin: StdinDoor | None = None
        self._spawned: set[asyncio.Task[object]] = set()
        parts = make_parts(settings, secrets, show=voice.show, problems=voice.problems, shadow=options.shadow)
        self.clock, self.metrics, self.alarm = parts.clock, parts.metrics, parts.alarm
        self.store, self.outgoing, self.engine = parts.store, parts.outgoing, parts.engine
        self.gate, self.decoder, self.trial = parts.gate, parts.decoder, parts.trial
        self.dispatcher, self.reloader, self.sampler = parts.dispatcher, parts.reloader, parts.sampler
        self.health = Health()
        self.metrics.before = self._measure
        self.health.watch("rules", self.reloader.check)
        self.health.watch("store", self._check_store)
        self.health.watch("disk", self._check_disk)
        self.health.watch("intake", self._check_intake)

    async def run(self) -> int:
        """Run until told to stop; the exit code."""
        self._watch_signals()
        gather_lines(asyncio.get_running_loop().call_soon)
        for warning in self._settings.warnings:
            log.warning(
                "config.warning", path=warning.path, line=warning.line, code=warning.code, error=warning.message
            )
        if failpoints.armed:
            log.warning("daemon.failpoints", points=list(failpoints.armed))
        async with contextlib.AsyncExitStack() as ending:
            # From the last one to the first, whatever goes wrong on the way.
            ending.push_async_callback(asyncio.to_thread, self.store.close)
            ending.callback(self.alarm.close)
            ending.push_async_callback(self.outgoing.close)
            ending.callback(write_lines_at_once)
            await self.reloader.start()
            servers, listeners = self._listen()
            await self._say_ready(listeners)
            gc.freeze()
            gc.set_threshold(*COLLECT)
            await self._serve(servers, listeners)
        if self.store.broken is not None:
            self._end_broken(self.store.broken)
        return self._exit_code

    def stop(self) -> None:
        """Begin to drain; told a second time, end at once."""
        if self._told_to_stop:
            log.warning("daemon.killed")
            self._voice.tell("ending at once; what is under way goes on at the next start")
            write_lines_at_once()
            os._exit(130)
        self._told_to_stop = True
        self._stop.set()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload()))

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        spawned = asyncio.ensure_future(work)
        self._spawned.add(spawned)
        spawned.add_done_callback(self._spawned.discard)

    def _listen(self) -> tuple[list[QuietServer], list[socket.socket]]:
        """Bind every door; the unix socket is always there."""
        http = self._settings.http
        backend = Backend(
            store=self.store,
            health=self.health,
            metrics=self.metrics,
            ring=self.alarm.ring,
            trial=self.trial,
            prune=self._prune_now,
        )
        api = make_api(backend)
        grace = max(1, self._settings.limits.shutdown_grace // 1000)
        listeners = [bind_unix(self._settings.state)]
        servers = [make_server(self._door(api, token=None, hosts=None), protocol=OwnerProtocol, grace=grace)]
        if http.host is not None and http.port is not None and not self._options.once:
            token = TokenCheck(ensure_token(self._settings.state)) if http.auth == "token" else None
            hosts = LOCAL_HOSTS | {http.host.lower(), *(name.lower() for name in http.allowed_hosts)}
            listeners.append(bind_tcp(http.host, http.port))
            servers.append(
                make_server(self._door(api, token=token, hosts=hosts), protocol=BoundedProtocol, grace=grace)
            )
        return servers, listeners

    def _door(self, api: object, *, token: TokenCheck | None, hosts: frozenset[str] | None) -> HttpDoor:
        limits = self._settings.limits
        options = DoorOptions(token=token, body_bytes=limits.body, header_bytes=limits.header_bytes, hosts=hosts)
        return HttpDoor(
            self.gate,
            self.decoder,
            clock=self.clock,
            metrics=self.metrics,
            options=options,
            rulebook=lambda: self.engine.rulebook,
            rest=api,  # type: ignore[arg-type]  # Starlette says MutableMapping where we do
        )

    async def _say_ready(self, listeners: list[socket.socket]) -> None:
        row = await self.store.read(lambda view: view.row("count_pending"))
        assert row is not None  # noqa: S101 - count always gives a row
        listening = None
        if len(listeners) > 1:
            host, port = listeners[1].getsockname()[:2]
            listening = f"{host}:{port}"
        token_file = self._settings.state / "token" if listening and self._settings.http.auth == "token" else None
        started = Started(
            listening=listening,
            socket=socket_path(self._settings.state),
            token_file=token_file,
            rules=len(self.engine.rulebook.versions),
            pending=row["number"],
            next_due=row["oldest"],
        )
        self._voice.ready(started)
        log.info("daemon.started", listening=listening, rules=started.rules, pending=started.pending)

    async def _serve(self, servers: list[QuietServer], listeners: list[socket.socket]) -> None:
        """Everything that runs beside each other, until it is time to stop."""
        serving = [
            asyncio.ensure_future(server.serve(sockets=[listener]))
            for server, listener in zip(servers, listeners, strict=True)
        ]
        dispatching = asyncio.ensure_future(self.dispatcher.run())
        works = (self._watch_rules(), self._prune(), self._watch_store(), self.sampler.run())
        beside = [self._stand_by(work) for work in works]
        if self._options.stdin:
            beside.append(self._stand_by(self._read_stdin()))
        ending = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([ending, dispatching, *serving], return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        log.info("daemon.draining")
        grace = self._settings.limits.shutdown_grace / 1000
        # Side by side, so that all of it takes no longer than one of them may.
        await asyncio.gather(self._close_doors(servers, serving, grace), self.dispatcher.stop(grace))
        for one in beside:
            one.cancel()
        await self.sampler.finish()
        for ended in await asyncio.gather(dispatching, *serving, return_exceptions=True):
            if ended is not None:
                self._fail(ended)
        socket_path(self._settings.state).unlink(missing_ok=True)
        log.info("daemon.stopped")

    async def _close_doors(self, servers: list[QuietServer], serving: list[asyncio.Task[None]], grace: float) -> None:
        """Take nothing more; what has arrived is committed and answered, unless nobody reads the answers."""
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        for server in servers:
            server.should_exit = True
        await asyncio.wait(serving)
        await self.gate.close()
        if self._stdin is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stdin.rest(), max(0.0, end - loop.time()))

    def _stand_by(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Something that runs beside the rest. Where it fails the daemon drains, and does not go on without it."""

        async def watched() -> None:
            try:
                await work
            except Exception as error:  # it would else be seen nowhere
                self._fail(error)
                self._stop.set()

        return asyncio.ensure_future(watched())

    def _fail(self, error: BaseException) -> None:
        log.error("daemon.defect", exception=error)
        self._exit_code = error.exit_code if isinstance(error, AutoflowError) else AutoflowError.exit_code

    async def _watch_rules(self) -> None:
        directories = (self._settings.rules, self._settings.templates)
        while not self._stop.is_set():
            try:
                async for _ in watch_files(directories, self._stop):
                    await self._reload()
            except OSError as error:  # the system watches no more files: then they are looked at now and again
                log.error("rules.unwatched", error=str(error))
                await self._pause(UNWATCHED_SECONDS)
                await self._reload()

    async def _reload(self) -> None:
        try:
            await self.reloader.reload()
        except Exception as error:  # whatever is wrong with the files, what runs goes on
            log.error("rules.reload_failed", error=str(error))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY)  # first a pause: a start has other things to do
            try:
                removed = await self._prune_now()
            except AutoflowError as error:
                log.error("retention.storage", error=str(error))
            else:
                log.info("retention.pruned", count=removed)

    async def _prune_now(self) -> int:
        return await prune(self.store, KeepFor.of(self._settings.retention))

    async def _watch_store(self) -> None:
        self._end_broken(await watch_store(self.store))

    def _end_broken(self, reason: str) -> NoReturn:
        """Nothing may be written any more: a drain would have nowhere to keep what it finishes."""
        log.error("store.broken", error=reason)
        self._voice.tell(f"error AF007: {reason}; what is under way goes on at the next start")
        write_lines_at_once()
        os._exit(StorageError.exit_code)

    async def _read_stdin(self) -> None:
        writer = AckWriter(sys.stdout.fileno(), asyncio.get_running_loop()) if self._options.ack else None
        ack = None if writer is None else writer.write
        self._stdin = door = StdinDoor(self.gate, self.decoder, self.clock, ack=ack, tell=self._voice.tell)
        await door.run(await open_stdin())
        if door.count.refused:
            self._exit_code = 1
        log.info("stdin.ended", accepted=door.count.taken, refused=door.count.refused)
        if self._options.once:
            await self.dispatcher.run_due()
            self._stop.set()

    async def _measure(self) -> None:
        """Read off what is not counted as it happens."""

        def look(view: Reading) -> Measured:
            pending, letters = view.row("count_pending"), view.row("count_dead_letters")
            assert pending is not None  # noqa: S101 - a count always gives a row
            assert letters is not None  # noqa: S101 - a count always gives a row
            file, wal = measure_files(database)
            return Measured(
                pending=pending["number"],
                oldest_due_age=view.now - (pending["oldest"] or view.now),
                dead_letters=letters["number"],
                database_bytes=file,
                wal_bytes=wal,
            )

        database = self.store.path
        self.metrics.measure(await self.store.read(look))

    def _check_store(self) -> Finding:
        if self.store.failure is not None:
            return Finding(state=State.FAILED, detail=self.store.failure)
        if self.store.lagging is not None:
            return Finding(state=State.DEGRADED, detail=f"the log beside the database grows: {self.store.lagging}")
        return Finding()

    def _check_disk(self) -> Finding:
        free = shutil.disk_usage(self._settings.state).free
        if free < LEAST_FREE:
            return Finding(state=State.DEGRADED, detail=f"only {free // 1024 // 1024} MiB are free")
        return Finding()

    def _check_intake(self) -> Finding:
        return Finding(state=State.FAILED, detail="shutting down") if self._stop.is_set() else Finding()


def run_daemon(settings: Settings, options: RunOptions, voice: Voice, secrets: Secrets) -> int:
    """Run a daemon in this process; the exit code. `secrets` is what the log's mask knows."""
    import uvloop

    # The store's thread takes the interpreter back after every statement: a busy loop must let go of it soon.
    sys.setswitchinterval(SWITCH_SECONDS)

    async def main() -> int:
        return await Daemon(settings, options, voice, secrets).run()

    with hold_state(settings.state), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
