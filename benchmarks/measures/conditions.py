"""How many events a second are judged by 1, 100, 1,000 and 10,000 rules that all listen to the same event.

In this process, without store and HTTP. Two shapes of condition: one that names a client (`==`), of which an event
meets one; and one that names an amount (`>=`) and can be found by no value. Beside them a loop in plain Python that
asks each rule's hand-written function: it knows no missing values and no kinds, and tells no errors apart.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoflow.model.condition import All, Condition, Leaf, Reference
from autoflow.model.event import Event, facts_of
from autoflow.model.rule import EventPattern, Rule
from autoflow.rules.rulebook import Rulebook, RuleVersion
from benchmarks.bench import Bench
from benchmarks.examples import EVENT
from benchmarks.figures import Figure, Round, make_figure

COUNTS = (1, 100, 1_000, 10_000)
ROUND_SHARE = 0.1
"""Of a round's length: there are many rounds, and nothing here waits for a disk."""

TOTAL = Reference(fact="job", path="$.total")
CLIENT = Reference(fact="job", path="$.client.id")
HIT = 7

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of rule: the condition of the n-th rule, and the same in plain Python."""

    words: str
    condition: Callable[[int], Condition]
    function: Callable[[int], Callable[[Facts], bool]]


def _client_condition(number: int) -> Condition:
    return All(
        conditions=(
            Leaf(left=CLIENT, operator="equal", value=HIT + number),
            Leaf(left=TOTAL, operator="greaterThanInclusive", value=1000),
        )
    )


def _client_function(number: int) -> Callable[[Facts], bool]:
    client = HIT + number
    return lambda facts: facts["job"]["client"]["id"] == client and facts["job"]["total"] >= 1000


def _amount_condition(number: int) -> Condition:
    return Leaf(left=TOTAL, operator="greaterThanInclusive", value=1000 if number == 0 else 5000 + number)


def _amount_function(number: int) -> Callable[[Facts], bool]:
    least = 1000 if number == 0 else 5000 + number
    return lambda facts: facts["job"]["total"] >= least


SHAPES = (
    Shape(words="`==` on a client, then `>=`", condition=_client_condition, function=_client_function),
    Shape(words="only `>=` on an amount", condition=_amount_condition, function=_amount_function),
)


def measure_conditions(bench: Bench) -> list[Figure]:
    """Each shape at each number of rules."""
    figures = []
    for shape in SHAPES:
        judged = [_measure(bench, shape, count) for count in COUNTS]
        figures += [*judged, _growth(shape, judged[0], judged[-1])]
    return figures


def _growth(shape: Shape, one: Figure, many: Figure) -> Figure:
    """How much more an event costs with the most rules than with one."""
    assert one.beside_value is not None
    assert many.beside_value is not None
    return make_figure(
        f"cost of an event, {COUNTS[-1]:,} rules by 1 rule, {shape.words}",
        "times",
        [Round(value=one.value / many.value)],
        "a plain Python loop over hand-written functions",
        [Round(value=one.beside_value / many.beside_value)],
    )


def _measure(bench: Bench, shape: Shape, count: int) -> Figure:
    facts = facts_of(_event())
    event = _event()
    rulebook = Rulebook([_version(number, shape.condition(number)) for number in range(count)])
    functions = [shape.function(number) for number in range(count)]
    if [hit.id for hit in rulebook.match(event, facts).hits] != _scan(functions, facts) or not functions[0](facts):
        raise AssertionError("the rulebook and the loop do not find the same rules")
    seconds = bench.seconds * ROUND_SHARE
    gc.collect()
    rounds, references = bench.alternate(
        lambda: _rate(lambda: _scan(functions, facts), seconds, count),
        lambda: _rate(lambda: rulebook.match(event, facts), seconds, count),
        f"conditions, {count} rules",
    )
    rules = "1 rule" if count == 1 else f"{count:,} rules"
    name = f"events judged, {rules}, {shape.words}"
    return make_figure(name, "events/s", rounds, "a plain Python loop over hand-written functions", references)


def _scan(functions: Sequence[Callable[[Facts], bool]], facts: Facts) -> list[int]:
    return [number for number, holds in enumerate(functions) if holds(facts)]


def _rate(judge: Callable[[], object], seconds: float, count: int) -> Round:
    """Events a second; between two looks at the clock there are about 1,000 conditions."""
    batch = range(max(1, 1_000 // count))
    judged = 0
    begun = now = time.perf_counter()
    while now - begun < seconds:
        for _ in batch:
            judge()
        judged += len(batch)
        now = time.perf_counter()
    rate = judged / (now - begun)
    return Round(value=rate, also={"evaluations_per_second": rate * count})


def _version(number: int, condition: Condition) -> RuleVersion:
    rule = Rule(
        account="default",
        id=f"rule-{number}",
        name=f"rule {number}",
        triggers=(EventPattern(events=("job.created",)),),
        when=condition,
        actions=(),
        hash=str(number),
        document={},
    )
    return RuleVersion(id=number, rule=rule)


def _event() -> Event:
    return Event(id="1", type="job.created", time=0, received_at=0, raw=b"{}", data=EVENT["data"])
