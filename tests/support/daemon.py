"""A real daemon in a process of its own, and a way to talk to it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

PATIENCE = 20.0
"""Seconds after which something that should happen counts as not happening. Nothing waits that long when it works."""


async def until(what: Callable[[], Any], *, patience: float = PATIENCE, log: list[str] | None = None) -> Any:
    """The first true answer; AssertionError when there is none in time."""
    end = asyncio.get_running_loop().time() + patience
    while asyncio.get_running_loop().time() < end:
        answer = what()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen\n" + "".join(log or ()))


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class DaemonProcess:
    """`autoflow run` on a directory of its own."""

    home: Path
    config: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    #: where its standard output goes; read into `stdout` unless somebody else has it
    output: int = asyncio.subprocess.PIPE
    process: asyncio.subprocess.Process | None = None
    stdout: bytes = b""
    log: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.state / "token").read_text().strip()

    def write_rule(self, name: str, text: str) -> Path:
        """One rule file."""
        path = self.home / "rules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    async def start(self, *, ready: bool = True) -> None:
        """Start, and return once it answers that it is ready."""
        self.log.clear()
        (self.home / "rules").mkdir(parents=True, exist_ok=True)
        config = {"rules": "rules", "templates": "templates", "state": "state", **self.config}
        config.setdefault("http", {"listen": f"127.0.0.1:{self.port}"})
        (self.home / "config.yaml").write_text(json.dumps(config))
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "autoflow", "run", "-c", "config.yaml", "--log-format", "json", *self.arguments,
            cwd=self.home,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=self.output,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reading = asyncio.ensure_future(self._read())
        if ready:
            await until(lambda: any('"daemon.started"' in line for line in self.log) or self._ended())
            assert self.process.returncode is None, "\n".join(self.log)

    def _ended(self) -> bool:
        return self.process is not None and self.process.returncode is not None

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None

        async def read_errors(stream: asyncio.StreamReader) -> None:
            async for line in stream:
                self.log.append(line.decode())

        async def read_output(stream: asyncio.StreamReader | None) -> None:
            if stream is not None:
                async for line in stream:
                    self.stdout += line

        await asyncio.gather(read_errors(self.process.stderr), read_output(self.process.stdout))

    async def kill(self) -> None:
        """SIGKILL: no drain, no goodbye."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        await self._reading
        self.log.clear()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self._reading
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    async def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        assert self.process is not None
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self._reading
        return code

    async def post(self, body: Any, *, content_type: str = "application/json", **headers: str) -> httpx2.Response:
        """One request to the events' door."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {self.token}", "content-type": content_type, **headers}
        async with httpx2.AsyncClient() as client:
            return await client.post(f"{self.base_url}/v1/events", content=content, headers=sent)

    async def get(self, path: str, **params: str) -> Any:
        """One look."""
        async with httpx2.AsyncClient() as client:
            answer = await client.get(
                self.base_url + path, params=params, headers={"authorization": f"Bearer {self.token}"}
            )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, path: str) -> httpx2.Response:
        """One deed."""
        async with httpx2.AsyncClient() as client:
            return await client.post(self.base_url + path, headers={"authorization": f"Bearer {self.token}"})

    async def command(self, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        """A command in the daemon's directory: exit code, output, messages."""
        return await run_command(self.home, *words, stdin=stdin)

    def events_logged(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one happening."""
        return [json.loads(line) for line in self.log if f'"event":"{name}"' in line]


async def run_command(home: Path, *words: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """`autoflow WORDS` in a directory: exit code, output, messages."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "autoflow", *words,
        cwd=home,
        env={**os.environ, "NO_COLOR": "1", "GITHUB_ACTIONS": "", **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, messages = await asyncio.wait_for(process.communicate(stdin), PATIENCE)
    assert process.returncode is not None
    return process.returncode, output.decode(), messages.decode()


@pytest.fixture
async def make_daemon(tmp_path: Path) -> AsyncIterator[Callable[..., DaemonProcess]]:
    """Makes daemons that end with their test, whatever happens in it."""
    made: list[DaemonProcess] = []

    def make(**options: Any) -> DaemonProcess:
        made.append(DaemonProcess(options.pop("home", tmp_path), **options))
        return made[-1]

    yield make
    for daemon in made:
        if daemon.process is not None and daemon.process.returncode is None:
            await daemon.kill()
