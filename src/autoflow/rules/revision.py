"""Rule files and templates as they were in a git revision, read from its objects: nothing is checked out.

Beside `rule_files` and the template library, which read what lies on disk; the loader takes either. Links inside the
revision are followed as they are on disk; submodules hold another repository's files and are refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from autoflow.errors import TemplateError, UsageError
from autoflow.rules import codes
from autoflow.rules.git import ask_git, find_top
from autoflow.rules.source import FileText, file_problem, is_rule_file, make_text
from autoflow.strict_yaml import MAX_BYTES
from autoflow.templates import decode_source, is_template_file

_LINK, _SUBMODULE = "120000", "160000"
_MOST_LINKS = 40
_HASH = re.compile(r"[0-9a-f]{40,64}")
"""What `rev-parse` answers for one commit; for `^HEAD` it puts a mark before it."""
_READING_LIMIT = 60.0


class Revision(NamedTuple):
    """A commit, as it was named and by its hash."""

    #: the repository's top
    top: Path
    name: str
    commit: str

    def show(self, path: str) -> str:
        """A path of it for people, in the form that `git show` takes."""
        return f"{self.name}:{path}"


class _Entry(NamedTuple):
    """A file of a revision."""

    mode: str
    object: str
    size: int


def find_revision(root: Path, name: str) -> Revision:
    """The commit that a name means in the repository around a directory. UsageError where there is none."""
    top = find_top(root)
    if top is None:
        raise UsageError(
            f"{root} lies in no git repository, so there is no revision {name}",
            hint="name the rules of a repository, or leave --from and --to out",
        )
    answer = ask_git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    commit = answer.output.decode("ascii", "replace").strip()
    if answer.refusal is None and _HASH.fullmatch(commit):
        return Revision(top=top, name=name, commit=commit)
    # git refuses quietly what it does not know; for what else is wrong it has words
    reason = "" if answer.refusal is None or answer.refusal.startswith("git ended") else f": {answer.refusal}"
    hint = "see `git log`; a shallow clone has only its newest commits: fetch what is to be compared"
    if get_close_matches(name, ["worktree"]):
        hint = "did you mean worktree, what lies in the directory now?"
    raise UsageError(f"there is no revision {name} in {top}{reason}", hint=hint)


def read_rules(revision: Revision, root: Path) -> tuple[FileText, ...]:
    """Every rule file that stood below a directory, in the order in which they are read from disk."""
    tree = _read_tree(revision, root)
    prefix = _prefix_of(revision.top, root)
    found = [(path, real) for path, real in tree.walk(prefix) if is_rule_file(posixpath.basename(path))]
    contents = tree.read([real for _, real in found if real is not None])
    inside = f"{prefix}/" if prefix else ""
    return tuple(_file_of(revision, path, path.removeprefix(inside), real, contents) for path, real in found)


def read_templates(revision: Revision, root: Path) -> dict[str, str | TemplateError]:
    """Every template file that stood below a directory, by its name below it."""
    tree = _read_tree(revision, root)
    prefix = _prefix_of(revision.top, root)
    found = {path: real for path, real in tree.walk(prefix) if real is not None and is_template_file(path)}
    contents = tree.read(list(found.values()))
    inside = f"{prefix}/" if prefix else ""
    return {path.removeprefix(inside): decode_source(contents[real]) for path, real in sorted(found.items())}


def is_inside(revision: Revision, root: Path) -> bool:
    """Whether a directory lies in the revision's repository."""
    return root.resolve().is_relative_to(revision.top)


def _prefix_of(top: Path, root: Path) -> str:
    relative = root.resolve().relative_to(top).as_posix()
    return "" if relative == "." else relative


def _file_of(revision: Revision, path: str, name: str, real: str | None, contents: Mapping[str, bytes]) -> FileText:
    shown = revision.show(path)
    if real is None:
        problem = file_problem(shown, codes.UNREADABLE, "cannot be read: the link leads to no file of this revision")
        return FileText(path=shown, name=name, problem=problem)
    return make_text(contents[real], shown, name)


class _Tree:
    """The files of a revision, by their paths from its top."""

    def __init__(self, revision: Revision, entries: Mapping[str, _Entry]) -> None:
        self._revision = revision
        self._entries = entries
        self._below: dict[str, set[str]] = {"": set()}
        self._links: dict[str, str] = {}
        for path in entries:
            self._add(path)

    def _add(self, path: str) -> None:
        folder, name = posixpath.split(path)
        if folder not in self._below:
            self._below[folder] = set()
            self._add(folder)
        self._below[folder].add(name)

    def walk(self, folder: str) -> Iterator[tuple[str, str | None]]:
        """Every file below a folder and where it really stands (None: nowhere): files first, then the folders."""
        seen: set[str] = set()
        start = self._resolve(folder)
        waiting = [(folder, start)] if start in self._below else []
        while waiting:
            shown, real = waiting.pop()
            if real in seen:
                continue
            seen.add(real)
            folders = []
            for name in sorted(self._below[real]):
                path, found = posixpath.join(shown, name), self._resolve(posixpath.join(real, name))
                if found is not None and found in self._below:
                    folders += [] if name.startswith(".") else [(path, found)]
                else:
                    yield path, found if found in self._entries else None
            waiting += reversed(folders)

    def read(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The contents of files; of one that is too large no more than tells that it is."""
        contents = {path: b" " * (MAX_BYTES + 1) for path in paths if self._entries[path].size > MAX_BYTES}
        wanted = [path for path in dict.fromkeys(paths) if path not in contents]
        objects = [self._entries[path].object for path in wanted]
        return contents | dict(zip(wanted, _read_objects(self._revision, objects), strict=True))

    def _resolve(self, path: str) -> str | None:
        """Where a path leads once its links are followed; None where that is not in the revision."""
        done: list[str] = []
        waiting = [part for part in reversed(path.split("/")) if part]
        for _ in range(_MOST_LINKS * 100):
            if not waiting:
                return "/".join(done)
            part = waiting.pop()
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            here = "/".join([*done, part])
            entry = self._entries.get(here)
            if entry is not None and entry.mode == _SUBMODULE:
                raise UsageError(
                    f"{self._revision.show(here)} is a submodule: its files are not in this repository's revisions",
                    hint="keep rules and templates in the repository itself to compare revisions of them",
                )
            if entry is None or entry.mode != _LINK:
                done.append(part)
                continue
            target = self._target(here, entry)
            if target.startswith("/"):
                return None
            waiting += [step for step in reversed(target.split("/")) if step not in ("", ".")]
        return None  # links in a circle

    def _target(self, path: str, entry: _Entry) -> str:
        if path not in self._links:
            [content] = _read_objects(self._revision, [entry.object])
            self._links[path] = content.decode("utf-8", "surrogateescape")
        return self._links[path]


def _read_tree(revision: Revision, root: Path) -> _Tree:
    """What stood below a directory; where there are links, all of the revision, for they may lead anywhere."""
    entries = _list(revision, _prefix_of(revision.top, root))
    if any(entry.mode == _LINK for entry in entries.values()) or not entries:
        entries = _list(revision, "")
    return _Tree(revision, entries)


def _list(revision: Revision, prefix: str) -> dict[str, _Entry]:
    words = ["ls-tree", "-r", "-z", "-l", "--full-tree", revision.commit, *(["--", prefix] if prefix else [])]
    answer = ask_git(revision.top, *words, limit=_READING_LIMIT)
    _check(revision, answer.refusal)
    entries = {}
    for line in answer.output.decode("utf-8", "surrogateescape").split("\0"):
        if line:
            told, _, path = line.partition("\t")
            mode, _, name, size = told.split()
            entries[path] = _Entry(mode, name, int(size) if size.isdigit() else 0)
    return entries


def _read_objects(revision: Revision, objects: Sequence[str]) -> list[bytes]:
    if not objects:
        return []
    given = "".join(f"{name}\n" for name in objects).encode()
    answer = ask_git(revision.top, "cat-file", "--batch", given=given, limit=_READING_LIMIT)
    _check(revision, answer.refusal)
    contents, at = [], 0
    for name in objects:
        head_end = answer.output.index(b"\n", at)
        head = answer.output[at:head_end].split()
        if len(head) != 3:
            reason = "it is not here; a partial clone has to fetch it first"
            _check(revision, f"object {name}: {reason}")
        begin = head_end + 1
        at = begin + int(head[2]) + 1
        contents.append(answer.output[begin : at - 1])
    return contents


def _check(revision: Revision, refusal: str | None) -> None:
    if refusal is not None:
        hint = (
            "see `git fsck`; a partial clone has not fetched all its files: `git checkout` or fetch what is compared"
        )
        raise UsageError(f"git cannot read revision {revision.name}: {refusal}", hint=hint)
