"""`python -m benchmarks [name ...]`: measure, side by side in one run, and tell.

A full run of everything writes `benchmarks/results.md` and its chart; any other prints its figures only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.bench import Bench
from benchmarks.catalogue import SUBJECTS, Subject
from benchmarks.chart import draw_chart
from benchmarks.figures import Figure
from benchmarks.machine import describe_machine
from benchmarks.processes import BenchmarkError
from benchmarks.report import Origin, write_goals, write_lines, write_page

HERE = Path(__file__).parent
RESULTS = HERE / "results.md"
CHART = HERE / "results.svg"
WORK = HERE / ".work"
"""Inside the checkout: /tmp is memory on many machines, and syncs nothing."""

SUBJECT_SECONDS = 300.0
"""The longest that one subject may take."""
ALL_SECONDS = 1_140.0
"""The longest that all of them may take together: the whole stays under twenty minutes."""
PIPED_WIDTH = 160


@dataclass(slots=True, kw_only=True)
class Run:
    """What a run has come to so far."""

    figures: list[Figure] = field(default_factory=list)
    #: by goal: why it was not measured
    gaps: dict[str, str] = field(default_factory=dict)
    #: by subject: why it could not be finished
    failed: dict[str, str] = field(default_factory=dict)


def main() -> int:
    """Measure what was asked for; the exit code."""
    options = _parse(sys.argv[1:])
    subjects = [SUBJECTS[name] for name in options.names or SUBJECTS]
    WORK.mkdir(exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        machine = describe_machine(Path(directory))
        run = _measure(subjects, options, Path(directory))
    if not options.names and not options.quick:
        origin = Origin(
            command=shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            commit=_commit(),
            seconds=time.monotonic() - begun,
            machine=machine,
        )
        RESULTS.write_text(write_page(run.figures, run.gaps, run.failed, origin))
        CHART.write_text(draw_chart(run.figures))
    if options.json:
        items = [figure.as_json() for figure in run.figures]
        answer = {"schema_version": 2, "machine": machine, "items": items, "gaps": run.gaps, "failed": run.failed}
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        _print_tables(run, machine, quick=options.quick)
    return 1 if run.failed else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    names = "\n".join(f"  {subject.name:12} {subject.words}" for subject in SUBJECTS.values())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures autoflow beside what shares its limits.",
        epilog=f"names:\n{names}\n\nWithout names: all of them, and benchmarks/results.md is written.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure (default: everything)")
    parser.add_argument("--seconds", type=float, help="length of a round (default: 2; quick: 0.5)")
    parser.add_argument("--rounds", type=int, help="rounds of each side (default: 3; quick: 1)")
    parser.add_argument(
        "--quick", action="store_true", help="one short round of less, in two minutes; writes no page"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (0.5 if options.quick else 2.0)
    options.rounds = options.rounds or (1 if options.quick else 3)
    unknown = [name for name in options.names if name not in SUBJECTS]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    if not 0.5 <= options.seconds <= 60:
        parser.error("--seconds is between 0.5 and 60")
    if not 1 <= options.rounds <= 20:
        parser.error("--rounds is between 1 and 20")
    return options


def _measure(subjects: Sequence[Subject], options: argparse.Namespace, directory: Path) -> Run:
    run = Run()
    until = time.monotonic() + ALL_SECONDS
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        line = progress.add_task("benchmarks", total=sum(subject.steps * options.rounds for subject in subjects))

        def tell(text: str) -> None:
            progress.update(line, advance=1, description=text)

        for subject in subjects:
            place = directory / subject.name
            place.mkdir()
            bench = Bench(
                seconds=options.seconds, rounds=options.rounds, directory=place, tell=tell, quick=options.quick
            )
            _measure_one(subject, bench, run, min(SUBJECT_SECONDS, until - time.monotonic()))
    return run


def _measure_one(subject: Subject, bench: Bench, run: Run, seconds: float) -> None:
    """One subject; where it fails, the others are measured all the same."""
    try:
        if seconds <= 0:
            raise BenchmarkError("no time was left for it")
        with _limit(seconds):
            run.figures += subject.measure(bench)
    except (BenchmarkError, AssertionError, OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
        said = f"{error}".strip().splitlines() or [type(error).__name__]
        reason = " ".join(dict.fromkeys([said[0], said[-1]]))  # what failed, and the last word on why
        sys.stderr.write(f"benchmarks: {subject.name}: {error}\n")
        run.failed[subject.name] = reason
        run.gaps.update(dict.fromkeys(subject.goals, reason))
    run.gaps.update(bench.gaps)


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """End what takes too long, wherever it is; its processes end with it."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise BenchmarkError(f"it took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _print_tables(run: Run, machine: dict[str, str], *, quick: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for name, text in machine.items():
        console.print(f"{name}: {text}", highlight=False)
    table = Table("what", "autoflow", "beside it", "ratio")
    for row in write_lines(run.figures):
        table.add_row(*row)
    console.print(table)
    goals = Table("work", "beside", "measured", "hold", "reach", "verdict")
    for row in write_goals(run.figures, run.gaps):
        goals.add_row(*row)
    if goals.row_count:
        console.print(goals)
    if quick:
        console.print("A first look, with fewer of everything: only a full run says how it stands to its goals.")


def _commit() -> str:
    """Which sources were measured."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"commit {told.stdout.strip()}" if told.returncode == 0 else "no commit known"


if __name__ == "__main__":
    sys.exit(main())
