"""Rule files as they lie on disk: which there are, and what they hold.

First stop of a rule. After it: the loader, which hands each rule to the builder. Where in a file something is wrong
says `placing`: most files have nothing wrong with them, and it is imported with the first that has.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from autoflow.model.problem import Problem, Severity
from autoflow.rules import codes
from autoflow.strict_yaml import MAX_BYTES, YamlDocument, YamlRead, decode_text, read_yaml, split_lines

ENDINGS = (".yaml", ".yml", ".json")
TEST_ENDINGS = (".test.yaml", ".test.yml")
_MOST_AT_ONCE = 64 * 1024
"""Room for the largest file there may be takes longer to make than most files to read."""
SUSPECT_COMMENT = re.compile(r"\s#[^\s#!]")
ROUND_NUMBER = re.compile(r"-?\d+\.\d*0")
SHORT_NUMBER = re.compile(r"\d{2,}[eE]\d+")
PARTED_NUMBER = re.compile(r"[-+]?\d{1,3}(?:_\d{3})+")
_ODD_NUMBER = re.compile(r"\d(?:\.\d*0|\d[eE]\d|_\d)")


class FileText(NamedTuple):
    """A file as it was read: all that its rules depend on."""

    #: as shown to people, with `/`
    path: str
    #: relative to the rules directory, where there is one
    name: str
    text: str = ""
    #: why it could not be read
    problem: Problem | None = None


class SourceFile(NamedTuple):
    """One file: its documents, and the problems of its text."""

    written: FileText
    documents: tuple[YamlDocument, ...]
    problems: tuple[Problem, ...]

    @property
    def path(self) -> str:
        """As shown to people."""
        return self.written.path

    @property
    def name(self) -> str:
        """Relative to the rules directory, where there is one."""
        return self.written.name

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the text; asked for only where something is wrong in it."""
        return split_lines(self.written.text)


def find_files(root: Path) -> Iterator[Path]:
    """The rule files below a directory, in order of their names."""
    return map(Path, find_paths(root))


def find_paths(root: Path, is_wanted: Callable[[str], bool] | None = None) -> Iterator[str]:
    """The same as texts, or other files by their names. Symbolic links are followed, each place once.

    Names that begin with a dot are not looked at: Kubernetes keeps what its visible links point to under `..data`.
    """
    wanted = is_wanted or is_rule_file
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        place = os.path.realpath(folder)
        folders[:] = [] if place in seen else sorted(name for name in folders if not name.startswith("."))
        if place in seen:
            continue
        seen.add(place)
        # as text: a Path costs five times that
        below = folder if folder.endswith("/") else f"{folder}/"
        yield from (path for name in sorted(files) if wanted(name) and not _is_endless(path := below + name))


def _is_endless(path: str) -> bool:
    """A pipe, a socket or a device: opening it may never end, and nobody keeps rules in one."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a text: there are thousands of files
    except OSError:
        return False  # reading it says what is wrong
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def is_rule_file(name: str) -> bool:
    """Whether a file of this name is read for rules."""
    return name.endswith(ENDINGS) and not name.endswith(TEST_ENDINGS) and not name.startswith(".")


def is_test_file(name: str) -> bool:
    """Whether a file of this name holds scenarios."""
    return name.endswith(TEST_ENDINGS) and not name.startswith(".")


def read_file(path: Path, root: Path | None) -> FileText:
    """One file; with the problem where it cannot be read."""
    shown = show_path(path)
    name = _relative(path, root) if root is not None else shown
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_AT_ONCE)
            if len(content) == _MOST_AT_ONCE:
                content += stream.read(MAX_BYTES + 1 - _MOST_AT_ONCE)
    except OSError as error:
        problem = file_problem(shown, codes.UNREADABLE, f"cannot be read: {error.strerror}")
        return FileText(path=shown, name=name, problem=problem)
    return make_text(content, shown, name)


def make_text(content: bytes, path: str, name: str) -> FileText:
    """The text that these bytes are; with the problem where they are none."""
    text = decode_text(content, path=path) if len(content) <= MAX_BYTES else content.decode("latin-1")
    if isinstance(text, Problem):
        return FileText(path=path, name=name, problem=text)
    return FileText(path=path, name=name, text=text)


def parse_file(file: FileText) -> SourceFile:
    """The documents of a file."""
    if file.problem is not None:
        return SourceFile(written=file, documents=(), problems=(file.problem,))
    read: YamlRead = read_yaml(file.text, path=file.path, mend=True)
    problems: list[Problem] = []
    if read.all_problems:
        from autoflow.rules.hints import explain_problem

        lines = split_lines(file.text)
        problems = [explain_problem(problem, lines) for problem in read.all_problems]
    if _may_lose(file.text):
        from autoflow.rules.placing import note_losses

        lines = split_lines(file.text)
        problems += [note for document in read.documents for note in note_losses(document, lines)]
    return SourceFile(written=file, documents=read.documents, problems=tuple(problems))


def may_silence(file: FileText) -> bool:
    """Whether a file may hold comments that silence findings: few hold these words, which may begin with capitals."""
    return "utoflow" in file.text and "gnore" in file.text


def _may_lose(text: str) -> bool:
    """Whether there may be a comment that cuts a text, or a number that loses a digit: few files have any."""
    return bool("#" in text and SUSPECT_COMMENT.search(text)) or _ODD_NUMBER.search(text) is not None


def show_path(path: Path) -> str:
    """A path for people: relative to the current directory where it lies below it."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links; the name given is meant
    here = os.getcwd().rstrip("/") + "/"  # noqa: PTH109 - texts: there are thousands of files
    return absolute.removeprefix(here) if absolute.startswith(here) else path.as_posix()


def file_problem(
    path: str, code: str, message: str, hint: str | None = None, severity: Severity = Severity.ERROR
) -> Problem:
    """A problem with a file as a whole."""
    return Problem(
        path=path,
        line=1,
        column=1,
        end_line=1,
        end_column=2,
        severity=severity,
        code=code,
        message=message,
        hint=hint,
    )


def _relative(path: Path, root: Path) -> str:
    inside, shown = f"{root}/", str(path)
    if shown.startswith(inside):
        return shown.removeprefix(inside)
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
