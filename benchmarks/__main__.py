"""`python -m benchmarks [name ...]`: measure, side by side in one run, and tell.

A run of everything writes `benchmarks/results.md`; a run of some names prints its figures only.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.bench import Bench
from benchmarks.catalogue import SUBJECTS, Subject
from benchmarks.figures import Figure
from benchmarks.machine import describe_machine
from benchmarks.processes import BenchmarkError
from benchmarks.report import write_lines, write_page

HERE = Path(__file__).parent
RESULTS = HERE / "results.md"
WORK = HERE / ".work"
"""Inside the checkout: /tmp is memory on many machines, and syncs nothing."""

ROUNDS = 3


def main() -> int:
    """Measure what was asked for; the exit code."""
    options = _parse(sys.argv[1:])
    subjects = [SUBJECTS[name] for name in options.names or SUBJECTS]
    WORK.mkdir(exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        machine = describe_machine(Path(directory))
        try:
            figures = _measure(subjects, seconds=options.seconds, directory=Path(directory))
        except BenchmarkError as error:
            sys.stderr.write(f"benchmarks: {error}\n")
            return 1
    lasted = time.monotonic() - begun
    if not options.names:
        command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
        date = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        page = write_page(figures, machine, command=command, date=date, commit=_commit(), seconds=lasted)
        RESULTS.write_text(page)
    if options.json:
        answer = {"schema_version": 1, "machine": machine, "items": [figure.as_json() for figure in figures]}
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        _print_table(figures, machine)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = "\n".join(f"  {subject.name:12} {subject.words}" for subject in SUBJECTS.values())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures autoflow beside what shares its limits.",
        epilog=f"names:\n{names}\n\nWithout names: all of them, and benchmarks/results.md is written.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure (default: everything)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round (default: 2)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in SUBJECTS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    if not 0.5 <= options.seconds <= 60:
        parser.error("--seconds is between 0.5 and 60")
    return options


def _measure(subjects: Sequence[Subject], *, seconds: float, directory: Path) -> list[Figure]:
    figures: list[Figure] = []
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        line = progress.add_task("benchmarks", total=sum(subject.steps for subject in subjects))

        def tell(text: str) -> None:
            progress.update(line, advance=1, description=text)

        for subject in subjects:
            figures += _measure_one(subject, seconds, directory, tell)
    return figures


def _measure_one(subject: Subject, seconds: float, directory: Path, tell: Callable[[str], None]) -> list[Figure]:
    place = directory / subject.name
    place.mkdir()
    return subject.measure(Bench(seconds=seconds, rounds=ROUNDS, directory=place, tell=tell))


def _print_table(figures: Sequence[Figure], machine: dict[str, str]) -> None:
    console = Console()
    for name, text in machine.items():
        console.print(f"{name}: {text}", highlight=False)
    table = Table("what", "autoflow", "beside it", "ratio")
    for row in write_lines(figures):
        table.add_row(*row)
    console.print(table)


def _commit() -> str:
    """Which sources were measured."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"commit {told.stdout.strip()}" if told.returncode == 0 else "no commit known"


if __name__ == "__main__":
    sys.exit(main())
