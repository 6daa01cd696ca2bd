"""Runs the console blocks of a page, in a copy of the checkout and with a real daemon where a block asks for one.

The notation stands at `Console`. What it does not know is a fault of the page, never silently left out.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from support.documents import ROOT, Block

STARTS = "starts the daemon"
SAYS = "the daemon says"
ENDS = "ends the daemon"
KNOWN = (None, STARTS, SAYS, ENDS)
LISTEN = "127.0.0.1:8787"
SHARED = ("rules", "templates", "examples", "config.example.yaml")
PATIENCE = 30.0

_MARK = "\x1e"
_ID = re.compile(
    r"(?<![0-9a-f-])0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b|\bact_[a-z0-9]{26}\b"
)
_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3})?Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line after `$ `, and what the page says it prints."""

    line: int
    text: str
    expected: str


class Console:
    """One reader at a terminal, going through a page block by block.

    A `console` block: each line after `$ ` is run by bash; what follows it is what it prints, standard output and
    standard error. `...` alone on a line stands for any lines, `...` inside a line for any text. How wide columns
    are does not count, nor which ids were made, nor the seconds of a time that is told with its distance. A command
    ends with 0, unless the next one looks at `$?`. A line that ends in a backslash goes on in the next one.

    On the line before a block, an HTML comment says more:
    `starts the daemon`  the one command of the console block is a daemon, started with a free port
    `the daemon says`    the lines of the block appear in what the daemon prints
    `ends the daemon`    the daemon is stopped first
    """

    def __init__(self, home: Path) -> None:
        self._directory = directory = home / "checkout"
        self._said = home / "daemon.txt"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._address = LISTEN
        directory.mkdir()
        for name in SHARED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, directory / name)
            elif source.is_file():
                shutil.copy(source, directory / name)
        (directory / ".venv").symlink_to(sys.prefix)
        self._environment = {
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "TZ": "UTC",
        }

    def __enter__(self) -> "Console":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()

    def follow(self, block: Block) -> list[str]:
        """Do what a block says; every way in which it is not as the page says."""
        if block.comment == ENDS:
            self._end()
        if block.comment == STARTS:
            [command] = read_commands(block)
            return self._start(command)
        if block.comment == SAYS:
            return self._listen(block)
        if block.language != "console":
            return []
        return self._run(block)

    def _run(self, block: Block) -> list[str]:
        commands = read_commands(block)
        script = "".join(
            f"{command.text}\ncode=$?; printf '{_MARK}%s{_MARK}' $code; (exit $code)\n" for command in commands
        ).replace(LISTEN, self._address)
        ran = subprocess.run(
            ["bash", "-c", f"exec 2>&1\n{script}"],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        parts = ran.stdout.decode().split(_MARK)
        faults = []
        for number, command in enumerate(commands):
            printed, code = parts[2 * number].replace(self._address, LISTEN), int(parts[2 * number + 1])
            following = commands[number + 1].text if number + 1 < len(commands) else ""
            where = f"{block.page.relative_to(ROOT)}:{command.line}: {command.text}"
            if code != 0 and "$?" not in following:
                faults.append(f"{where}\nended with {code}:\n{printed}")
            elif not is_alike(printed, command.expected):
                faults.append(f"{where}\nprinted:\n{printed}\nthe page says:\n{command.expected}")
        return faults

    def _start(self, command: Command) -> list[str]:
        self._end()
        flags = ["--log-format", "text", "--listen", "127.0.0.1:0"]
        if "-c" not in command.text and (self._directory / "config.example.yaml").exists():
            flags += ["-c", "config.example.yaml"]
        program = [f"{sys.prefix}/bin/autoflow", "run", *flags]
        with self._said.open("wb") as said:
            self._daemon = subprocess.Popen(
                program, cwd=self._directory, env=self._environment, stdin=subprocess.DEVNULL, stderr=said
            )
        if not self._wait(lambda text: "  waiting  " in text):
            return [f"{command.text}: the daemon did not come up:\n{self._said.read_text()}"]
        found = re.search(r"listening on http://([\d.:]+)", self._said.read_text())
        assert found is not None
        self._address = found[1]
        printed = re.sub(r"^\d\d:\d\d:\d\d .*\n", "", self._text(), flags=re.MULTILINE)
        if is_alike(printed, command.expected):
            return []
        return [f"{command.text}\nprinted:\n{printed}\nthe page says:\n{command.expected}"]

    def _listen(self, block: Block) -> list[str]:
        wanted = re.compile(_pattern(_narrow(block.text)))
        if self._wait(lambda text: wanted.search(_narrow(text)) is not None):
            return []
        return [f"{block}: the daemon does not say\n{block.text}\nbut\n{self._text()}"]

    def _wait(self, is_enough: Callable[[str], bool]) -> bool:
        """Wait for something that the daemon says; only a fault makes this long."""
        until = time.monotonic() + PATIENCE
        while not is_enough(self._text()):
            gone = self._daemon is None or self._daemon.poll() is not None
            if gone or time.monotonic() > until:
                return is_enough(self._text())
            time.sleep(0.02)
        return True

    def _text(self) -> str:
        return self._said.read_text(errors="replace").replace(self._address, LISTEN)

    def _end(self) -> None:
        if self._daemon is None:
            return
        self._daemon.send_signal(signal.SIGTERM)
        self._daemon.wait(PATIENCE)
        self._daemon = None


def read_commands(block: Block) -> list[Command]:
    """The commands of a console block; a line that ends in a backslash goes on in the next one."""
    commands: list[Command] = []
    lines = block.text.splitlines()
    number = 0
    while number < len(lines):
        assert lines[number].startswith("$ "), f"{block}: line {lines[number]!r} follows no command"
        line, text = block.line + number, lines[number][2:]
        while text.endswith("\\"):
            number += 1
            text = text[:-1] + lines[number].removeprefix("> ")
        number += 1
        begin = number
        while number < len(lines) and not lines[number].startswith("$ "):
            number += 1
        commands.append(Command(line=line, text=text, expected="\n".join(lines[begin:number])))
    return commands


def is_alike(printed: str, expected: str) -> bool:
    """Whether what was printed is what the page says; spaces at line ends do not count."""
    plain = "".join(f"{line.rstrip()}\n" for line in _narrow(printed).rstrip("\n").splitlines())
    return re.fullmatch(_pattern(_narrow(expected)), plain) is not None


def _narrow(text: str) -> str:
    """The text without what differs from run to run: made ids, moments told with their distance, column widths."""
    text = _ID.sub("<id>", text)
    text = re.sub(rf"in (\d+[dhm]) \d+[hms] \({_MOMENT}\)", r"in \1 (<moment>)", text)
    text = re.sub(rf"{_MOMENT} \(in (\d+[dhm]) \d+[hms]\)", r"<moment> (in \1)", text)
    return re.sub("─+", "──", re.sub(r"(?<=\S) {2,}", "  ", text))


def _pattern(text: str) -> str:
    parts = []
    for line in text.rstrip("\n").splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("...")) + r" *\n")
    return "".join(parts)
