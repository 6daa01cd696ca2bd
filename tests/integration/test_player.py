"""The player of scenarios: what fails a test, what does not, and who else may watch."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from autoflow.model.event import Event
from autoflow.model.rule import Rule
from autoflow.testing.cast import Attempt
from autoflow.testing.playing import Played
from support.scenarios import play_files, settings_in

RULES = """\
rules:
  - id: note
    trigger: { event: a }
    when: n >= 2
    actions: [ { log: { message: "{{ n }}" } } ]
  - id: chain
    trigger: { event: b }
    actions: [ { emit: { type: a, data: { n: { fact: n } } } } ]
  - id: tell
    trigger: { event: c }
    delay: 1h
    actions: [ { sms: { recipient: "+15550001111", message: "{{ n }}" } } ]
"""


def play(home: Path, steps: str, *, rules: str = RULES) -> Sequence[str]:
    """What a test of these steps fails with; none where it passes."""
    indented = "\n".join(f"      {line}" for line in steps.strip().splitlines())
    path = home / "t.test.yaml"
    path.write_text(f"{rules}tests:\n  - name: t\n    steps:\n{indented}\n")
    played, problems = play_files([path], settings_in(home))
    assert [str(problem) for problem in problems] == []
    return [failure.message for one in played for failure in one.failures]


@pytest.mark.parametrize(
    ("steps", "messages"),
    [
        ("- emit: { type: a, data: { n: 2 } }", ["1 action that nobody expected"]),
        ("- emit: { type: a, data: { n: 2 } }\n  expect: { pending: 0 }", ["1 action that nobody expected"]),
        ("- emit: { type: a, data: { n: 2 } }\n- expect: { actions: 1 }", []),
        ("- emit: { type: a, data: { n: 2 } }\n  expect: { attempts: [ { type: log } ] }", []),
        ("- emit: { type: a, data: { n: 2 } }\n  expect: { actions: 1, attempts: 1 }", []),
        ("- emit: { type: a, data: { n: 2 } }\n  expect: { actions: 1 }\n- expect: { actions: 1 }",
         ["actions: expected 1, there are 0"]),
        ("- emit: { type: b, data: { n: 1 } }", ["1 action that nobody expected"]),
        ("- emit: { type: b, data: { n: 1 } }\n  expect: { events: 1 }", []),
        ("- emit: { type: b, data: { n: 1 } }\n  expect: { actions: [], events: 1 }", []),
        ("- emit: { type: b, data: { n: 1 } }\n  expect: { actions: [] }", ["actions: expected none, there is 1"]),
        ("- emit: { type: b, data: { n: 2 } }\n  expect: { actions: [ { type: log } ], events: 1 }", []),
        ("- emit: { type: b, data: { n: 2 } }\n  expect: { actions: [ { type: log }, { type: emit } ] }", []),
        ("- emit: { type: c, data: { n: 1 } }", []),
        ("- emit: { type: c }\n- advance: 1h", ["1 dead letter that nobody expected"]),
        ("- emit: { type: c }\n- advance: 1h\n  expect: { dead_letters: [ { attempts: 0 } ] }", []),
        ("- emit: { typ: a }", ["the event was rejected: /type: is missing: what happened? for example job.created"]),
        ("- emit: { typ: a }\n  expect: { outcome: rejected }", []),
        ("- emit: { type: a }\n  expect: { outcome: [ accepted, accepted ] }", ["outcome: not as expected"]),
        ("- emit: [ { type: a, data: { n: 2 } }, { type: a, data: { n: 3 } } ]\n  expect: { attempts: 2 }", []),
        ("- restart: { at: after_send }", ["it was to die at action.after_send, and never came there"]),
        ("- restart: { at: after_send }\n- restart: { at: before_send }",
         ["it was to die at action.after_send, and never came there"]),
    ],
)  # fmt: skip
def test_what_nobody_expected_fails_the_test(tmp_path: Path, steps: str, messages: Sequence[str]) -> None:
    """An action, a dead letter or a refusal; what was looked at in one way or another was expected."""
    assert play(tmp_path, steps) == messages


@pytest.mark.parametrize(
    ("mocks", "said"),
    [
        ("rules: { notee: { always: ok } }", "a rule that is not in force: 'notee'; did you mean note?"),
        ("rules: { note/2: { always: ok } }", "a step that note does not have: '2'"),
        (
            "notifiers: { smss: { always: ok } }",
            "a notifier that the config does not have: 'smss'; did you mean sms?",
        ),
    ],
)
def test_a_mock_of_nothing_fails_the_test(tmp_path: Path, mocks: str, said: str) -> None:
    """Misspelt it would never answer, and everything would be delivered."""
    [message] = play(tmp_path, "- advance: 1s", rules=f"mocks: {{ {mocks} }}\n{RULES}")
    assert said in message


def test_simultaneous_things_have_no_order(tmp_path: Path) -> None:
    """Each expectation finds its own among those of one moment, also where one fits several; time has an order."""
    both = "- emit: [ { type: c, data: { n: 1 } }, { type: c, data: { n: 2 } } ]\n- advance: 1h\n"
    choosy = '{ actions: [ { type: sms }, { params: { message: "1" } } ] }'
    assert play(tmp_path, f"{both}  expect: {choosy}") == []
    later = "- emit: { type: c, data: { n: 1 } }\n- advance: 1m\n- emit: { type: c, data: { n: 2 } }\n- advance: 1h\n"
    swapped = '{ actions: [ { params: { message: "2" } }, { params: { message: "1" } } ] }'
    assert play(tmp_path, f"{later}  expect: {swapped}") == ["actions: not as expected"]


def test_each_test_begins_with_nothing(tmp_path: Path) -> None:
    """What one left waiting, and the ids it used, another one does not see."""
    test = "  - name: NAME\n    steps: [ { emit: { type: c, id: e1, data: { n: 1 } }, expect: EXPECT } ]\n"
    expect = "{ outcome: accepted, pending: 1 }"
    tests = "".join(test.replace("NAME", name).replace("EXPECT", expect) for name in ("x", "y"))
    path = tmp_path / "t.test.yaml"
    path.write_text(f"{RULES}tests:\n{tests}")
    played, _ = play_files([path], settings_in(tmp_path))
    assert [one.failures for one in played] == [(), ()]


def test_rules_are_those_around_the_file(tmp_path: Path) -> None:
    """All of the config's directory for a file in it; elsewhere those of its own directory and below."""
    rule = 'trigger: {{ event: {0} }}\nactions: [ {{ log: {{ message: "{0}" }} }} ]\n'
    test = "tests: [ { name: t, steps: [ { emit: { type: TYPE }, expect: { actions: 1 } } ] } ]\n"
    for folder, name in (
        ("rules", "one"),
        ("rules/below", "two"),
        ("elsewhere", "three"),
        ("elsewhere/below", "four"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.yaml").write_text(rule.format(name))
    cases = (("rules/below", "one", True), ("rules", "three", False), ("elsewhere", "four", True),
             ("elsewhere", "one", False), ("elsewhere/below", "three", False))  # fmt: skip
    for folder, event_type, is_known in cases:
        path = tmp_path / folder / "t.test.yaml"
        path.write_text(test.replace("TYPE", event_type))
        [played], _ = play_files([path], settings_in(tmp_path))
        assert played.passed is is_known, (folder, event_type)


def test_rules_of_a_revision_come_in_force(tmp_path: Path) -> None:
    """What stood there then; a revision that is not there fails the test, and no other."""
    rules = tmp_path / "rules"
    rules.mkdir()
    rule = 'id: r\ntrigger: { event: a }\ndelay: 1h\nactions: [ { log: { message: "TEXT" } } ]\n'

    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (rules / "r.yaml").write_text(rule.replace("TEXT", "then"))
    git("add", ".")
    git("commit", "-qm", "then")
    (rules / "r.yaml").write_text(rule.replace("TEXT", "now"))
    steps = "{ emit: { type: a } }, { run_until_idle: true, expect: { actions: [ { params: { message: TEXT } } ] } }"
    (rules / "t.test.yaml").write_text(
        f"tests:\n  - {{ name: now, steps: [ {steps.replace('TEXT', 'now')} ] }}\n"
        f"  - {{ name: then, rules: {{ git: HEAD }}, steps: [ {steps.replace('TEXT', 'then')} ] }}\n"
        f"  - {{ name: back, steps: [ {{ use: {{ git: HEAD }} }}, {steps.replace('TEXT', 'then')} ] }}\n"
        f"  - {{ name: never, rules: {{ git: nowhere }}, steps: [ {steps} ] }}\n"
        f"  - {{ name: nor, steps: [ {{ use: {{ git: nowhere }} }} ] }}\n"
    )
    played, _ = play_files([rules / "t.test.yaml"], settings_in(tmp_path))
    assert [(one.scenario.name, one.passed) for one in played] == [
        ("now", True), ("then", True), ("back", True), ("never", False), ("nor", False)
    ]  # fmt: skip
    assert all("nowhere" in one.failures[0].message for one in played[3:])


def test_a_rule_with_an_error_fails_its_own_tests(tmp_path: Path) -> None:
    """Those inside it, those in the file of its name, and those that name its file; the others are played."""
    rules = tmp_path / "rules"
    rules.mkdir()
    good = 'id: good\ntrigger: { event: a }\nactions: [ { log: { message: "x" } } ]\n'
    inside = "tests: [ { name: inside, steps: [ { advance: 1s } ] } ]\n"
    beside = "tests: [ { name: beside, steps: [ { advance: 1s } ] } ]\n"
    for name, text in (("good", good), ("bad", good.replace("good", "bad").replace("event: a", "evnt: a"))):
        (rules / f"{name}.yaml").write_text(text + inside)
        (rules / f"{name}.test.yaml").write_text(beside)
    (rules / "naming.test.yaml").write_text(f"rules: [ good.yaml, bad.yaml ]\n{beside}")
    played, _ = play_files([rules], settings_in(tmp_path))
    assert sorted(_place(one) for one in played if one.passed) == ["good.test.yaml", "good.yaml"]
    assert len(played) == 5
    assert all("bad.yaml:2:" in one.failures[0].message for one in played if not one.passed)


def _place(played: Played) -> str:
    return played.scenario.path.rpartition("/")[2]


class Watch:
    """Remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def event_judged(self, event: Event, rules: Sequence[Rule]) -> None:
        self.seen.append((event.type, *sorted(rule.id for rule in rules)))

    def action_fired(self, attempt: Attempt) -> None:
        self.seen.append((attempt.rule_id, attempt.step, attempt.type))


def test_others_see_each_event_and_each_action_once(tmp_path: Path) -> None:
    """Emitted events too; a lost event was never judged, and an action that was sent twice fired once."""
    path = tmp_path / "t.test.yaml"
    steps = (
        "{ emit: { type: b, data: { n: 2 } } }, { restart: { at: before_commit } }, { emit: { type: a } }, "
        "{ restart: { at: after_send } }, { emit: { type: a, data: { n: 3 } } }, { expect: { attempts: 4 } }"
    )
    path.write_text(f"{RULES}tests: [ {{ name: t, steps: [ {steps} ] }} ]\n")
    watch = Watch()
    [played], _ = play_files([path], settings_in(tmp_path), watcher=watch)
    assert played.failures == ()
    rules = ("chain", "note", "tell")
    noted = ("note", "1", "log")
    assert watch.seen == [("b", *rules), ("a", *rules), ("chain", "1", "emit"), noted, ("a", *rules), noted]


def test_keys_are_numbered_as_they_are_used(tmp_path: Path) -> None:
    """Whether or not anybody looked at the earlier ones."""
    emits = "".join(f"- emit: {{ type: a, data: {{ n: {n} }} }}\n" for n in (2, 3))
    steps = f"{emits}- expect: {{ attempts: 2 }}\n- emit: {{ type: a, data: {{ n: 4 }} }}\n"
    assert play(tmp_path, f"{steps}  expect: {{ actions: [ {{ key: 3 }} ] }}") == []


def test_the_closest_mock_counts(tmp_path: Path) -> None:
    """The step by its id or number, the rule, the notifier, the action; what is closer hides what is farther."""
    rules = """\
mocks:
  actions: { sms: { always: { error: action } } }
LEVELS
rules:
  - id: r
    trigger: { event: a }
    retry: none
    actions: [ { id: one, sms: { recipient: "+15550001111", message: "x" } } ]
"""
    levels = ("notifiers: { sms: { always: { error: notifier } } }", "rules: { r: { always: { error: rule } } }",
              "rules: { r: { always: { error: rule } }, r/1: { always: { error: number } } }",
              "rules: { r/1: { always: { error: number } }, r/one: { always: { error: id } } }")  # fmt: skip
    for level, code in zip(("", *levels), ("action", "notifier", "rule", "number", "id"), strict=True):
        steps = f"- emit: {{ type: a }}\n  expect: {{ attempts: [ {{ code: {code} }} ], dead_letters: 1 }}"
        assert play(tmp_path, steps, rules=rules.replace("LEVELS", f"  {level}" if level else "")) == []
