"""Where a problem begins and ends: the very thing that is wrong, marked in each text by « and »."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.problem import Problem
from autoflow.rules.loaded import Loaded, make_context
from autoflow.rules.loader import LoadContext, load_text
from autoflow.strict_yaml import split_lines
from autoflow.templates import TemplateLibrary, check_template

HERE = Path(__file__).parent
PAGES = HERE.parents[1] / "src" / "autoflow" / "cli" / "pages"
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={}, check_template=check_template)
HEAD = "trigger: { event: a }\n"
ACT = "actions: [ log: { message: x } ]\n"
LOG = HEAD + "actions:\n  - log:\n      message: "


def marked(text: str) -> tuple[str, list[tuple[int, int, int, int]]]:
    """The text without its marks, and the stretch between each two of them."""
    stretches, clean = [], ""
    for before, _, after in (piece.partition("»") for piece in text.split("«")):
        if not clean and not stretches and not _:
            clean = before
            continue
        start = place_in(clean)
        clean += before
        stretches.append((*start, *place_in(clean)))
        clean += after
    return clean, stretches


def place_in(text: str) -> tuple[int, int]:
    lines = split_lines(text)
    return len(lines), len(lines[-1]) + 1


def place_of(problem: Problem) -> tuple[int, int, int, int]:
    return problem.line, problem.column, problem.end_line, problem.end_column


@pytest.mark.parametrize(
    "text",
    [
        # YAML
        HEAD + "name: x«: y»\n",
        HEAD + "delay:«5m»\n" + ACT,
        HEAD + "«\t\t»delay: 5m\n",
        "trigger: { event: a, when: «{{ x }}» }\n",
        HEAD + "delay: «!span 5m»\n" + ACT,
        HEAD + "delay: 1s\n«delay»: 5m\n" + ACT,
        "trigger: { event: a }\nactions:\n  - log: { message: «Done: {{ a }}» }\n",
        "trigger: { event: a }\nactions: [ { log: { message: x } } ]\nretry: { base: «1s: 2» }\n",
        # keys, values, shapes
        "«trigger: { event: a }\nname: é😀»\n\n# the end\n",
        "«id: one\ntrigger: { event: a }\nname: é😀»\n\n\n---\n" + HEAD + "id: two\n" + ACT,
        "rules:\n  - «id: one\n    trigger:\n      event: a»\n\n  # a remark\n  - { id: two, trigger: { event: a }, "
        + ACT
        + " }",
        HEAD + "labels: [«5», \"é😀\", «'a b'»]\n" + ACT,
        HEAD + "«'dely'»: 5\n" + ACT,
        LOG + "«{ a: 1,\n        b: 2 }» # so\n",
        LOG + "\n        «a: 1\n        b:\n          - 2»\n\n",
        # conditions
        HEAD + "when: { fact: a, «oprator»: equal, operator: equal, value: 1 }\n" + ACT,
        HEAD + "when: { fact: a, «params»: {}, operator: equal, value: 1 }\n" + ACT,
        HEAD + "shared_conditions: { x: { fact: a, «oprator»: equal, operator: equal, value: 1 } }\n" + ACT,
        HEAD + "cancel_on: { event: b, by: { a: b, 'é.x«-»y': c } }\n" + ACT,
        HEAD + "cancel_on: { event: b, by: { a: é.x«-»y } }\n" + ACT,
        HEAD + "when: 'é == \"it''s\" «=>» 5'\n" + ACT,
        HEAD + 'when: "é.a == \\"😀\\" and \\u0062 «=>» 5"\n' + ACT,
        HEAD + "when: |\n  a.b\n    «=» 5\n" + ACT,
        HEAD + "when: >\n  a.b\n  «=» 5\n\n\n" + ACT,
        # templates
        LOG + '"é😀 \\"{{ a }}\\" «{{ b.» }}"\n'.replace("» }}", " }}»"),
        LOG + "é {{ a | «shout» }} {{ c }}\n",
        LOG + "'it''s {{ a.«call»() }}'\n",
        LOG + "|\n\n        é {{ a }}\n          😀 {{ b | «shout» }}\n\n        bye\n",
        LOG + "|-\n        {% «include» 'x' %}\n",
        LOG + ">-\n        é {{ a | «shout» }}\n        bye\n\n# the end\n",
        LOG + "|\n        é «${x}»\n",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_the_wrong_thing_is_marked(text: str, end: str) -> None:
    """From its first character to behind its last one, in characters, whatever stands before it."""
    clean, stretches = marked(text)
    problems = load_text(clean.replace("\n", end), "a.yaml", CONTEXT).problems
    assert [place_of(problem) for problem in problems] == stretches


def test_json_has_places_too() -> None:
    """A file of JSON is marked like one of YAML, quotes included."""
    clean, stretches = marked(
        '{\n  "trigger": {"event": "é"},\n  «"dely"»: 5,\n  "actions": [{"log": {"message": «5»}}]\n}\n'
    )
    problems = load_text(clean, "a.json", CONTEXT).problems
    assert [place_of(problem) for problem in problems] == stretches


@pytest.mark.parametrize(
    "text",
    ["Hi é\n{{ a }} {{ b | «shout» }}\nbye\n", "Hi «{{ a. }}»", "«{{ a»", "{{ a }}\r\n{% «include» 'x' %}\r\n"],
)
def test_template_files_are_marked(text: str, tmp_path: Path) -> None:
    """The tag of a message file that is wrong, with the hint by itself."""
    clean, stretches = marked(text)
    (tmp_path / "hello.txt").write_bytes(clean.encode())
    library = TemplateLibrary.load(tmp_path)
    loaded = Loaded(result=load_text("", "a.yaml", CONTEXT), library=library, context=make_context({}, library))
    [problem] = loaded.errors
    assert place_of(problem) == stretches[0]
    assert "known are" not in problem.message


TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in (HERE / "files").iterdir()} | {
    path.stem: path.read_text(encoding="utf-8") for path in PAGES.iterdir()
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_place_lies_outside_of_the_text(text: str) -> None:
    """Whatever is read as a rule file, each problem begins and ends in a line that is there, in this order."""
    lines = split_lines(text)
    for problem in load_text(text, "a.yaml", CONTEXT).problems:
        assert (problem.line, problem.column) < (problem.end_line, problem.end_column)
        assert 1 <= problem.line <= problem.end_line <= len(lines)
        assert problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.end_column <= len(lines[problem.end_line - 1]) + 2
