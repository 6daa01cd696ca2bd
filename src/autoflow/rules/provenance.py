"""Where rule versions came from, as git knows it: commit, author, and whether the file differs from it.

Beside the loader, in two calls a load, whatever the number of files, and in one where no commit came since. Without
git, or outside of a repository, the fields are None and everything else works.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autoflow.model.rule import Provenance
from autoflow.rules.git import ask_git, find_top

MAX_COMMITS = 2_000
"""How far back the log is read; a file that was last changed before that has no commit here."""

_HEADER = "\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Commit:
    hash: str
    author: str


class GitProvenance:
    """What git says about the files below one directory at one moment.

    `before` is what it said of the same directory earlier: the log is that of its commit.
    """

    def __init__(self, root: Path, before: GitProvenance | None = None) -> None:
        self._root = root
        self._top = find_top(root)
        self._dirty: frozenset[str] = frozenset()
        self._commits: Mapping[str, _Commit] = {}
        self._prefix = ""
        self._head = ""
        if self._top is not None:
            self._ask(self._top, before)

    @property
    def is_known(self) -> bool:
        """Whether the directory lies in a repository that git can read."""
        return self._top is not None

    def of(self, path: str | None, line: int | None) -> Provenance:
        """Where a rule stands, and who changed its file last. `path` is relative to the directory."""
        if path is None or self._top is None:
            return Provenance(path=path, line=line)
        name = self._prefix + path
        commit = self._commits.get(name)
        return Provenance(
            path=path,
            line=line,
            commit=commit.hash if commit else None,
            author=commit.author if commit else None,
            dirty=name in self._dirty
            or any(name.startswith(folder) for folder in self._dirty if folder.endswith("/")),
        )

    def _ask(self, top: Path, before: GitProvenance | None) -> None:
        relative = self._root.resolve().relative_to(top).as_posix()
        self._prefix = "" if relative == "." else relative + "/"
        words = ("--porcelain=v2", "--branch", "--no-ahead-behind", "-z", "--untracked-files=normal")
        status = _run_git(top, "status", *words, "--", relative)
        if status is None:
            self._top = None
            return
        self._dirty = frozenset(_read_status(status))
        self._head = _read_head(status)
        if before is not None and (before._top, before._prefix, before._head) == (top, self._prefix, self._head):
            self._commits = before._commits
        else:
            self._commits = _ask_log(top, relative)


def index_lock_present(root: Path) -> bool:
    """Whether git is just changing the working tree that the directory lies in."""
    top = find_top(root)
    folder = _git_folder(top) if top is not None else None
    return folder is not None and (folder / "index.lock").exists()


def _git_folder(top: Path) -> Path | None:
    """The repository's own directory; in a further worktree `.git` is a file that names it."""
    link = top / ".git"
    if link.is_dir():
        return link
    try:
        words = link.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return (top / words.removeprefix("gitdir:").strip()) if words.startswith("gitdir:") else None


def _run_git(top: Path, *arguments: str) -> str | None:
    """What git prints; None where it is not there, takes too long, or refuses."""
    answer = ask_git(top, *arguments)
    return answer.output.decode("utf-8", "replace") if answer.refusal is None else None


def _ask_log(top: Path, relative: str) -> Mapping[str, _Commit]:
    log = _run_git(
        top,
        "log",
        f"--max-count={MAX_COMMITS}",
        f"--format={_HEADER}%H%x00%an <%ae>",
        "--name-only",
        "--no-renames",
        "-z",
        "--no-ext-diff",
        "--",
        relative,
    )
    # A repository without a commit has no log; its files are all new.
    return _read_log(log or "")


_FIELDS = {"1": 8, "2": 9, "u": 10, "?": 1}
"""What stands before the name, by the kind of an entry: changed, renamed, in conflict, new."""


def _read_status(text: str) -> Iterator[str]:
    entries = iter(text.split("\0"))
    for entry in entries:
        fields = _FIELDS.get(entry[:1])
        if fields is None:
            continue
        yield entry.split(" ", fields)[-1]
        if entry.startswith("2"):
            # A rename is followed by the name it had.
            yield next(entries, "")


def _read_head(text: str) -> str:
    """The commit that is checked out, as the status says it."""
    lead = "# branch.oid "
    return next((entry.removeprefix(lead) for entry in text.split("\0") if entry.startswith(lead)), "")


def _read_log(text: str) -> Mapping[str, _Commit]:
    """Each file's newest commit."""
    newest: dict[str, _Commit] = {}
    for block in text.split(_HEADER)[1:]:
        commit_hash, author, *names = block.split("\0")
        commit = _Commit(hash=commit_hash, author=author)
        for name in names:
            name = name.lstrip("\n")
            if name:
                newest.setdefault(name, commit)
    return newest
