"""How fast recorded events are replayed through two versions of a hundred rules, by the clock, start-up and all."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.measures.commands import write_rules
from benchmarks.processes import BenchmarkError, autoflow_command

RULES = 100
EVENTS, QUICK_EVENTS = 20_000, 4_000
LIMIT_SECONDS = 100.0
_GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false")


def measure_backtest(bench: Bench) -> list[Figure]:
    """Each event meets one rule of a hundred, which sends something else in the newer version."""
    place, number = bench.place(), bench.amount(EVENTS, QUICK_EVENTS)
    _write_versions(place)
    _write_events(place / "events.jsonl", number)
    rounds = []
    for one in range(bench.rounds):
        bench.tell(f"backtest, round {one + 1} of {bench.rounds}")
        rounds.append(_run(place, number))
    name = f"`autoflow backtest` of {number:,} events, {RULES} rules on each side"
    return [make_figure(name, "events/s", rounds).toward("backtest")]


def _write_versions(place: Path) -> None:
    """One version committed, the other one in the directory."""
    rules = place / "rules"
    rules.mkdir()
    write_rules(rules, files=RULES, each=1)
    for words in (("init", "-q"), ("add", "rules"), ("commit", "-q", "-m", "rules")):
        subprocess.run([*_GIT, *words], cwd=place, check=True, capture_output=True)
    for path in rules.iterdir():
        path.write_text(path.read_text().replace("is completed", "is done"))


def _write_events(path: Path, number: int) -> None:
    with path.open("w") as file:
        for one in range(number):
            job = {
                "id": one,
                "number": f"J-{one}",
                "status": "Done",
                "total": 1_500,
                "client": {"id": one % RULES, "name": "Jane Smith"},
                "assignedTechnician": {"phone": "+15557654321"},
            }
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_790_000_000 + one))
            event = {"id": f"e{one}", "type": "job.status.changed", "time": moment, "data": {"job": job}}
            file.write(json.dumps(event) + "\n")


def _run(place: Path, number: int) -> Round:
    command = [*autoflow_command(), "backtest", "--events", "events.jsonl", "--from", "HEAD", "--json"]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    after, lasted = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    if run.returncode:
        raise BenchmarkError(f"the backtest failed:\n{run.stderr[-1500:]}")
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    summary = json.loads(run.stdout)["summary"]
    if (summary["from_runs"], summary["actions"]) != (number, number):
        raise BenchmarkError(f"the backtest found something else: {summary}")
    return Round(value=number / lasted, also={"seconds": lasted, "processor_seconds": spent})
