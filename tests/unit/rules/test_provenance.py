"""Where a rule came from, asked of a real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.rule import Provenance
from autoflow.rules import provenance
from autoflow.rules.loader import LoadContext, load_directory
from autoflow.rules.provenance import GitProvenance, index_lock_present

RULE = "trigger: { event: a }\nactions: [ log: { message: x } ]\n"


def git(root: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with two rules below `rules/`, the first one changed once."""
    git(tmp_path, "init", "-q")
    rules = tmp_path / "rules"
    (rules / "sub").mkdir(parents=True)
    (rules / "größe one.yaml").write_text(RULE)
    (rules / "sub" / "two.yaml").write_text(RULE)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    (rules / "größe one.yaml").write_text("# changed\n" + RULE)
    git(tmp_path, "commit", "-q", "-a", "-m", "second")
    return tmp_path


def test_each_file_has_the_commit_that_changed_it_last(repo: Path) -> None:
    """The commit is the file's own, not the newest of all."""
    known = GitProvenance(repo / "rules")
    head, first = git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD~1")
    one = known.of("größe one.yaml", 3)
    assert one == Provenance(path="größe one.yaml", line=3, commit=head, author="Ada <ada@example.com>", dirty=False)
    assert known.of("sub/two.yaml", 1).commit == first


def test_a_changed_file_is_dirty(repo: Path) -> None:
    """So are a new file, a new folder's files, and one that is only staged."""
    (repo / "rules" / "sub" / "two.yaml").write_text("# edited\n" + RULE)
    (repo / "rules" / "new.yaml").write_text(RULE)
    (repo / "rules" / "folder").mkdir()
    (repo / "rules" / "folder" / "deep.yaml").write_text(RULE)
    (repo / "rules" / "staged.yaml").write_text(RULE)
    git(repo, "add", "rules/staged.yaml")
    known = GitProvenance(repo / "rules")
    found = {
        name: known.of(name, 1).dirty for name in ["sub/two.yaml", "new.yaml", "folder/deep.yaml", "staged.yaml"]
    }
    assert found == dict.fromkeys(found, True)
    assert known.of("größe one.yaml", 1).dirty is False
    assert known.of("new.yaml", 1).commit is None


def test_what_was_renamed_or_is_in_conflict_is_dirty(repo: Path) -> None:
    """By its new name and by its old one."""
    git(repo, "checkout", "-q", "-b", "other")
    (repo / "rules" / "sub" / "two.yaml").write_text("# theirs\n" + RULE)
    git(repo, "commit", "-q", "-a", "-m", "theirs")
    git(repo, "checkout", "-q", "-")
    (repo / "rules" / "sub" / "two.yaml").write_text("# ours\n" + RULE)
    git(repo, "commit", "-q", "-a", "-m", "ours")
    subprocess.run(["git", "-C", str(repo), "merge", "-q", "other"], check=False, capture_output=True)
    git(repo, "mv", "rules/größe one.yaml", "rules/new one.yaml")
    known = GitProvenance(repo / "rules")
    for name in ("sub/two.yaml", "new one.yaml", "größe one.yaml"):
        assert known.of(name, 1).dirty, name


def test_the_log_is_read_again_where_a_commit_came(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only there; what is dirty is asked each time."""
    asked = []
    really = provenance._run_git
    monkeypatch.setattr(provenance, "_run_git", lambda top, *words: asked.append(words[0]) or really(top, *words))
    first = GitProvenance(repo / "rules")
    (repo / "rules" / "sub" / "two.yaml").write_text("# edited\n" + RULE)
    second = GitProvenance(repo / "rules", first)
    assert asked == ["status", "log", "status"]
    fresh = GitProvenance(repo / "rules")
    assert second.of("sub/two.yaml", 1) == fresh.of("sub/two.yaml", 1)
    assert second.of("sub/two.yaml", 1).dirty
    git(repo, "commit", "-q", "-a", "-m", "third")
    third = GitProvenance(repo / "rules", second)
    assert third.of("sub/two.yaml", 1).commit == git(repo, "rev-parse", "HEAD")
    assert not third.of("sub/two.yaml", 1).dirty


def test_without_a_repository_everything_works(tmp_path: Path) -> None:
    """The git fields are unknown; path and line are there."""
    known = GitProvenance(tmp_path)
    assert not known.is_known
    assert known.of("a.yaml", 2) == Provenance(path="a.yaml", line=2)


def test_a_repository_without_a_commit_is_one(tmp_path: Path) -> None:
    """All its files are new."""
    git(tmp_path, "init", "-q")
    (tmp_path / "a.yaml").write_text(RULE)
    found = GitProvenance(tmp_path).of("a.yaml", 1)
    assert (found.commit, found.dirty) == (None, True)


def test_without_git_everything_works(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container without git loads rules all the same."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    known = GitProvenance(repo / "rules")
    assert not known.is_known
    assert known.of("a.yaml", 1) == Provenance(path="a.yaml", line=1)


def test_the_environment_does_not_lead_it_astray(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook's GIT_DIR, an external diff or a pager of the environment have no effect."""
    head = git(repo, "rev-parse", "HEAD")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_PAGER", "false")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert GitProvenance(repo / "rules").of("größe one.yaml", 1).commit == head


def test_nothing_of_the_repository_is_run(repo: Path) -> None:
    """Neither hooks nor a file-system monitor of its config are called."""
    trap, mark = repo / "trap.sh", repo / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "gpg.program"):
        git(repo, "config", key, str(trap))
    git(repo, "config", "log.showSignature", "true")
    (repo / ".git" / "hooks" / "post-index-change").symlink_to(trap)
    (repo / "rules" / "größe one.yaml").touch()
    assert GitProvenance(repo / "rules").is_known
    assert not mark.exists()


def test_the_loader_asks_once_for_all_files(repo: Path) -> None:
    """Each rule of a load carries what was found."""
    context = LoadContext(action_types=ACTION_TYPES, notifiers={})
    git(repo, "mv", "rules/größe one.yaml", "rules/one.yaml")
    git(repo, "commit", "-q", "-m", "third")
    result = load_directory(repo / "rules", context, provenance=GitProvenance(repo / "rules"))
    assert {rule.provenance.path: rule.provenance.commit for rule in result.rules} == {
        "one.yaml": git(repo, "rev-parse", "HEAD"),
        "sub/two.yaml": git(repo, "rev-parse", "HEAD~2"),
    }
    assert result.rules[0].provenance.line == 2


def test_an_index_lock_is_seen(repo: Path) -> None:
    """While git is changing the files, nobody should read them."""
    assert not index_lock_present(repo / "rules")
    (repo / ".git" / "index.lock").touch()
    assert index_lock_present(repo / "rules")


def test_a_further_worktree_has_its_own_lock(repo: Path, tmp_path: Path) -> None:
    """There `.git` is a file that names the place."""
    other = tmp_path / "other"
    git(repo, "worktree", "add", "-q", str(other), "HEAD")
    assert not index_lock_present(other)
    assert GitProvenance(other / "rules").of("sub/two.yaml", 1).commit == git(repo, "rev-parse", "HEAD~1")
    (repo / ".git" / "worktrees" / "other" / "index.lock").touch()
    assert index_lock_present(other)
    assert not index_lock_present(repo)


def test_outside_of_a_repository_there_is_no_lock(tmp_path: Path) -> None:
    """Nothing to wait for."""
    assert not index_lock_present(tmp_path)
