"""Coverage of a set of rules: what counts as covered, and how it is told."""

from __future__ import annotations

from fractions import Fraction

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import Event
from autoflow.model.json import JsonObject
from autoflow.rules.loader import LoadContext, Loader
from autoflow.rules.source import FileText
from autoflow.rules.whereabouts import locate_rules
from autoflow.testing.coverage import CoverageRecorder, Share
from autoflow.testing.coverage_report import coverage_to_json, coverage_to_markdown, missing_lines, write_percent

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
RULES = """\
shared_conditions:
  big: job.total > 5
rules:
  - id: one
    trigger: { event: job.created, when: job.id exists }
    when: [ { condition: big }, 'job.kind == "a|`b"' ]
    actions:
      - sms: { recipient: "+15550001111", message: x }
      - log: { message: x }
  - id: two
    trigger: { event: job.created }
    when: { condition: big }
    actions: [ log: { message: x } ]
  - id: off
    enabled: false
    trigger: { event: job.created }
    actions: [ log: { message: x } ]
"""


class Recorder(CoverageRecorder):
    """One that has been told of nothing yet, and of which rules are in force."""

    def __init__(self) -> None:
        super().__init__()
        file = FileText(path="rules/jobs.yaml", name="jobs.yaml", text=RULES)
        result = Loader().load([file], CONTEXT)
        assert not result.errors, result.errors
        self.in_force = result.rules
        self.count_rules(result.rules, locate_rules([file], result.rules, ACTION_TYPES))

    def record(self, *events: Event) -> None:
        """These arrive."""
        for one in events:
            self.event_judged(one, self.in_force)


def event(job: JsonObject) -> Event:
    """A job was created."""
    return Event(id="e", type="job.created", time=0, received_at=0, raw=b"", data={"job": job})


def test_nothing_is_covered_before_anything_happens() -> None:
    """Each missing part is told once, by file and line; a shared comparison where it is written."""
    coverage = Recorder().report()
    assert (coverage.leaves, coverage.actions) == (Share(covered=0, total=3), Share(covered=0, total=3))
    assert list(missing_lines(coverage)) == [
        "rules/jobs.yaml:2:8: job.total > 5 was never looked at (shared condition big)",
        "rules/jobs.yaml:5:42: job.id exists was never looked at (one)",
        'rules/jobs.yaml:6:34: job.kind == "a|`b" was never looked at (one)',
        "rules/jobs.yaml:8:9: action 1, sms, was never performed (one)",
        "rules/jobs.yaml:9:9: action 2, log, was never performed (one)",
        "rules/jobs.yaml:13:16: action 1, log, was never performed (two)",
    ]


def test_a_comparison_is_covered_once_it_was_seen_both_ways() -> None:
    """Seen in one way only, what lacks is named."""
    seen = Recorder()
    seen.record(event({"id": 1, "total": 9, "kind": "x"}))
    assert [line.partition(": ")[2] for line in missing_lines(seen.report())][:3] == [
        "job.total > 5 was never false (shared condition big)",
        "job.id exists was never false (one)",
        'job.kind == "a|`b" was never true (one)',
    ]
    seen.record(event({"total": 1}))
    assert seen.report().leaves == Share(covered=2, total=3)


def test_a_shared_comparison_counts_what_all_its_rules_have_seen() -> None:
    """Rule two covers it for rule one, whose trigger did not let the event through."""
    seen = Recorder()
    seen.record(event({"total": 9}))
    seen.record(event({"total": 1}))
    [one, two] = seen.report().rules
    assert (one.judged, one.woken, two.woken) == (2, 0, 2)
    assert one.leaves[1].count is two.leaves[0].count
    assert one.leaves[1].lacks is None


def test_an_action_is_covered_once_it_was_performed() -> None:
    """By its step's path; the same action of another rule is another one."""
    seen = Recorder()
    seen.record(event({"id": 1}))
    seen.action_fired("default", "one", "2")
    seen.action_fired("default", "one", "2")
    seen.action_fired("acme", "one", "1")
    coverage = seen.report()
    assert [action.fired for rule in coverage.rules for action in rule.actions] == [0, 2, 0]
    assert coverage.actions == Share(covered=1, total=3)
    assert coverage.all == Share(covered=1, total=6)


def test_a_percentage_is_never_rounded_up() -> None:
    """Only all of it is 100 %; of nothing, all is covered."""
    assert write_percent(Share(covered=1999, total=2000)) == "99.9 %"
    assert write_percent(Share(covered=2000, total=2000)) == "100 %"
    assert write_percent(Share(covered=7, total=8)) == "87.5 %"
    assert Share(covered=0, total=0).percent == 100
    assert Share(covered=1999, total=2000).percent < Fraction(100)


def test_json_says_the_same() -> None:
    """Counts, places and what is covered, with the totals beside the rules."""
    seen = Recorder()
    seen.record(event({"id": 1, "total": 9}))
    told = coverage_to_json(seen.report())
    assert {name: told[name] for name in ("schema_version", "leaves", "actions", "percent")} == {
        "schema_version": 1,
        "leaves": {"covered": 0, "total": 3, "percent": 0.0},
        "actions": {"covered": 0, "total": 3, "percent": 0.0},
        "percent": 0.0,
    }
    [one, two] = told["items"]
    assert (one["rule"], one["path"], one["line"], one["judged"], one["woken"]) == ("one", "rules/jobs.yaml", 4, 1, 1)
    assert one["leaves"][1] == {
        "condition": "when", "text": "job.total > 5", "path": "rules/jobs.yaml", "line": 2, "column": 8,
        "end_line": 2, "end_column": 21, "shared": "big", "true": 2, "false": 0, "failed": 0, "covered": False,
    }  # fmt: skip
    assert one["leaves"][0]["condition"] == "trigger[0].when"
    assert {name: one for name, one in two["actions"][0].items() if not name.startswith("end_")} == {
        "number": 1, "type": "log", "path": "rules/jobs.yaml", "line": 13, "column": 16,
        "fired": 0, "covered": False,
    }  # fmt: skip


def test_markdown_shows_a_table_and_what_is_missing() -> None:
    """What a rule says is shown as code, whatever signs of Markdown it holds."""
    seen = Recorder()
    seen.record(event({"id": 1, "total": 9}))
    text = coverage_to_markdown(seen.report())
    assert text.startswith(
        "### Rule coverage: 0 %\n\n| rule | comparisons | actions |\n|---|---|---|\n| one | 0 of 3 |"
    )
    assert '- `` rules/jobs.yaml:6:34: job.kind == "a|`b" was never true (one) ``\n' in text


def test_other_rules_of_the_same_name_count_for_themselves() -> None:
    """Another version, and the same rule in another file, cover nothing of this one, but for what it left behind."""
    seen = Recorder()
    other = FileText(path="other.yaml", name="other.yaml", text=RULES)
    edited = FileText(path="rules/jobs.yaml", name="jobs.yaml", text=RULES.replace("> 5", "> 6"))
    for file in (other, edited):
        rules = Loader().load([file], CONTEXT).rules
        seen.event_judged(event({"id": 1, "total": 9}), rules)
        seen.action_fired("default", "one", "1")
    assert seen.report().all.covered == 0
    assert all(rule.judged == 0 for rule in seen.report().rules)
    seen.record(event({"id": 1, "total": 9}))
    gone = Loader().load([FileText(path="none.yaml", name="none.yaml", text="rules: []")], CONTEXT).rules
    seen.event_judged(event({"id": 2}), gone)
    seen.action_fired("default", "one", "1")
    assert seen.report().actions.covered == 1


def test_rules_whose_places_are_not_known_stand_where_they_begin() -> None:
    """At the line that their provenance has."""
    seen = CoverageRecorder()
    seen.count_rules(Recorder().in_force, {})
    assert next(missing_lines(seen.report())).startswith("jobs.yaml:4:1: ")


def test_a_rule_in_shadow_has_comparisons_and_no_actions() -> None:
    """It is judged like any other, and never acts."""
    text = "id: s\nenabled: shadow\ntrigger: { event: job.created }\nwhen: job.id exists\n"
    text += "actions: [ log: { message: x } ]\n"
    result = Loader().load([FileText(path="s.yaml", name="s.yaml", text=text)], CONTEXT)
    seen = CoverageRecorder()
    seen.count_rules(result.rules, {})
    seen.event_judged(event({"id": 1}), result.rules)
    coverage = seen.report()
    assert (coverage.leaves.total, coverage.actions.total) == (1, 0)
    assert coverage.rules[0].leaves[0].lacks == "was never false"
