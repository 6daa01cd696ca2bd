"""What is said about rules that load: true of every event, and placed where it belongs, however that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.condition import Condition
from autoflow.model.event import Event, arrival_facts
from autoflow.model.problem import Problem
from autoflow.model.rule import EventPattern, Rule
from autoflow.model.step import Step
from autoflow.rules.context import LoadContext
from autoflow.rules.loaded import Loaded
from autoflow.rules.loader import LoadResult, load_files, load_text
from autoflow.rules.review import review_rules
from autoflow.rules.review.clashes import find_clashes
from autoflow.rules.review.rings import find_rings
from autoflow.rules.review.triggers import name_covers
from autoflow.rules.rulebook import Rulebook, RuleVersion, pattern_means
from autoflow.security.egress import EgressGuard
from autoflow.settings import EventFiles
from autoflow.templates import TemplateLibrary
from unit.matching.test_contradiction import close_conditions, close_facts

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
NAMES = ["a.b", "a.c", "a.b.c", "a.*", "a.b.*", "*", "autoflow.x", "autoflow.*"]


def review(result: LoadResult, chain_depth: int = 16) -> tuple[Problem, ...]:
    loaded = Loaded(result=result, library=TemplateLibrary(), context=CONTEXT)
    return review_rules(loaded, chain_depth=chain_depth)


def review_text(text: str) -> tuple[Problem, ...]:
    result = load_text(text, "rules.yaml", CONTEXT)
    assert result.errors == ()
    return review(result)


def places(text: str, code: str) -> list[str]:
    """What of the text is marked by the problems of this code."""
    lines = text.splitlines()
    return [
        lines[problem.line - 1][problem.column - 1 : problem.end_column - 1]
        for problem in review_text(text)
        if problem.code == code
    ]


def make_rule(name: str, *patterns: EventPattern, when: Condition | None = None, emits: str = "") -> Rule:
    step = Step(path="1", type="emit", params={"type": emits}) if emits else Step(path="1", type="log", params={})
    return Rule(
        account="default", id=name, name=name, triggers=patterns, when=when, actions=(step,), hash=name, document={}
    )  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(
    st.lists(st.tuples(st.sampled_from(["a.b", "a.*"]), st.none() | close_conditions), min_size=1, max_size=2),
    close_conditions,
    st.lists(close_facts, min_size=15, max_size=15),
)
def test_a_rule_that_never_fires_is_met_by_no_event(
    triggers: list[tuple[str, Condition | None]], when: Condition, many: list[dict[str, Any]]
) -> None:
    """Whatever the trigger and the rule's own condition say together, the rulebook has the last word."""
    rule = make_rule("r", *(EventPattern(events=(name,), when=own) for name, own in triggers), when=when)
    remarks = [remark for remark in find_clashes(rule) if remark.code == "AF161"]
    if not remarks:
        return
    rulebook = Rulebook([RuleVersion(id=1, rule=rule)])
    for data in many:
        event = Event(id="1", type="a.b", time=0, received_at=0, raw=b"", data=data)
        assert not rulebook.match(event, arrival_facts(event)).hits


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=9))
def test_rings_are_found_exactly_where_rules_lead_back_to_themselves(links: list[tuple[int, int]]) -> None:
    """Rules that emit what others hear: a remark names a ring that is one, and there is one for each set of rings."""
    rules = [
        make_rule(f"r{number}", EventPattern(events=(f"e.{start}",)), emits=f"e.{end}")
        for number, (start, end) in enumerate(links)
    ]
    heard = {
        one: [other for other, (start, _) in enumerate(links) if start == links[one][1]] for one in range(len(links))
    }
    reached = {one: _reach(one, heard) for one in heard}
    in_rings = {one for one in heard if one in reached[one]}
    groups = {
        frozenset(other for other in in_rings if other in reached[one] and one in reached[other]) for one in in_rings
    }
    remarks = list(find_rings(rules, 16))
    assert len(remarks) == len(groups)
    for remark in remarks:
        way = remark.message.partition(": ")[2].split(" -> ")
        assert way[0] == way[-1] == remark.rule.id


def _reach(start: int, heard: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for other in heard[waiting.pop()]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


@pytest.mark.parametrize("wider", NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_one_name_covers_another_as_the_rulebook_means_it(wider: str, name: str) -> None:
    """Whatever event the one means, the other means too; and a name is not said to cover more."""
    events = [name] if not name.endswith("*") else [name.replace("*", end) for end in ("x", "x.y", "b")]
    if name == "*":
        events = ["a.b", "b", "x.y"]
    means = all(pattern_means(EventPattern(events=(wider,)), event) for event in events)
    assert name_covers(wider, name) is means


@pytest.mark.parametrize(
    ("when", "marked"),
    [
        ("when: a.x == 1 and not (a.x == 1)", "a.x == 1"),
        ("when: 'a.s == \"it''s\" and a.s == \"é\"'", 'a.s == "é"'),
        ("when: { any: [ { all: [ a.x > 5, a.x < 3 ] } ] }", "a.x < 3"),
        ("when: { AND: [ a.x > 5, { OR: [ a.x < 3, a.x < 2 ] } ] }", "a.x < 2"),
        ("when: { operator: AND, conditions: [ a.x > 5, a.x < 3 ] }", "a.x < 3"),
        ("when: { operator: NOT, conditions: [ { any: [ a.x > 5, not (a.x > 5) ] } ] }", "a.x > 5"),
        ("conditions: [ a.x > 5, { not: { any: [ a.y == 1, a.x > 4 ] } } ]", "a.x > 4"),
        ("when: { all: [ { field: a.x, operator: '>', value: 5 }, a.x < 3 ] }", "a.x < 3"),
    ],
)
def test_the_comparison_that_clashes_is_marked(when: str, marked: str) -> None:
    """Lines and trees in every spelling: exactly the last comparison that cannot hold is marked."""
    text = f"trigger: {{ event: a.b }}\n{when}\nactions: [ log: {{ message: x }} ]\n"
    assert places(text, "AF161") == [marked]


def test_what_a_shared_condition_says_is_marked_where_it_is_named() -> None:
    """The shared condition is right for other rules: it is this one that cannot use it."""
    text = (
        "shared_conditions: { big: 'a.x > 5' }\n"
        "rules:\n"
        "  - { id: r, trigger: { event: a.b }, when: { all: [ a.x < 3, { condition: big } ] }, "
        "actions: [ log: { message: x } ] }\n"
    )
    assert places(text, "AF161") == ["big"]


def test_the_account_of_a_whole_file_is_marked_once() -> None:
    """An account that stands beside the rules is one mistake, however many rules follow."""
    rule = "  - {{ id: r{0}, trigger: {{ event: a.b }}, actions: [ log: {{ message: '{0}' }} ] }}\n"
    other = "".join(rule.format(n).replace("{ id", "{ account: acme, id") for n in range(6))
    text = f"rules:\n{other}---\naccount: acmee\nrules:\n{rule.format(7)}{rule.format(8)}"
    assert places(text, "AF164") == ["acmee"]


@pytest.mark.parametrize(
    ("one", "other"), [("team1", "team2"), ("eu-1", "eu-2"), ("acme", "default"), ("north", "south")]
)
def test_accounts_that_are_meant_to_differ_are_left_alone(one: str, other: str) -> None:
    """Numbers tell accounts apart, and names that have little in common are two names."""
    rule = "- {{ id: r{0}, account: {1}, trigger: {{ event: a.b }}, actions: [ log: {{ message: '{0}' }} ] }}\n"
    text = "rules:\n" + "".join(rule.format(n, one) for n in range(9)) + rule.format(9, other)
    assert review_text(text) == ()


@pytest.mark.parametrize(
    ("data", "when", "goes_round"),
    [
        ('{ job: { status: "done" } }', 'job.status == "new"', False),
        ('{ job: { status: "new" } }', 'job.status == "new"', True),
        ('{ job: { status: "{{ job.status }}" } }', 'job.status == "new"', True),
        ("{ job: { fact: job } }", 'job.status == "new"', True),
        ("{ other: 1 }", 'job.status == "new"', False),
        ("{ other: 1 }", "job.status not exists", True),
        ("{ literal: { job: { fact: done } } }", 'job.fact == "done"', True),
        ("{ literal: { job: { fact: done } } }", 'job.fact == "new"', False),
        ("{ job: [ 1, { fact: job } ] }", "job[0] == 2", True),
        ("{ job: [ 1, 2 ] }", "job[0] == 2", False),
        ("{}", "event.depth < 3", False),
        ("{}", 'event.source == "crm"', False),
        ("{}", 'event.source == "autoflow"', True),
    ],
)
def test_what_is_known_of_an_emitted_event_decides_whether_it_goes_round(
    data: str, when: str, goes_round: bool
) -> None:
    """Values that stand written out cannot be other ones; what the event decides may be anything."""
    text = f"id: r\ntrigger: {{ event: a.b }}\nwhen: '{when}'\nactions:\n  - emit: {{ type: a.b, data: {data} }}\n"
    assert ("AF163" in [problem.code for problem in review_text(text)]) is goes_round


def test_a_ring_needs_rules_that_act_in_one_account() -> None:
    """A rule that is off or in shadow emits nothing, and another account hears nothing."""
    rule = "id: {0}\n{3}\ntrigger: {{ event: a.{1} }}\nactions: [ emit: {{ type: a.{2} }} ]\n"
    for extra in ("enabled: false", "enabled: shadow", "account: other"):
        text = rule.format("r", 1, 2, "enabled: true") + "---\n" + rule.format("s", 2, 1, extra)
        assert review_text(text) == ()


def test_reminders_and_trials_are_no_twins() -> None:
    """The same after two delays, and a rule in shadow beside one that acts, are meant so; names decide nothing."""
    rule = "id: {0}\n{1}\ntrigger: {{ event: a.b }}\nactions: [ log: {{ message: x }} ]\n"
    for extra in ("delay: 1d", "enabled: shadow", "enabled: false", "account: other"):
        assert review_text(rule.format("r", "labels: [a]") + "---\n" + rule.format("s", extra)) == ()
    told = review_text(rule.format("r", "labels: [a]") + "---\n" + rule.format("s", "description: b"))
    assert [problem.code for problem in told] == ["AF162"]


def test_rules_of_several_files_are_reviewed_together(tmp_path: Path) -> None:
    """A twin in another file is named with its place."""
    (tmp_path / "one.yaml").write_text("trigger: { event: a.b }\nactions: [ log: { message: x } ]\n")
    (tmp_path / "two.yaml").write_text("\r\ntrigger: { event: a.b }\r\nactions: [ log: { message: x } ]\r\n")
    [problem] = review(load_files([tmp_path], CONTEXT, root=tmp_path))
    assert problem.path.endswith("two.yaml")
    assert "'one' (one.yaml:1)" in problem.message


def test_good_rules_get_no_remark() -> None:
    """What is shipped, and nothing at all."""
    root = Path(__file__).parents[3]
    assert review(load_files([root / "rules"], CONTEXT, root=root / "rules")) == ()
    assert review_text("rules: []\n") == ()


def test_files_of_the_catalogue_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """Each with its own place, and the events that can be read are known all the same."""
    (tmp_path / "bad.json").write_text('{ "job": {\n  "id": 1,,\n} }')
    (tmp_path / "bad.yaml").write_text("job: [")
    (tmp_path / "good.yaml").write_text("type: a.b\ndata: { job: { id: 1 } }\n")
    (tmp_path / "rule.yaml").write_text("trigger: { event: a.b }\nactions: [ log: { message: '{{ job.idd }}' } ]\n")
    result = load_files([tmp_path / "rule.yaml"], CONTEXT, root=None)
    events = {
        "x.json": EventFiles(examples=(tmp_path / "bad.json",), schema=tmp_path / "missing.json"),
        "x.yaml": EventFiles(examples=(tmp_path / "bad.yaml",)),
        "a.b": EventFiles(examples=(tmp_path / "good.yaml",)),
    }
    problems = review_rules(
        Loaded(result=result, library=TemplateLibrary(), context=CONTEXT), chain_depth=16, events=events
    )
    told = {(Path(problem.path).name, problem.line, problem.column, problem.code) for problem in problems}
    assert ("bad.json", 2, 11, "AF107") in told
    assert ("missing.json", 1, 1, "AF107") in told
    lacking = next(problem for problem in problems if problem.path.endswith("missing.json"))
    assert lacking.hint == "the config names it under events: x.json"
    assert ("bad.yaml", "AF101") in {(name, code) for name, _, _, code in told}
    assert ("rule.yaml", 2, 32, "AF253") in told


@pytest.mark.parametrize(
    "template",
    [
        "{{ job.nte | default('x') }}",
        "{% if job.remark %}{{ job.remark }}{% endif %}",
        "{{ job.remark if job.remark is defined else '' }}",
        "{{ event.id }} {{ trigger.event.id }} {% for part in job.id %}{{ part }}{% endfor %}",
        "{% set x = 1 %}{{ x }}",
    ],
)
def test_what_a_template_expects_to_be_missing_is_not_told(template: str, tmp_path: Path) -> None:
    """A default, a question before, names of the template's own, and the envelope."""
    (tmp_path / "good.yaml").write_text("job: { id: 1 }\n")
    text = f"trigger: {{ event: a.b }}\nactions:\n  - log: {{ message: {template!r} }}\n".replace("\\'", "''")
    result = load_text(text, "rules.yaml", CONTEXT)
    loaded = Loaded(result=result, library=TemplateLibrary(), context=CONTEXT)
    events = {"a.b": EventFiles(examples=(tmp_path / "good.yaml",))}
    assert [str(problem) for problem in (*result.errors, *review_rules(loaded, chain_depth=16, events=events))] == []


def test_a_comment_silences_a_remark_and_one_that_silences_none_is_told() -> None:
    """As with what the loader finds; where an error kept the file from being reviewed as a whole, nothing is said."""
    rule = "id: r\ntrigger: { event: a.b }\nwhen: a.x == 1 and a.x == 2   # autoflow: ignore[AF161] on purpose\n"
    actions = "actions: [ log: { message: x } ]\n"
    assert review_text(rule + actions) == ()
    [useless] = review_text(rule.replace("a.x == 2", "a.y == 2") + actions)
    assert (useless.code, useless.line) == ("AF157", 3)
    broken = load_text(rule.replace("a.x == 2", "a.y == 2") + "actions: [ nothing: {} ]\n", "rules.yaml", CONTEXT)
    assert "AF157" not in [problem.code for problem in (*broken.problems, *review(broken))]


def test_a_plain_url_is_told_where_https_is_required() -> None:
    """A webhook to http:// would be refused each time: that is said before it is sent."""
    guard = EgressGuard(require_https=True)
    text = "trigger: { event: a.b }\nactions: [ webhook: { url: 'http://h.example.com/x', payload: {} } ]\n"
    result = load_text(text, "rules.yaml", CONTEXT._replace(check_url=guard.check_written))
    [problem] = result.problems
    assert (problem.code, problem.severity.value) == ("AF156", "warning")
    assert "https://h.example.com" in (problem.hint or "")
