"""`autoflow validate` as it is called: which text is read, where the findings go, and how it ends."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from autoflow.cli.validate import FORMATS, validate
from autoflow.errors import UsageError

GOOD = "trigger: { event: job.created }\nactions: [ log: { message: hi } ]\n"
BAD = GOOD.replace("message", "mesage")
WARNS = GOOD.replace("hi", "'${x}'")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one good rule, and no CI system around it."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "good.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*paths: str, **options: Any) -> int:
    """The command's exit code: 1 is the only one that it ends with by itself."""
    with contextlib.suppress(SystemExit):
        validate([Path(path) for path in paths] or None, **options)
        return 0
    return 1


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_goes_to_standard_output_or_a_file(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file gets the very text; then standard output stays empty and the verdict is a message."""
    Path("bad.yaml").write_text(BAD)
    assert run("rules", "bad.yaml", format_=form) == 1
    shown = capsys.readouterr()
    assert "bad.yaml" in shown.out
    assert shown.err == ""
    assert run("rules", "bad.yaml", format_=form, output=Path("out.txt")) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "not ok: 1 rule in 2 files, 2 errors, 0 warnings; see out.txt\n"
    verdict = "not ok: 1 rule in 2 files, 2 errors, 0 warnings\n" if form == "github" else ""
    assert Path("out.txt").read_text() + verdict == shown.out


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (GOOD, {}, 0),
        (WARNS, {}, 0),
        (WARNS, {"fail_on": "warning"}, 1),
        (BAD, {}, 1),
        (BAD, {"exit_zero": True}, 0),
        (WARNS, {"fail_on": "warning", "exit_zero": True}, 0),
    ],
)
def test_it_ends_with_1_for_what_counts(text: str, options: dict[str, Any], code: int) -> None:
    """Errors, and warnings where they were asked to count; never with --exit-zero."""
    Path("it.yaml").write_text(text)
    assert run("it.yaml", **options) == code


def test_a_file_that_cannot_be_written_is_a_wrong_call() -> None:
    """It names the file and the reason."""
    with pytest.raises(UsageError, match="cannot write no/out: No such file"):
        run("rules", output=Path("no/out"))


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """As everywhere; no file of that name is made."""
    assert run("rules", output=Path("-")) == 0
    assert capsys.readouterr().out == "ok: 1 rule in 1 file, 0 errors, 0 warnings\n"
    assert not Path("-").exists()


def test_two_forms_at_once_are_a_wrong_call() -> None:
    """Nobody knows which one was meant; --format json is --json."""
    with pytest.raises(UsageError, match="--json cannot go with --format sarif"):
        run("rules", format_="sarif", json_=True)
    assert run("rules", format_="json", json_=True) == 0


def test_a_form_that_is_not_there_names_a_near_one() -> None:
    """The word is checked before anything is read."""
    with pytest.raises(UsageError) as raised:
        run("nowhere", format_="sarf")
    assert raised.value.hint == "did you mean sarif?"


def test_standard_input_stands_for_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An editor's text is told under its file's name, with its lines, though the file holds another one."""
    give(monkeypatch, BAD.encode())
    assert run("-", stdin_filename="rules/good.yaml") == 1
    said = capsys.readouterr().out
    assert "rules/good.yaml:2:" in said
    assert "  2 | actions: [ log: { mesage: hi } ]" in said
    assert "0 rules in 1 file" in said


def test_standard_input_takes_the_place_of_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside other paths it is judged together with them, and the file itself is not read."""
    Path("rules/other.yaml").write_text("id: one\n" + GOOD)
    give(monkeypatch, b"id: one\n" + GOOD.encode())
    assert run("rules", "-", stdin_filename="./rules/good.yaml") == 1
    said = capsys.readouterr().out
    assert "rules/good.yaml:1:5: error AF117" in said
    assert "2 files" in said


def test_a_nameless_text_has_findings_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-` alone is enough; bytes that are no text are a finding like any other."""
    give(monkeypatch, BAD.encode())
    assert run("-") == 1
    assert capsys.readouterr().out.startswith("<stdin>:2:")
    give(monkeypatch, b"trigger: \xff")
    assert run("-", json_=True) == 1
    [item] = json.loads(capsys.readouterr().out)["items"]
    assert (item["code"], item["path"], item["column"]) == ("AF101", "<stdin>", 10)


def test_a_step_of_github_gets_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --format: annotations, then the text in which the runner looks for no orders, and the step's page."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "page.md")
    Path("page.md").write_text("before\n")
    Path("bad.yaml").write_text(BAD + "dely: '::add-mask::x'\n")
    assert run("bad.yaml") == 1
    lines = capsys.readouterr().out.splitlines()
    stop = next(number for number, line in enumerate(lines) if line.startswith("::stop-commands::"))
    assert stop == 3
    assert all(line.startswith("::error file=bad.yaml,") for line in lines[:stop])
    assert lines[-1] == f"::{lines[stop].removeprefix('::stop-commands::')}::"
    assert lines[-2].startswith("not ok: ")
    page = Path("page.md").read_text()
    assert page.startswith("before\n### autoflow validate\n")
    assert "bad.yaml:2:" in page


def test_a_step_of_github_can_ask_for_a_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --format or --json nothing is added to it."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run("rules", json_=True) == 0
    assert json.loads(capsys.readouterr().out)["items"] == []
    assert run("rules", format_="text") == 0
    assert capsys.readouterr().out == "ok: 1 rule in 1 file, 0 errors, 0 warnings\n"
    assert run("rules", format_="github") == 0
    assert capsys.readouterr().out == "ok: 1 rule in 1 file, 0 errors, 0 warnings\n"
    Path("bad.yaml").write_text(BAD)
    assert run("bad.yaml", format_="github") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "not ok: 0 rules in 1 file, 2 errors, 0 warnings"


def test_a_page_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The findings are told all the same."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", os.fspath(Path.cwd()))
    assert run("rules", format_="github") == 0
    shown = capsys.readouterr()
    assert "cannot be written" in shown.err
    assert shown.out.startswith("ok: ")


@pytest.mark.parametrize(
    ("address", "link"),
    [("Project-URL: Codes, https://docs.example.com/codes", "https://docs.example.com/codes/AF132.md"), ("", None)],
)
def test_the_package_says_where_its_pages_are(
    address: str, link: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it names an address, findings lead to the page of their code; else the page itself comes along."""
    package = Path("autoflow_rules-9.0.dist-info")
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: autoflow-rules\nVersion: 9.0\n{address}\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("bad.yaml").write_text(BAD)
    run("bad.yaml", format_="sarif")
    rules = json.loads(capsys.readouterr().out)["runs"][0]["tool"]["driver"]["rules"]
    assert next(rule for rule in rules if rule["id"] == "AF132").get("helpUri") == link
    run("bad.yaml", format_="rdjsonl")
    lines = [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()]
    assert next(code for code in lines if code["value"] == "AF132").get("url") == link


@pytest.mark.parametrize("word", ["AF110", "af110", "110", " AF110 "])
def test_a_code_is_explained(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its page as plain text: no marks of Markdown, the examples indented."""
    assert run(explain=word) == 0
    said = capsys.readouterr().out
    assert said.startswith("AF110 (error): a key that the language does not have\n\nThe language has no key")
    assert "\n    trigger: { event: job.created }\n" in said
    assert "```" not in said
    assert "](" not in said


def test_an_explanation_is_there_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """The page as it is, with title and severity."""
    assert run(explain="AF150", json_=True) == 0
    [item] = json.loads(capsys.readouterr().out)["items"]
    assert (item["code"], item["severity"]) == ("AF150", "note")
    assert item["text"].startswith("# AF150: ")


@pytest.mark.parametrize(("word", "hint"), [("AF11O", "AF110"), ("AF119", "AF11"), ("xyz", "AF101 to AF320")])
def test_an_unknown_code_names_a_near_one(word: str, hint: str) -> None:
    """Mostly a digit is wrong."""
    with pytest.raises(UsageError) as raised:
        run(explain=word)
    assert hint in str(raised.value.hint)
