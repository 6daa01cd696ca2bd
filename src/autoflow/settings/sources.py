"""Where settings are written: the config file, AUTOFLOW_* variables and flags, each as one tree.

A source knows the folder its relative paths start from, and how to say where a value stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity
from autoflow.settings.keys import KEYS, NOTIFIERS
from autoflow.settings.values import PREFIX
from autoflow.strict_yaml import Place, Pointer, YamlDocument, decode_text, problem_at, read_yaml

UNREADABLE = "AF010"
UNKNOWN_KEY = "AF011"
WRONG_VALUE = "AF012"
MISSING = "AF013"
WRONG_VARIABLE = "AF014"
OPEN_DOOR = "AF015"
CLEAR_SECRET = "AF016"  # noqa: S105 -- a code
UNKNOWN_VARIABLE = "AF017"

COMMAND_VARIABLES = frozenset({"CONFIG", "FAILPOINT", "TOKEN", "TOKEN_FILE", "TRACEBACK", "URL"})
"""AUTOFLOW_* variables that commands read; they are no settings."""

_WHOLE_FILE = Place(line=1, column=1, end_line=1, end_column=2)
_REFERENCE = re.compile(
    r"\$(?:\$|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?])(?P<rest>[^}]*))?\}|(?P<broken>\{))", re.ASCII
)


class Source(NamedTuple):
    """One tree of settings as written."""

    #: the file, or what else a problem names as its place
    name: str
    tree: Mapping[str, Json]
    folder: Path
    document: YamlDocument | None = None

    def problem_at(
        self,
        pointer: Pointer,
        code: str,
        message: str,
        hint: str | None = None,
        *,
        on_key: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem with what stands at a pointer."""
        path, place = self.name, _WHOLE_FILE
        if self.document is not None:
            place = self.document.key_at(pointer) if on_key else self.document.value_at(pointer)
        elif self.name == PREFIX:
            path = PREFIX + "__".join(str(step) for step in pointer).upper()
        return problem_at(path, place, severity, code, message, hint)


def read_file(path: Path, environ: Mapping[str, str], problems: list[Problem]) -> Source:
    """The config file, with ${VAR} filled in. Problems with it are added to the list."""
    source = Source(name=str(path), tree={}, folder=path.absolute().parent)
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = "config.example.yaml shows every key" if isinstance(error, FileNotFoundError) else None
        message = f"the config cannot be read: {error.strerror}"
        problems.append(source.problem_at((), UNREADABLE, message, hint))
        return source
    text = decode_text(content, path=str(path))
    if isinstance(text, Problem):
        problems.append(text)
        return source
    read = read_yaml(text, path=str(path))
    problems.extend(read.all_problems)
    if not read.documents:
        return source
    source = Source(name=str(path), tree={}, folder=source.folder, document=read.documents[0])
    tree = read.documents[0].value
    if len(read.documents) > 1:
        problems.append(source.problem_at((), UNREADABLE, "a config is one document", "take the --- lines out"))
    if tree is None:
        return source
    if not isinstance(tree, Mapping):
        problems.append(source.problem_at((), UNREADABLE, "a config is a map of keys to values"))
        return source
    filled = _expand_tree(tree, (), environ, source, problems)
    return Source(name=source.name, tree=filled, folder=source.folder, document=source.document)


def read_environ(environ: Mapping[str, str], folder: Path, problems: list[Problem]) -> Source:
    """The AUTOFLOW_* variables: AUTOFLOW_HTTP__LISTEN is http.listen. An empty one counts as not set.

    An unknown one is a warning only: a cluster sets AUTOFLOW_PORT by itself where something is called autoflow.
    """
    tree: dict[str, Json] = {}
    source = Source(name=PREFIX, tree=tree, folder=folder)
    for variable, text in sorted(environ.items()):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in COMMAND_VARIABLES or not text:
            continue
        steps = tuple(name.lower().split("__"))
        if ".".join(steps) in KEYS or (len(steps) == 3 and steps[0] == NOTIFIERS and all(steps)):
            _put(tree, steps, _read_variable(steps, text))
            continue
        problems.append(
            source.problem_at(
                steps,
                UNKNOWN_VARIABLE,
                "no setting is called so; the variable is left out",
                severity=Severity.WARNING,
            )
        )
    return source


def read_flags(overrides: Mapping[str, Json], folder: Path) -> Source:
    """Flags by dotted key, or nested; a flag that is None was not given."""
    tree: dict[str, Json] = {}
    for name, value in overrides.items():
        if value is not None:
            _put(tree, tuple(name.split(".")), value)
    return Source(name="flags", tree=tree, folder=folder)


def expand_text(text: str, environ: Mapping[str, str]) -> str:
    """The text with ${VAR}, ${VAR:-default}, ${VAR-default} and ${VAR:?message} filled in; $$ is a dollar.

    What is filled in is never looked at again. ValueError names the variable.
    """
    return _REFERENCE.sub(lambda found: _expand(found, environ), text)


def _expand(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found["broken"]:
        raise ValueError("${ without an end; write ${NAME}, ${NAME:-default} or $${ for the text itself")
    name, how, rest = found["name"], found["how"] or "", found["rest"]
    if name is None:
        return "$"
    value = environ.get(name)
    if value is not None and (value or not how.startswith(":")):
        return value
    if how.endswith("-"):
        return str(rest)
    if how.endswith("?"):
        raise ValueError(f"{name}: {rest or 'must be set'}")
    raise ValueError(f"the environment has no {name}; set it, or write ${{{name}:-default}}")


def _expand_tree(
    value: Mapping[str, Json], pointer: Pointer, environ: Mapping[str, str], source: Source, problems: list[Problem]
) -> dict[str, Json]:
    def expand(part: Json, at: Pointer) -> Json:
        if isinstance(part, Mapping):
            return {key: expand(item, (*at, key)) for key, item in part.items()}
        if isinstance(part, list):
            return [expand(item, (*at, index)) for index, item in enumerate(part)]
        if not isinstance(part, str):
            return part
        try:
            return expand_text(part, environ)
        except ValueError as error:
            problems.append(source.problem_at(at, WRONG_VARIABLE, str(error)))
            return UNFILLED

    return {key: expand(item, (*pointer, key)) for key, item in value.items()}


class _Unfilled(str):
    """Stands where a variable is missing: said once, and not once more as a wrong value."""

    __slots__ = ()


UNFILLED = _Unfilled()


def _read_variable(steps: tuple[str, ...], text: str) -> Json:
    """Text, but for a retry policy, which can be a map."""
    if steps == ("retry",) and text[:1] == "{":
        read = read_yaml(text, path=PREFIX)
        if len(read.documents) == 1 and not read.all_problems:
            return read.documents[0].value
    return text


def _put(tree: dict[str, Json], steps: tuple[str, ...], value: Json) -> None:
    for step in steps[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = tree[step] = {}
        tree = inner
    tree[steps[-1]] = value
