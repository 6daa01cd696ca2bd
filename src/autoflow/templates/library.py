"""The templates directory: longer messages, one name for their text, HTML and subject files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.templates.facts import freeze_facts
from autoflow.templates.text import SOURCE_CAP, TextTemplate, referenced_roots

_ENDINGS = {".subject.txt": "subject", ".txt": "text", ".html": "html"}
"""What a file is for, by the end of its name; the longest ending is looked at first."""


class TemplateProblem(NamedTuple):
    """A template file that cannot be used."""

    path: Path
    line: int
    message: str


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
        parts: dict[str, dict[str, TextTemplate]] = {}
        problems: list[TemplateProblem] = []
        for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
            ending = next((end for end in _ENDINGS if path.name.endswith(end)), None)
            if ending is None or not path.is_file():
                continue
            name = path.relative_to(directory).as_posix().removesuffix(ending)
            try:
                parts.setdefault(name, {})[_ENDINGS[ending]] = TextTemplate(_read(path))
            except TemplateError as error:
                problems.append(TemplateProblem(path=path, line=error.line or 1, message=str(error)))
                parts.setdefault(name, {})["broken"] = TextTemplate("")
        usable = {name: made for name, made in parts.items() if "broken" not in made}
        for name in [name for name, made in usable.items() if made.keys() == {"subject"}]:
            path = directory / f"{name}.subject.txt"
            problems.append(TemplateProblem(path=path, line=1, message=f"there is no {name}.txt or {name}.html"))
            del usable[name]
        return cls(usable, tuple(problems))

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


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > SOURCE_CAP:
            raise TemplateError(f"a template is at most {SOURCE_CAP // 1024} KiB")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"cannot be read: {error}") from error


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none: the templates directory is empty"
