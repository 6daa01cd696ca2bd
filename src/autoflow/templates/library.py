"""The templates directory: longer messages, one name for their text, HTML and subject files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.templates.facts import freeze_facts
from autoflow.templates.text import SOURCE_CAP, TextTemplate, referenced_paths, referenced_roots

_ENDINGS = {".subject.txt": "subject", ".txt": "text", ".html": "html"}
"""What a file is for, by the end of its name; the longest ending is looked at first."""


class TemplateProblem(NamedTuple):
    """A template file that cannot be used, and the part of a line that is wrong with it; both count from 1."""

    path: Path
    message: str
    hint: str | None = None
    line: int = 1
    column: int = 1
    end_column: int = 2


class Message(NamedTuple):
    """A rendered template; the parts it has no file for are None."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None


class TemplateLibrary:
    """All templates of a directory, compiled. A broken file is a problem, and its name is not offered."""

    def __init__(
        self,
        parts: Mapping[str, Mapping[str, TextTemplate]] = MappingProxyType({}),
        problems: tuple[TemplateProblem, ...] = (),
    ) -> None:
        self._parts = parts
        self.problems = problems
        self.names = frozenset(parts)

    @classmethod
    def load(cls, directory: Path) -> TemplateLibrary:
        """Read `<name>.txt`, `<name>.html` and `<name>.subject.txt`; no directory, no templates."""
        return cls.make(cls.read(directory), directory)

    @staticmethod
    def read(directory: Path) -> dict[str, str | TemplateError]:
        """The template files below a directory, by name: their texts, or why one cannot be read."""
        if not directory.is_dir():
            return {}
        paths = (path for path in sorted(directory.rglob("*")) if is_template_file(path.name) and path.is_file())
        return {path.relative_to(directory).as_posix(): _read(path) for path in paths}

    @classmethod
    def make(cls, sources: Mapping[str, str | TemplateError], directory: Path) -> TemplateLibrary:
        """The library of these files, by their names below the directory; an error stands for one not to be read."""
        parts: dict[str, dict[str, TextTemplate]] = {}
        problems: list[TemplateProblem] = []
        for file, source in sources.items():
            ending = _ending_of(file)
            if ending is None:
                continue
            name = file.removesuffix(ending)
            try:
                if isinstance(source, TemplateError):
                    raise source
                parts.setdefault(name, {})[_ENDINGS[ending]] = TextTemplate(source)
            except TemplateError as error:
                problems.append(_place(directory / file, source, error))
                parts.setdefault(name, {})["broken"] = TextTemplate("")
        usable = {name: made for name, made in parts.items() if "broken" not in made}
        for name in [name for name, made in usable.items() if made.keys() == {"subject"}]:
            path = directory / f"{name}.subject.txt"
            problems.append(TemplateProblem(path=path, message=f"there is no {name}.txt or {name}.html"))
            del usable[name]
        return cls(usable, tuple(problems))

    @property
    def sources(self) -> dict[str, str]:
        """What it was made of: the texts of the files that can be used, by their names."""
        return {
            f"{name}{ending}": made[part].source
            for name, made in sorted(self._parts.items())
            for ending, part in _ENDINGS.items()
            if part in made
        }

    def render(self, name: str, facts: Mapping[str, Json]) -> Message:
        """The message for these facts. TemplateError when the name is unknown or a fact is missing."""
        parts = self._parts.get(name)
        if parts is None:
            raise TemplateError(f"there is no template {name!r}", hint=f"known are {_list(self.names)}")
        frozen = freeze_facts(facts)
        made = {}
        for part, template in parts.items():
            try:
                made[part] = template.render(frozen, autoescape=part == "html")
            except TemplateError as error:
                where = f"template {name} ({part}, line {error.line})" if error.line else f"template {name} ({part})"
                raise TemplateError(f"{where}: {error.message}", hint=error.hint, line=error.line) from error
        subject = made.get("subject")
        return Message(
            subject=None if subject is None else " ".join(subject.split()),
            text=made.get("text"),
            html=made.get("html"),
        )

    def referenced_roots(self, name: str) -> frozenset[str]:
        """The names that the template's files take from the facts."""
        return frozenset().union(*(referenced_roots(part.source) for part in self._parts[name].values()))

    def referenced_paths(self, name: str) -> frozenset[str]:
        """As above, each as far as the files write it out; nothing where there is no such template."""
        parts = self._parts.get(name, {})
        return frozenset().union(*(referenced_paths(part.source) for part in parts.values()))


def is_template_file(name: str) -> bool:
    """Whether a file of this name is read as a template."""
    return _ending_of(name) is not None


def template_name(file: str) -> str:
    """What rules call the template that a file belongs to."""
    return file.removesuffix(_ending_of(file) or "")


def _place(path: Path, source: str | TemplateError, error: TemplateError) -> TemplateProblem:
    """The problem at its tag; without one, at the line as a whole."""
    text = source if isinstance(source, str) else ""
    lines = text.split("\n")
    if error.span is None:
        line, column = min(error.line or 1, len(lines)), 1
        end = len(lines[line - 1].rstrip()) + 1
    else:
        start, width = error.span
        line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        end = min(column + width, len(lines[line - 1]) + 1)
    end = max(end, column + 1)
    return TemplateProblem(
        path=path, message=error.message, hint=error.hint, line=line, column=column, end_column=end
    )


def decode_source(content: bytes) -> str | TemplateError:
    """The text of a template file, or why it cannot be one."""
    if len(content) > SOURCE_CAP:
        return TemplateError(f"a template is at most {SOURCE_CAP // 1024} KiB")
    try:
        return content.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        return TemplateError(f"cannot be read: {error}")


def _ending_of(file: str) -> str | None:
    return next((ending for ending in _ENDINGS if file.endswith(ending)), None)


def _read(path: Path) -> str | TemplateError:
    try:
        with path.open("rb") as stream:
            return decode_source(stream.read(SOURCE_CAP + 1))
    except OSError as error:
        return TemplateError(f"cannot be read: {error}")


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none: the templates directory is empty"
