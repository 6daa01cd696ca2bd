"""The machine that was measured: the figures mean little without it."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import Round, percentile

BLOCK = os.urandom(4096)
DISTRIBUTIONS = ("autoflow-rules", "uvicorn", "uvloop", "httptools", "aiohttp", "msgspec", "PyYAML", "google-re2")
"""What the figures depend on, ours and what stands beside it."""
PROGRAMS = {"node": ["node", "--version"], "wrk": ["wrk", "-v"]}


def sync_blocks(directory: Path, seconds: float) -> Round:
    """How many 4 KiB blocks a second can be appended to a file, each followed by fdatasync."""
    path = directory / "fdatasync"
    taken: list[float] = []
    with path.open("wb", buffering=0) as file:
        begun = time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            file.write(BLOCK)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - now)
        lasted = time.perf_counter() - begun
    path.unlink()
    also = {"p50_ms": percentile(taken, 0.5) * 1000, "p99_ms": percentile(taken, 0.99) * 1000}
    return Round(value=len(taken) / lasted, also=also)


def describe_machine(directory: Path) -> dict[str, str]:
    """What the figures were made on, by name."""
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}, {_file_system(directory)}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "versions": ", ".join([*(f"{name} {version(name)}" for name in DISTRIBUTIONS), *_programs()]),
        "disk": f"{sync_blocks(directory, 1.0).value:,.0f} appends of 4 KiB with fdatasync a second",
        "load before": f"{load} (1, 5, 15 minutes)",
    }


def _programs() -> Iterator[str]:
    """The programs that are here, with what they say of their version."""
    for name, command in PROGRAMS.items():
        if shutil.which(name):
            # wrk tells its version and then that it was not told what to do
            told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.split()
            number = next((word for word in told if any(letter.isdigit() for letter in word)), "")
            yield f"{name} {number.removeprefix('v')}".strip()


def _processor() -> str:
    lines = _lines_of(Path("/proc/cpuinfo"))
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _file_system(directory: Path) -> str:
    """The kind of the file system that the directory lies on."""
    best, kind = "", "unknown file system"
    for line in _lines_of(Path("/proc/mounts")):
        _, place, name, *_ = line.split()
        if str(directory.resolve()).startswith(place) and len(place) > len(best):
            best, kind = place, name
    return kind


def _lines_of(path: Path) -> Iterator[str]:
    if path.exists():
        yield from path.read_text().splitlines()
