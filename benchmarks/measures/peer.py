"""How many events a second json-rules-engine judges, on node, and autoflow beside it: the same rules and event.

Optional: where node or the package is not there it says so and measures nothing. To have it: `make bench-peers`, or
any folder that NODE_PATH names.
Both are handed the same facts; the peer builds its result trees. Beside it stands what is left of autoflow's rate
when the facts are made from the event each time, with its envelope and its trigger, which the peer does not have.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from autoflow.matching.tree import write_condition
from autoflow.model.condition import All, Condition, Leaf, Reference
from autoflow.model.event import facts_of
from benchmarks.bench import Bench
from benchmarks.examples import EVENT
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.measures.conditions import STATUS, TOTAL, make_event, make_rulebook, measure_rate
from benchmarks.peers import NODE_PACKAGES, find_node_package, node_environment
from benchmarks.processes import BenchmarkError

PEER = "json-rules-engine"
COUNTS = (1, 100, 1_000)
SCRIPT = Path(__file__).parents[1] / "peer.js"

PHONE = Reference(fact="job", path="$.assignedTechnician.phone")
TYPE = Reference(fact="job", path="$.client.type")


def measure_peer(bench: Bench) -> list[Figure]:
    """Each number of rules, or nothing where the peer is not installed."""
    missing = find_node_package(PEER).missing
    if missing:
        bench.leave_out(missing, *(f"rules-{count}" for count in COUNTS))
        return []
    return [_measure(bench, count).toward(f"rules-{count}") for count in COUNTS]


def make_condition(number: int) -> Condition:
    """The two conditions of the CRM's document in turn, with other values; of 1,000 the event meets 37 in 100."""
    if number % 2:
        status = Leaf(left=STATUS, operator="equal", value="Open" if number % 4 == 1 else "Done")
        return All(conditions=(status, Leaf(left=PHONE, operator="notEqual", value=None)))
    total = Leaf(left=TOTAL, operator="greaterThanInclusive", value=1_000 + number)
    return All(conditions=(total, Leaf(left=TYPE, operator="equal", value="Commercial")))


def _measure(bench: Bench, count: int) -> Figure:
    conditions = [make_condition(number) for number in range(count)]
    event = make_event()
    rulebook = make_rulebook(conditions)
    facts = facts_of(event)
    hits = [hit.id for hit in rulebook.match(event, facts).hits]
    seconds = bench.seconds / 2
    rounds, references = bench.alternate(
        lambda: _run_peer(conditions, hits, seconds),
        lambda: Round(
            value=measure_rate(lambda: rulebook.match(event, facts), seconds / 2, count).value,
            also={
                "facts_made_per_second": measure_rate(
                    lambda: rulebook.match(event, facts_of(event)), seconds / 2, count
                ).value
            },
        ),
        f"{PEER}, {count} rules",
    )
    rules = "1 rule" if count == 1 else f"{count:,} rules"
    beside = f"{PEER} {NODE_PACKAGES[PEER]}"
    return make_figure(f"events judged, {rules} as in the CRM's document", "events/s", rounds, beside, references)


def _run_peer(conditions: Sequence[Condition], hits: Sequence[int], seconds: float) -> Round:
    """One round of the peer in a process of its own. It has to meet the same rules."""
    order = {
        "rules": [write_condition(condition) for condition in conditions],
        "facts": EVENT["data"],
        "milliseconds": round(seconds * 1000),
    }
    run = subprocess.run(
        ["node", str(SCRIPT)],
        input=json.dumps(order),
        env=node_environment(),
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if run.returncode:
        raise BenchmarkError(f"{PEER} failed:\n{run.stderr[-1000:]}")
    told = json.loads(run.stdout)
    if told["hits"] != list(hits):
        raise BenchmarkError(f"{PEER} and autoflow do not meet the same rules")
    return Round(value=told["rate"], also={"evaluations_per_second": told["rate"] * len(conditions)})
