"""Comments that silence findings, and what is said of those that do not."""

from __future__ import annotations

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
HEAD = "trigger: { event: job.created }\n"
TAIL = "actions: [ log: { message: hi } ]\n"
TEXT = "actions:\n  - log: { message: 'job ${job.id}' }"


def found(text: str, path: str = "a.yaml") -> list[str]:
    """Each finding as line:column-end code."""
    problems = load_text(text, path, CONTEXT).problems
    return [f"{p.line}:{p.column}-{p.end_column} {p.code}" for p in problems]


def said(text: str) -> list[str]:
    return [f"{p.message}; {p.hint}" for p in load_text(text, "a.yaml", CONTEXT).problems]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "delay: 2d # autoflow: ignore[AF150] meant\n" + TAIL,
        HEAD + "# autoflow: ignore[AF150] meant\ndelay: 2d\n" + TAIL,
        HEAD + "  # autoflow: ignore[AF150] meant\n\n# another\ndelay: 2d\n" + TAIL,
        HEAD + "delay: 2d # autoflow: ignore[ AF150 ,AF150 ] meant\n" + TAIL,
        HEAD.replace("\n", "\r\n") + "delay: 2d # autoflow: ignore[AF150] meant\r\n" + TAIL,
        HEAD + TEXT + " # autoflow: ignore[AF155] meant\n",
        HEAD + "labels: [ü😀] # no\ndescription: '# x'\n" + TEXT + " # autoflow: ignore[AF155] ja, für alle\n",
        HEAD + "actions:\n  - log:\n      message: | # autoflow: ignore[AF155] meant\n        ${x}\n",
        HEAD + "actions:\n  - log:\n      # autoflow: ignore[AF155] meant\n      message: >-\n        ${x}\n",
        HEAD + "delay: &d 2d # autoflow: ignore[AF150] meant\n" + TAIL,
        "# autoflow: ignore[AF152] rules will come\n",
        HEAD
        + "# autoflow: ignore[AF155] one\n# autoflow: ignore[AF155] two\n"
        + TEXT.replace("\n  -", " [")
        + " ]\n",
    ],
)
def test_a_comment_silences_its_line_or_the_next_one(text: str) -> None:
    """Behind the line, or alone above it, with both readers and whatever else stands in the text."""
    assert found(text) == []


def test_only_the_codes_that_are_named_are_silenced() -> None:
    """Of two findings in one line the other one stays; both are named with a comma between."""
    line = "when: { all: [ { any: [] }, { fact: a, operator: equal, value: 1.10 } ] } # autoflow: ignore[AF242] x\n"
    assert found(HEAD + line + TAIL) == ["2:64-68 AF151"]
    assert found(HEAD + line.replace("AF242", "AF151, AF242") + TAIL) == []


def test_a_comment_for_several_codes_says_which_one_is_useless() -> None:
    """The mark stands below that code alone."""
    text = HEAD + "delay: 2d # autoflow: ignore[AF150, AF151] meant\n" + TAIL
    assert found(text) == ["2:37-42 AF157"]
    assert said(text) == ["there is no AF151 here to silence; found here: AF150"]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "delay: 5m # autoflow: ignore[AF150] meant\n" + TAIL,
        HEAD + "delay: 5m\n" + TAIL + "# autoflow: ignore[AF150] meant\n",
        HEAD + "# autoflow: ignore[AF157] meant\n" + TAIL,
    ],
)
def test_a_comment_that_silences_nothing_is_told(text: str) -> None:
    """It has outlived its reason, or stands in the wrong place."""
    [message] = said(text)
    assert message.startswith("there is no AF15")
    assert message.endswith("; delete the comment, or move it to the line of the finding")


def test_errors_are_never_silenced() -> None:
    """A rule that cannot be used is told whatever a comment says, and so is the comment."""
    text = HEAD + "dely: 5m # autoflow: ignore[AF110] meant\n" + TAIL
    assert found(text) == ["2:1-5 AF110", "2:29-34 AF157"]
    assert said(text)[1] == "AF110 is an error, and errors cannot be silenced; mend it, and delete this comment"


def test_errors_between_files_are_never_silenced() -> None:
    """A finding that is made when all files are read is no other one."""
    rule = "id: one # autoflow: ignore[AF117] both are good\n" + HEAD + TAIL
    assert [item.partition(" ")[2] for item in found(rule + "---\n" + rule)] == ["AF117", "AF157"]


def test_with_an_error_no_comment_is_called_useless() -> None:
    """Where a rule cannot be used, not everything was looked for that could be silenced in it."""
    assert found(HEAD + "delay: 2d # autoflow: ignore[AF150] meant\ndely: 1\n" + TAIL) == ["3:1-5 AF110"]


def test_what_depends_on_the_config_may_be_silenced_everywhere() -> None:
    """A host that one config refuses is allowed by another: the comment is right on both."""
    text = HEAD + "actions:\n  - log: { message: hi } # autoflow: ignore[AF156] it is allowed in production\n"
    assert found(text) == []


@pytest.mark.parametrize(
    "comment",
    [
        "# autoflow: ignore",
        "# autoflow: ignore[AF150]",
        "# autoflow: ignore[AF150]   ",
        "# autoflow: ignore[] meant",
        "# autoflow: ignore AF150 meant",
        "# autoflow: ignore[af150] meant",
        "# autoflow: ignore[AF15] meant",
        "# autoflow: ignore[AF150,] meant",
        "# autoflow:ignore[AF150] meant",
        "# Autoflow: Ignore[AF150] meant",
        "## autoflow: ignore[AF150] meant",
    ],
)
def test_a_comment_that_cannot_be_read_is_told(comment: str) -> None:
    """A code and a reason are required; without them nothing is silenced."""
    width = len(comment.rstrip())
    assert found(HEAD + f"delay: 2d {comment}\n" + TAIL) == ["2:8-10 AF150", f"2:11-{11 + width} AF158"]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "description: 'x # autoflow: ignore[AF150] no'\n" + TAIL,
        HEAD + "description: |\n  # autoflow: ignore[AF150] no\n  x\n" + TAIL,
        HEAD + 'description: "x\n  # autoflow: ignore[AF150] no"\n' + TAIL,
        HEAD + "# autoflow ignores this\n" + TAIL,
        HEAD + "# see autoflow: ignored\n" + TAIL,
    ],
)
def test_a_text_is_no_comment(text: str) -> None:
    """Whatever a message says about comments silences nothing, and is not told."""
    assert found(text) == []


def test_what_cannot_be_read_as_yaml_is_told_alone() -> None:
    """Comments behind the mistake are left alone: nobody knows what is text there."""
    assert found(HEAD + "name: 'x\ndelay: 5m # autoflow: ignore[AF150] meant\n") == ["2:7-8 AF101"]


def test_json_has_no_comments() -> None:
    """A JSON file that holds the words is only text."""
    text = '{"trigger": {"event": "a"}, "actions": [{"log": {"message": "# autoflow: ignore[x]"}}]}'
    assert found(text, "a.json") == []
