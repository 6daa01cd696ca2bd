"""Scenario files: every mistake is found at once, with its place, its code and what to write instead."""

from pathlib import Path

import pytest

from autoflow.testing.reader import ReadScenarios, read_scenarios
from autoflow.testing.scenario import Emit

RULES = """\
rules:
  - id: r
    trigger: { event: a }
    actions: [ { log: { message: "x" } } ]
"""


def read(path: Path, text: str, name: str = "a.test.yaml") -> ReadScenarios:
    file = path / name
    file.write_text(text)
    return read_scenarios([file])


def found(path: Path, text: str) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.code) for problem in read(path, text).problems]


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ("{ ¦emti: { type: a } }", "AF602", "did you mean emit?"),
        ("{ emit: ¦a }", "AF604", "write emit: { type: a }"),
        ("{ emit: { $file: ¦no.json } }", "AF606", "paths start from"),
        ("{ emit: { $file: ¦/dev/zero } }", "AF606", "is no file"),
        ('{ at: ¦"0001-01-01T00:00:00" }', "AF605", "too far away"),
        ("{ advance: ¦5 }", "AF605", "5 what? write 5s, 5m or 5h"),
        ("{ ¦advance: }", "AF604", "advance needs a value"),
        ('{ at: ¦"25:00" }', "AF605", "is no time"),
        ("{ advance: 5m, ¦at: 09:00 }", "AF609", "begin a new step"),
        ("¦{}", "AF609", "the step says nothing to do"),
        ("{ restart: { at: ¦after_sent } }", "AF605", "did you mean after_send?"),
        ("{ restart: { ¦passing: 2 } }", "AF605", "there is no at"),
        ("{ use: ¦no.yaml }", "AF606", "there is no no.yaml"),
        ("{ use: ¦{ file: x.yaml } }", "AF604", "write a path"),
        ("{ cancel: { ¦rul: r } }", "AF602", "did you mean rule?"),
        ("{ run_until_idle: ¦soon }", "AF605", "is not a span"),
        ("{ expect: ¦{} }", "AF605", "it expects nothing"),
        ("{ expect: { ¦actoins: [] } }", "AF602", "did you mean actions?"),
        ("{ expect: { actions: ¦{ type: sms } } }", "AF604", "a number or a list"),
        ("{ expect: { actions: [ { ¦typ: sms } ] } }", "AF602", "did you mean type?"),
        ("{ expect: { pending: ¦-1 } }", "AF604", "a number or a list"),
        ("{ expect: { outcome: ¦accept } }", "AF605", "did you mean accepted?"),
        ("{ expect: { why: { r: ¦fire } } }", "AF605", "did you mean fires?"),
        ("{ expect: { why: { r: ¦{ leaf: 'a.b == 1' } } } }", "AF603", "has no 'result'"),
        ("{ expect: { why: { r: { result: miss, leaf: ¦'a == 1 or b == 2' } } } }", "AF605", "one comparison"),
        ("{ expect: { actions: [ { type: { matches: ¦'(' } } ] } }", "AF211", "RE2"),
        ("{ expect: { actions: [ { type: ¦{ contain: x } } ] } }", "AF604", "did you mean contains?"),
        ("{ expect: { pending: [ { in: ¦{ gt: 1m, than: 2m } } ] } }", "AF604", "known are any_of"),
        ("{ expect: { actions: [ { type: { any_of: ¦x } } ] } }", "AF604", "must be a list"),
    ],
)
def test_a_wrong_step_is_told_with_its_place(tmp_path: Path, step: str, code: str, said: str) -> None:
    """The mistake itself is pointed at, and the hint says what to write."""
    line = f"      - {step}"
    text = "tests:\n  - name: t\n    steps:\n" + line.replace("¦", "") + "\n"
    [problem] = read(tmp_path, text).problems
    assert (problem.line, problem.column, problem.code) == (4, line.index("¦") + 1, code)
    assert said in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("test: []\n", [(1, 1, "AF602"), (1, 1, "AF603")]),
        ("", [(1, 1, "AF601")]),
        ("tests: []\n", [(1, 8, "AF601")]),
        ("tests: { name: t }\n", [(1, 8, "AF604")]),
        ("tests: [ { name: t } ]\n", [(1, 10, "AF603")]),
        ("tests: [ 5 ]\n", [(1, 10, "AF604")]),
        ("- name: t\n", [(1, 1, "AF604")]),
        ("clock: { timezone: Berlin }\ntests: []\n", [(1, 20, "AF605"), (2, 8, "AF601")]),
        ("mocks: { actions: { smss: { replies: [ok] } } }\ntests: []\n", [(1, 21, "AF607"), (2, 8, "AF601")]),
        ("mocks: { actions: { sms: { replies: [ { eror: x } ] } } }\ntests: []\n",
         [(1, 41, "AF602"), (2, 8, "AF601")]),
        ("mocks: { actions: { sms: { replies: [ { error: x, reject: y } ] } } }\ntests: []\n",
         [(1, 51, "AF605"), (2, 8, "AF601")]),
        ("config: { retry: often, chain_depth: 0 }\ntests: []\n",
         [(1, 18, "AF605"), (1, 38, "AF605"), (2, 8, "AF601")]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_in_one_go(tmp_path: Path, text: str, place: list[tuple[int, int, str]]) -> None:
    """One mistake does not hide the others."""
    assert found(tmp_path, text) == place


def test_a_key_that_a_test_lacks_is_told_with_the_test_that_lacks_it(tmp_path: Path) -> None:
    """Not with the list it stands in; the hint begins as the line to write does."""
    [problem] = read(tmp_path, "tests:\n  - { name: t, steps: [ { advance: 1s } ] }\n  - { name: u }\n").problems
    assert (problem.message, problem.hint) == ("item 2 of tests has no 'steps'", "steps: what happens, in order")


def test_two_tests_of_one_name_are_refused(tmp_path: Path) -> None:
    """Reports know tests by their names."""
    test = "  - { name: t, steps: [ { advance: 1s } ] }\n"
    assert found(tmp_path, f"tests:\n{test}{test}") == [(3, 13, "AF608")]


def test_a_time_that_no_clock_shows_is_refused(tmp_path: Path) -> None:
    """The hour that is left out in spring is no start, unless its offset is written."""
    rest = "tests:\n  - { name: t, steps: [ { at: 2026-03-29T02:45:00 } ] }\n"
    spring = f'clock: {{ start: "2026-03-29T02:30:00", timezone: Europe/Berlin }}\n{rest}'
    assert found(tmp_path, spring) == [(1, 17, "AF610"), (3, 31, "AF610")]
    meant = spring.replace("02:30:00", "02:30:00+01:00").replace("02:45:00", "03:45:00")
    assert found(tmp_path, meant) == []


def test_good_tests_are_read_beside_bad_ones(tmp_path: Path) -> None:
    """A mistake keeps its own test from being played, and no other."""
    text = "tests:\n  - { name: a, steps: [ { advance: 5 } ] }\n  - { name: b, steps: [ { advance: 5s } ] }\n"
    read_file = read(tmp_path, text)
    assert [scenario.name for scenario in read_file.scenarios] == ["b"]
    assert len(read_file.problems) == 1


def test_tests_inside_rules_are_read_where_they_stand(tmp_path: Path) -> None:
    """In a list of rules each knows its own."""
    rule = '    trigger: { event: a }\n    actions: [ { log: { message: "x" } } ]\n'
    tests = "    tests: [ { name: NAME, steps: [ { advance: 5s }, { advnce: 1s } ] } ]\n"
    good = tests.replace(", { advnce: 1s }", "")
    text = f"rules:\n  - id: one\n{rule}{good.replace('NAME', 'a')}  - id: two\n{rule}{tests.replace('NAME', 'b')}"
    read_file = read(tmp_path, text, "rules.yaml")
    assert [(scenario.rule, scenario.name) for scenario in read_file.scenarios] == [("one", "a")]
    assert [(problem.line, problem.code) for problem in read_file.problems] == [(9, "AF602")]


def test_what_stands_in_a_file_is_laid_under_what_stands_beside(tmp_path: Path) -> None:
    """Key by key, at any depth; lists are replaced."""
    (tmp_path / "data.yaml").write_text("job: { id: 1, tags: [a], client: { name: Eve, vip: no } }\n")
    (tmp_path / "event.json").write_text('\ufeff{"type": "a", "data": {"x": 1}}', encoding="utf-8")
    beside = "{ $file: data.yaml, job: { tags: [], client: { vip: true } } }"
    text = (
        f"tests:\n  - name: t\n    steps:\n      - emit: {{ type: a, data: {beside} }}\n"
        "      - emit: [ { $file: event.json }, { type: b } ]\n"
    )
    [scenario] = read(tmp_path, text).scenarios
    bodies = [step.deed.body for step in scenario.steps if isinstance(step.deed, Emit)]
    assert bodies == [
        b'{"type":"a","data":{"job":{"id":1,"tags":[],"client":{"name":"Eve","vip":true}}}}',
        b'[{"type":"a","data":{"x":1}},{"type":"b"}]',
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_rules_in_a_scenario_keep_their_lines(tmp_path: Path, ends: str) -> None:
    """What is wrong in them is told with its own place, however deep they stand."""
    text = (
        f"{RULES}tests:\n  - name: t\n    steps:\n      - use: {{ rules: [ {{ id: u }},\n        {{ id: w }} ] }}\n"
    )
    file = tmp_path / "a.test.yaml"
    file.write_bytes(text.replace("\n", ends).encode())
    [scenario] = read_scenarios([file]).scenarios
    assert scenario.rules is not None
    lines = (scenario.rules.text or "").splitlines()
    assert lines[:4] == RULES.splitlines()
    use = scenario.steps[0].deed
    assert (use.rules.text or "").splitlines()[7:] == [" " * 15 + "rules: [ { id: u },", "        { id: w } ]"]  # type: ignore[union-attr]  # it is a Use


def test_tests_beside_several_rules_are_theirs_together(tmp_path: Path) -> None:
    """They belong to no single one; what is wrong in them is told like any other mistake."""
    test = "{ name: NAME, steps: [ { advance: 5s } ] }"
    text = f"{RULES}tests: [ {test.replace('NAME', 'a')}, {test.replace('NAME', 'b').replace('5s', '5')} ]\n"
    read_file = read(tmp_path, text, "rules.yaml")
    assert [(scenario.rule, scenario.name) for scenario in read_file.scenarios] == [(None, "a")]
    assert [(problem.line, problem.code) for problem in read_file.problems] == [(5, "AF605")]
