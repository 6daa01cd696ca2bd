"""How long commands take from the shell: start-up, and a check of many rules."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import BenchmarkError, autoflow_command

TRIES = 5
FILES = 100
RULES_A_FILE = 10

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
    (place / "rules").mkdir()
    (place / "rules" / "one.yaml").write_text(_rule(1))
    commands = {
        "autoflow --version": ["--version"],
        "autoflow --help": ["--help"],
        "autoflow validate, one rule": ["validate", str(place / "rules")],
    }
    figures = []
    for name, arguments in commands.items():
        rounds, references = bench.alternate(
            lambda: _time([sys.executable, "-c", "pass"], TRIES),
            lambda arguments=arguments: _time([*autoflow_command(), *arguments], TRIES),
            name,
        )
        figures.append(make_figure(f"time of `{name}`", "ms", rounds, "`python -c pass`", references))
    return figures


def measure_validate(bench: Bench) -> list[Figure]:
    """A thousand rules, beside a YAML parser written in C that only reads them."""
    rules = bench.place()
    for number in range(FILES):
        parts = (_rule(number * RULES_A_FILE + one) for one in range(RULES_A_FILE))
        (rules / f"{number:03}.yaml").write_text("---\n".join(parts))
    rounds, references = bench.alternate(
        lambda: _time([sys.executable, "-c", _YAML_ALONE, str(rules)], 1),
        lambda: _time([*autoflow_command(), "validate", str(rules)], 1),
        "validate",
    )
    name = f"time of `autoflow validate`, {FILES * RULES_A_FILE:,} rules in {FILES} files"
    return [make_figure(name, "ms", rounds, "PyYAML with libyaml, reading only", references)]


def _rule(number: int) -> str:
    return _RULE.format(number=number, minutes=number % 50 + 1)


def _time(command: Sequence[str], tries: int) -> Round:
    """The median time of a command that must succeed."""
    taken = []
    for _ in range(tries):
        begun = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        taken.append((time.perf_counter() - begun) * 1000)
        if run.returncode:
            raise BenchmarkError(f"{' '.join(command)} failed:\n{run.stdout[-1500:]}{run.stderr[-500:]}")
    return Round(value=statistics.median(taken))
