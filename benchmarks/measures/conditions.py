"""How many events a second are judged by 1, 100, 1,000 and 10,000 rules that all listen to the same event.

In this process, without store and HTTP. Two shapes of condition: one that names a client (`==`), of which an event
meets one; and one that names an amount (`>=`) and can be found by no value. Beside them a loop in plain Python that
asks each rule's hand-written function: it knows no missing values and no kinds, and tells no errors apart.

A third shape has ranges, regular expressions, `not` and `or` in turn. Beside it stand the same conditions, each
compiled to closures by itself and asked in a loop: equal in meaning, and what judging many together gains.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Value

from autoflow.matching.compiler import compile_condition
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.event import Event, facts_of
from autoflow.model.rule import EventPattern, Rule
from autoflow.rules.rulebook import Rulebook, RuleVersion
from benchmarks.bench import Bench
from benchmarks.examples import EVENT
from benchmarks.figures import Figure, Round, make_figure

COUNTS = (1, 100, 1_000, 10_000)
SCANNED = 1_000
"""At so many rules a scan of their closures is set beside what judges them together."""
ROUND_SHARE = 0.1
"""Of a round's length: there are many rounds, and nothing here waits for a disk."""

HAND_WRITTEN = "a plain Python loop over hand-written functions"
BY_THEMSELVES = "a loop over the conditions, each compiled by itself"

TOTAL = Reference(fact="job", path="$.total")
CLIENT = Reference(fact="job", path="$.client.id")
STATUS = Reference(fact="job", path="$.status")
NUMBER = Reference(fact="job", path="$.number")
HIT = 7

Facts = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of rule: the condition of the n-th rule, and the same in plain Python."""

    words: str
    condition: Callable[[int], Condition]
    #: None where the reference is each condition compiled by itself
    function: Callable[[int], Callable[[Facts], bool]] | None = None
    #: whether each rule has an equality by which it is found
    is_filed: bool = False

    @property
    def beside(self) -> str:
        """What the reference is."""
        return HAND_WRITTEN if self.function else BY_THEMSELVES

    def make_function(self, number: int) -> Callable[[Facts], bool]:
        """The reference's function for the n-th rule."""
        return self.function(number) if self.function else compile_condition(self.condition(number))


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


def _unfiled_condition(number: int) -> Condition:
    """No equality that all of it needs: nothing that an index can file it by. Of each kind a few hold."""
    match number % 4:
        case 0:
            low = 1200 + number
            bounds = [("greaterThan", low), ("lessThan", low + 40)]
            return All(conditions=tuple(Leaf(left=TOTAL, operator=name, value=value) for name, value in bounds))
        case 1:
            return Leaf(left=NUMBER, operator="matches", value=f"^J-{5540 + number}|x{number}.*z$")
        case 2:
            high = Leaf(left=TOTAL, operator="greaterThanInclusive", value=1240 - number)
            return Not(condition=Any(conditions=(high, Leaf(left=STATUS, operator="equal", value="Closed"))))
        case _:
            high = Leaf(left=TOTAL, operator="greaterThan", value=1233 + number)
            return Any(conditions=(high, Leaf(left=STATUS, operator="equal", value=f"Lost {number}")))


SHAPES = (
    Shape(words="`==` on a client, then `>=`", condition=_client_condition, function=_client_function, is_filed=True),
    Shape(words="only `>=` on an amount", condition=_amount_condition, function=_amount_function),
    Shape(words="ranges, expressions, `not` and `or`", condition=_unfiled_condition),
)


def measure_conditions(bench: Bench) -> list[Figure]:
    """Each shape at each number of rules."""
    figures = []
    for shape in SHAPES:
        judged = [_measure(bench, shape, count) for count in COUNTS]
        growth = _growth(bench, shape)
        figures += [*judged, growth.toward("growth") if shape.is_filed else growth]
    return figures


def make_rulebook(conditions: Sequence[Condition]) -> Rulebook:
    """Rules for the measured event, numbered from 0."""
    return Rulebook([_version(number, condition) for number, condition in enumerate(conditions)])


def _growth(bench: Bench, shape: Shape) -> Figure:
    """What is left of the rate with the most rules, as a share of the rate with one; both again, side by side."""
    event, seconds = make_event(), bench.seconds * ROUND_SHARE
    facts = facts_of(event)

    def prepare(count: int) -> Callable[[], Round]:
        rulebook = make_rulebook([shape.condition(number) for number in range(count)])
        rulebook.match(event, facts)
        return lambda: measure_rate(lambda: rulebook.match(event, facts), seconds, 1)

    most, one = prepare(COUNTS[-1]), prepare(1)
    gc.collect()
    rounds, references = bench.alternate(one, most, f"growth, {shape.words}")
    name = f"events judged, {COUNTS[-1]:,} rules beside 1, {shape.words}"
    return make_figure(name, "events/s", rounds, "the same with 1 rule", references)


def _measure(bench: Bench, shape: Shape, count: int) -> Figure:
    facts = facts_of(make_event())
    event = make_event()
    rulebook = make_rulebook([shape.condition(number) for number in range(count)])
    functions = [shape.make_function(number) for number in range(count)]
    if [hit.id for hit in rulebook.match(event, facts).hits] != _scan(functions, facts) or not functions[0](facts):
        raise AssertionError("the rulebook and the loop do not find the same rules")
    seconds = bench.seconds * ROUND_SHARE
    gc.collect()
    rounds, references = bench.alternate(
        lambda: measure_rate(lambda: _scan(functions, facts), seconds, count),
        lambda: measure_rate(lambda: rulebook.match(event, facts), seconds, count),
        f"conditions, {count} rules",
    )
    rules = "1 rule" if count == 1 else f"{count:,} rules"
    name = f"events judged, {rules}, {shape.words}"
    figure = make_figure(name, "events/s", rounds, shape.beside, references).at("rules", shape.words, count)
    return figure.toward("unfiled") if shape.function is None and count == SCANNED else figure


def _scan(functions: Sequence[Callable[[Facts], bool]], facts: Facts) -> list[int]:
    return [number for number, holds in enumerate(functions) if holds(facts)]


def measure_rate(judge: Callable[[], object], seconds: float, count: int) -> Round:
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


def make_event() -> Event:
    """The measured event."""
    return Event(id="1", type="job.created", time=0, received_at=0, raw=b"{}", data=EVENT["data"])
