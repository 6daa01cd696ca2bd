"""What commands cost from the shell, in processor time (user and system): start-up, and a check of many rules."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import BenchmarkError, autoflow_command

TRIES = 5
FILES = 100
RULES_A_FILE = 10
COMMAND_SECONDS = 60.0

_RULE = """\
id: rule-{number}
name: Tell the technician of job {number}
trigger: {{ event: job.status.changed }}
delay: {minutes}m
cancel_on: {{ event: job.reopened, by: job.id }}
when:
  - job.status == "Done"
  - job.client.id == {number}
  - job.total >= 1000 or job.tags contains "vip"
actions:
  - sms:
      recipient: "{{{{ job.assignedTechnician.phone }}}}"
      message: "Job {{{{ job.number }}}} for {{{{ job.client.name }}}} is completed."
"""
_YAML_ALONE = """\
import pathlib, sys, yaml
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    list(yaml.load_all(path.read_text(), yaml.CSafeLoader))
"""


def measure_start(bench: Bench) -> list[Figure]:
    """Commands that do next to nothing, beside Python that does nothing."""
    place = bench.place()
    write_rules(place, files=1, each=1)
    commands = {
        "autoflow --version": (["--version"], "version"),
        "autoflow --help": (["--help"], None),
        "autoflow validate, one rule": (["validate", str(place)], "validate"),
    }
    figures = []
    for name, (arguments, goal) in commands.items():
        rounds, references = bench.alternate(
            lambda: _time([sys.executable, "-c", "pass"], TRIES),
            lambda arguments=arguments: _time([*autoflow_command(), *arguments], TRIES),
            name,
        )
        figure = make_figure(f"processor time of `{name}`", "ms", rounds, "`python -c pass`", references)
        figures.append(figure.toward(goal) if goal else figure)
    return figures


def measure_validate(bench: Bench) -> list[Figure]:
    """A thousand rules, beside a YAML parser written in C that only reads them."""
    rules = bench.place()
    write_rules(rules, files=FILES, each=RULES_A_FILE)
    rounds, references = bench.alternate(
        lambda: _time([sys.executable, "-c", _YAML_ALONE, str(rules)], 1),
        lambda: _time([*autoflow_command(), "validate", str(rules)], 1),
        "validate",
    )
    name = f"processor time of `autoflow validate`, {FILES * RULES_A_FILE:,} rules in {FILES} files"
    return [make_figure(name, "ms", rounds, "PyYAML with libyaml, reading only", references)]


def write_rules(place: Path, *, files: int, each: int) -> None:
    """That many files of that many rules."""
    for number in range(files):
        parts = (_rule(number * each + one) for one in range(each))
        (place / f"{number:04}.yaml").write_text("---\n".join(parts))


def _rule(number: int) -> str:
    return _RULE.format(number=number, minutes=number % 50 + 1)


def _time(command: Sequence[str], tries: int) -> Round:
    """The median processor time of a command that must succeed, and how long it took by the clock."""
    taken, lasted = [], []
    for _ in range(tries):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        run = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        lasted.append((time.perf_counter() - begun) * 1000)
        taken.append((after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000)
        if run.returncode:
            raise BenchmarkError(f"{' '.join(command)} failed:\n{run.stdout[-1500:]}{run.stderr[-500:]}")
    return Round(value=statistics.median(taken), also={"by_the_clock_ms": statistics.median(lasted)})
