"""Rules and templates as they were in a commit, asked of a real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoflow.errors import TemplateError, UsageError
from autoflow.rules.loader import Loader
from autoflow.rules.revision import find_revision, read_rules, read_templates
from autoflow.rules.rule_files import RuleFiles
from autoflow.rules.source import FileText
from autoflow.templates import TemplateLibrary
from support.line import CONTEXT
from support.repository import commit, git

RULE = "trigger: { event: a }\nactions: [ log: { message: x } ]\n"


def names(files: tuple[FileText, ...]) -> list[str]:
    """The files by their names below the rules directory."""
    return [file.name for file in files]


def test_what_was_committed_is_read_and_nothing_is_checked_out(tmp_path: Path) -> None:
    """Whatever lies in the directory or the index now; both stay as they are."""
    commit(tmp_path, {"ops/rules/größe one.yaml": RULE, "ops/rules/sub/two.yml": RULE, "ops/rules/x.test.yaml": "a"})
    commit(tmp_path, {"ops/rules/größe one.yaml": None, "ops/rules/three.yaml": RULE})
    (tmp_path / "ops" / "rules" / "three.yaml").write_text("edited")
    git(tmp_path, "add", "ops/rules/three.yaml")
    before = git(tmp_path, "status", "--porcelain")
    root = tmp_path / "ops" / "rules"
    old = read_rules(find_revision(root, "HEAD~1"), root)
    assert names(old) == ["größe one.yaml", "sub/two.yml"]
    assert [file.path for file in old] == ["HEAD~1:ops/rules/größe one.yaml", "HEAD~1:ops/rules/sub/two.yml"]
    assert old[0].text == RULE
    assert [file.text for file in read_rules(find_revision(root, "HEAD"), root)] == [RULE, RULE]
    assert git(tmp_path, "status", "--porcelain") == before


def test_the_order_and_the_names_are_those_of_the_directory(tmp_path: Path) -> None:
    """Which of two equal ids counts first must not depend on where the files were read from."""
    rules = {f"rules/{name}.yaml": RULE for name in ("b/a", "a", "B", "a-b/c", "a/b", ".hidden/x", "a/.x/y")}
    commit(tmp_path, rules)
    root = tmp_path / "rules"
    reader = RuleFiles(root)
    reader.look()
    assert names(read_rules(find_revision(root, "HEAD"), root)) == names(reader.texts)


def test_problems_name_the_revision(tmp_path: Path) -> None:
    """In the form in which `git show` takes a file."""
    commit(tmp_path, {"rules/bad.yaml": "id: x\ntrigger: { event: a }\nactions: [ { smss: {} } ]\n"})
    commit(tmp_path, {"rules/bad.yaml": RULE})
    root = tmp_path / "rules"
    [problem] = Loader().load(read_rules(find_revision(root, "HEAD~1"), root), CONTEXT).errors
    assert (problem.path, problem.line) == ("HEAD~1:rules/bad.yaml", 3)


def test_links_inside_the_revision_are_followed(tmp_path: Path) -> None:
    """Files and folders, through further links and upwards, each place once; a circle ends."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "one.yaml").symlink_to("../shared/one.yaml")
    (tmp_path / "rules" / "team").symlink_to("../shared/team")
    (tmp_path / "rules" / "again").symlink_to("team")
    (tmp_path / "rules" / "self").symlink_to("self")
    commit(tmp_path, {"shared/one.yaml": RULE, "shared/team/two.yaml": RULE + "# two\n"})
    root = tmp_path / "rules"
    reader = RuleFiles(root)
    reader.look()
    found = read_rules(find_revision(root, "HEAD"), root)
    assert [(file.name, file.text) for file in found] == [(file.name, file.text) for file in reader.texts]
    assert names(found) == ["one.yaml", "again/two.yaml"]


def test_a_link_out_of_the_revision_is_a_problem_of_that_file(tmp_path: Path) -> None:
    """Nobody can say what it led to then."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "out.yaml").symlink_to("../../elsewhere.yaml")
    (tmp_path / "rules" / "far.yaml").symlink_to("/etc/hosts")
    commit(tmp_path, {})
    root = tmp_path / "rules"
    found = read_rules(find_revision(root, "HEAD"), root)
    assert [(file.name, file.problem is not None) for file in found] == [("far.yaml", True), ("out.yaml", True)]
    assert found[0].problem is not None
    assert "leads to no file of this revision" in found[0].problem.message


def test_a_submodule_is_refused_by_name(tmp_path: Path) -> None:
    """Its files are another repository's."""
    other, root = tmp_path / "other", tmp_path / "main"
    other.mkdir()
    root.mkdir()
    commit(other, {"x.yaml": RULE})
    commit(root, {"rules/a.yaml": RULE})
    git(root, "submodule", "--quiet", "add", str(other), "rules/vendor")
    commit(root, {})
    with pytest.raises(UsageError, match="HEAD:rules/vendor is a submodule"):
        read_rules(find_revision(root / "rules", "HEAD"), root / "rules")


def test_a_directory_that_was_not_there_holds_no_rules(tmp_path: Path) -> None:
    """The first commit with rules is compared with none."""
    commit(tmp_path, {"README": "x"})
    commit(tmp_path, {"rules/a.yaml": RULE})
    assert read_rules(find_revision(tmp_path / "rules", "HEAD~1"), tmp_path / "rules") == ()


def test_templates_are_those_of_the_revision(tmp_path: Path) -> None:
    """As the directory would give them, with the same mistakes."""
    files = {
        "t/done.txt": "Hi\r\n{{ job.id }}",
        "t/sub/done.html": "<b>",
        "t/notes.md": "no",
        "t/big.txt": "x" * 70000,
    }
    commit(tmp_path, files)
    (tmp_path / "t" / "bytes.txt").write_bytes(b"\xff")
    commit(tmp_path, {})
    on_disk = TemplateLibrary.read(tmp_path / "t")
    (tmp_path / "t" / "done.txt").write_text("edited")
    found = read_templates(find_revision(tmp_path / "t", "HEAD"), tmp_path / "t")
    assert {name: str(text) for name, text in found.items()} == {name: str(text) for name, text in on_disk.items()}
    assert found["done.txt"] == "Hi\n{{ job.id }}"
    assert isinstance(found["bytes.txt"], TemplateError)


@pytest.mark.parametrize("name", ["nope", "--all", "-n", "HEAD:rules", "", "HEAD~99", "a b", "HEAD\n"])
def test_what_names_no_commit_is_refused(tmp_path: Path, name: str) -> None:
    """No word is taken for an option of git."""
    commit(tmp_path, {"rules/a.yaml": RULE})
    with pytest.raises(UsageError, match="there is no revision"):
        find_revision(tmp_path / "rules", name)


def test_a_misspelt_word_for_the_directory_is_told(tmp_path: Path) -> None:
    """It is the one word that is no revision."""
    commit(tmp_path, {})
    with pytest.raises(UsageError) as caught:
        find_revision(tmp_path, "worktre")
    assert "did you mean worktree" in str(caught.value.hint)


def test_without_a_repository_there_are_no_revisions(tmp_path: Path) -> None:
    """The message says so, and what can be done without one."""
    with pytest.raises(UsageError, match="lies in no git repository"):
        find_revision(tmp_path, "HEAD")


def test_without_git_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that the revision is unknown."""
    commit(tmp_path, {"rules/a.yaml": RULE})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        find_revision(tmp_path / "rules", "HEAD")


@pytest.mark.parametrize("name", ["^HEAD", "HEAD..HEAD", "-x", "--output=x", "HEAD:rules", "HEAD^{tree}", "a\nb", ""])
def test_what_names_no_commit_is_no_revision(tmp_path: Path, name: str) -> None:
    """Whatever else git would make of it: nothing is an option, a range or a tree."""
    commit(tmp_path, {"rules/a.yaml": RULE})
    with pytest.raises(UsageError, match="there is no revision"):
        find_revision(tmp_path / "rules", name)
