"""From what is written to a `Settings`: flags win over variables, variables over the file, the file over defaults.

Everything wrong is said at once, with its place. Called by `load`, where anything is written at all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from autoflow.errors import ConfigError, SecretError
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.model.problem import Problem, Severity
from autoflow.security.secrets import check_secret, is_secret
from autoflow.settings import sources
from autoflow.settings.catalogue import EVENT_KEYS
from autoflow.settings.keys import EVENTS, KEYS, NOTIFIERS, SECTIONS
from autoflow.settings.kinds import HEADERS, Kind, is_loopback
from autoflow.settings.notifiers import TRANSPORTS, Option, Transport
from autoflow.settings.sources import Source
from autoflow.settings.values import (
    EgressSettings,
    EventFiles,
    HttpSettings,
    Limits,
    RecordSettings,
    Retention,
    Settings,
)
from autoflow.strict_yaml import Pointer


def read_settings(
    path: Path | None, overrides: Mapping[str, Json], environ: Mapping[str, str], here: Path
) -> Settings:
    """The settings of these sources. ConfigError holds every problem at once."""
    reading = _Reading()
    if path is not None:
        reading.take(sources.read_file(path, environ, reading.problems))
    reading.take(sources.read_environ(environ, here, reading.problems))
    reading.take(sources.read_flags(overrides, here))
    settings = reading.build(path, path.absolute().parent if path is not None else here)
    errors = [problem for problem in reading.problems if problem.severity is Severity.ERROR]
    if errors:
        raise ConfigError(_say(errors), problems=sorted(errors, key=_order_of))
    return settings


class _Written(NamedTuple):
    """A value and where it was written."""

    source: Source
    pointer: Pointer
    value: Json


@dataclass(frozen=True, slots=True)
class _Entry:
    """A notifier as written: where it stands, and its options."""

    written: _Written
    options: dict[str, _Written] = field(default_factory=dict)


class _Reading:
    """Takes the sources one after another, the later ones winning, and builds the settings of what is left."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._written: dict[str, _Written] = {}
        self._notifiers: dict[str, _Entry] = {}
        self._events: dict[str, EventFiles] = {}

    def take(self, source: Source) -> None:
        """Note what a source says."""
        for name, value in source.tree.items():
            at = _Written(source, (name,), value)
            if name not in SECTIONS:
                self._note(name, at, [*(key for key in KEYS if "." not in key), *SECTIONS])
            elif value is None:
                continue
            elif not isinstance(value, Mapping):
                self._refuse(at, sources.WRONG_VALUE, f"{name} is a map of keys to values")
            elif name == NOTIFIERS:
                for entry, options in value.items():
                    self._take_notifier(_Written(source, (name, entry), options))
            elif name == EVENTS:
                for event, files in value.items():
                    self._take_event(_Written(source, (name, event), files))
            else:
                known = [key.removeprefix(f"{name}.") for key in KEYS if key.startswith(f"{name}.")]
                for key, part in value.items():
                    self._note(f"{name}.{key}", _Written(source, (name, key), part), known)

    def _note(self, name: str, at: _Written, known: Iterable[str]) -> None:
        if name in KEYS:
            self._written[name] = at
            return
        place = f" in {at.pointer[0]}" if len(at.pointer) > 1 else ""
        self._refuse(at, sources.UNKNOWN_KEY, f"unknown key {str(at.pointer[-1])!r}{place}", known, on_key=True)

    def _take_notifier(self, at: _Written) -> None:
        if not isinstance(at.value, Mapping):
            self._refuse(at, sources.WRONG_VALUE, f"{'.'.join(map(str, at.pointer))} is a map of its options")
            return
        entry = self._notifiers.setdefault(str(at.pointer[1]), _Entry(at))
        for option, value in at.value.items():
            entry.options[option] = _Written(at.source, (*at.pointer, option), value)

    def _take_event(self, at: _Written) -> None:
        if not isinstance(at.value, Mapping):
            example = "write { example: examples/job-created.json }"
            self._refuse(at, sources.WRONG_VALUE, f"{at.pointer[1]!r} needs its example or schema", hint=example)
            return
        read: dict[str, Any] = {}
        for key, value in at.value.items():
            part = _Written(at.source, (*at.pointer, key), value)
            if key in EVENT_KEYS:
                read[key] = self._read(EVENT_KEYS[key].kind, part)
            else:
                self._refuse(part, sources.UNKNOWN_KEY, f"unknown key {key!r} of an event", EVENT_KEYS, on_key=True)
        self._events[str(at.pointer[1])] = EventFiles(examples=read.get("example") or (), schema=read.get("schema"))

    def build(self, path: Path | None, folder: Path) -> Settings:
        """The settings; where there are errors, what is wrong is left at its default."""
        values = {
            name: read for name, at in self._written.items() if (read := self._read(KEYS[name].kind, at)) is not None
        }
        paths = {name: values.get(name, folder / KEYS[name].default) for name in ("rules", "templates", "state")}
        given = {name: values[name] for name in ("retry", "timezone") if name in values}
        http = self._build_http(_section(values, "http"))
        notifiers = self._build_notifiers()
        warnings = [problem for problem in self.problems if problem.severity is not Severity.ERROR]
        return Settings(
            path=path.absolute() if path is not None else None,
            **paths,
            **given,
            http=http,
            egress=EgressSettings(**_section(values, "egress")),
            retention=Retention(**_section(values, "retention")),
            limits=Limits(**_section(values, "limits")),
            record=RecordSettings(**_section(values, "record")),
            notifiers=notifiers,
            events=MappingProxyType(dict(self._events)),
            warnings=tuple(sorted(warnings, key=_order_of)),
        )

    def _build_http(self, values: dict[str, Any]) -> HttpSettings:
        if "listen" in values:
            values["host"], values["port"] = values.pop("listen")
        http = HttpSettings(**values)
        if http.auth == "none" and http.host is not None and not is_loopback(http.host):
            self._refuse(
                self._written["http.auth"],
                sources.OPEN_DOOR,
                f"without a token, everybody who reaches {http.host} could send events",
                hint="write auth: token, or listen on 127.0.0.1",
            )
        return http

    def _build_notifiers(self) -> Mapping[str, Notifier]:
        built = {name: made for name, entry in self._notifiers.items() if (made := self._build_notifier(name, entry))}
        for name in ("email", "sms"):
            if name not in self._notifiers and not any(made.type == name for made in built.values()):
                # a fresh machine sends nothing, and shows what it would have sent
                built[name] = Notifier(name=name, type=name, transport="outbox")
        return MappingProxyType(built)

    def _build_notifier(self, name: str, entry: _Entry) -> Notifier | None:
        options = dict(entry.options)
        written = options.pop("type", None)
        if written is None and name in TRANSPORTS:
            kind: str | None = name
        else:
            kind = self._choose(
                written, entry, f"what notifier {name!r} is for does not follow from its name", TRANSPORTS
            )
        if kind is None:
            return None
        ways, written = TRANSPORTS[kind], options.pop("transport", None)
        if written is None and len(ways) == 1:
            way: str | None = next(iter(ways))
        else:
            way = self._choose(written, entry, f"notifier {name!r} does not say how it sends", ways)
        if way is None:
            return None
        read = self._read_options(name, ways[way], options)
        self._check_missing(name, entry, ways[way], options)
        return Notifier(name=name, type=kind, transport=way, options=MappingProxyType(read))

    def _choose(self, at: _Written | None, entry: _Entry, missing: str, known: Mapping[str, Any]) -> str | None:
        """The word written; None where there is none, or an unknown one."""
        if at is None:
            key = "type" if known is TRANSPORTS else "transport"
            hint = f"write {key}: one of {', '.join(known)}"
            self._refuse(entry.written, sources.MISSING, missing, hint=hint, on_key=True)
        elif isinstance(at.value, str) and at.value in known:
            return at.value
        elif at.value is not sources.UNFILLED:
            self._refuse(at, sources.WRONG_VALUE, f"{at.value!r} is no {at.pointer[-1]} of a notifier", known)
        return None

    def _read_options(self, name: str, transport: Transport, options: dict[str, _Written]) -> dict[str, Json]:
        read: dict[str, Json] = {}
        for option, at in options.items():
            rule = transport.options.get(option)
            if rule is None:
                message = f"unknown option {option!r} of notifier {name!r}"
                self._refuse(at, sources.UNKNOWN_KEY, message, [*transport.options, "type", "transport"], on_key=True)
                continue
            value = self._read(rule.kind, at)
            self._check_secret(option, rule, at, value)
            # spans are kept in milliseconds, and say so
            read["timeout_ms" if option == "timeout" else option] = value
        return read

    def _check_missing(self, name: str, entry: _Entry, transport: Transport, given: Mapping[str, _Written]) -> None:
        missing = [option for option, rule in transport.options.items() if rule.required and option not in given]
        if transport.one_of and not any(option in given for option in transport.one_of):
            missing.append(" or ".join(transport.one_of))
        for option in missing:
            self._refuse(entry.written, sources.MISSING, f"notifier {name!r} needs {option}", on_key=True)

    def _check_secret(self, option: str, rule: Option, at: _Written, value: Json) -> None:
        for text in value if isinstance(value, list) else [value]:
            if rule.secret and is_secret(text):
                try:
                    check_secret(text)
                except SecretError as error:
                    self._refuse(at, error.code, error.message, hint=error.hint)
            elif rule.secret and text:
                self._advise_reference(option, at)
            elif is_secret(text) and rule.kind is not HEADERS:
                self._refuse(at, sources.WRONG_VALUE, f"{option} takes no secret reference")

    def _advise_reference(self, option: str, at: _Written) -> None:
        message = f"{option} is written in clear: it is not masked in the log"
        hint = f"write {option}: secret://env/NAME, or secret://file//run/secrets/name"
        warning = Severity.WARNING
        self.problems.append(at.source.problem_at(at.pointer, sources.CLEAR_SECRET, message, hint, severity=warning))

    def _read(self, kind: Kind, at: _Written) -> Any:
        """The value as its kind reads it; None where it is wrong."""
        if at.value is sources.UNFILLED:
            return None
        try:
            if at.value is None:
                raise ValueError("this is empty; give it a value or take the line out")
            return kind.read(at.value, at.source.folder)
        except ValueError as error:
            self._refuse(at, sources.WRONG_VALUE, str(error))
            return None

    def _refuse(
        self,
        at: _Written,
        code: str,
        message: str,
        known: Iterable[str] = (),
        *,
        hint: str | None = None,
        on_key: bool = False,
    ) -> None:
        names = list(known)
        if names and hint is None:
            close = difflib.get_close_matches(str(at.value if not on_key else at.pointer[-1]), names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"
        self.problems.append(at.source.problem_at(at.pointer, code, message, hint, on_key=on_key))


def _section(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}


def _order_of(problem: Problem) -> tuple[str, int, int]:
    return problem.path, problem.line, problem.column


def _say(errors: list[Problem]) -> str:
    lines = [f"{error} ({error.hint})" if error.hint else str(error) for error in sorted(errors, key=_order_of)]
    return "\n".join(["the config cannot be used:", *lines])
