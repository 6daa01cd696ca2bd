"""The parameters of an action, checked against its table and written in one way. Called by the builder."""

from __future__ import annotations

import re

from autoflow.actions.types import ActionType, Param, ParamKind, is_reserved_header
from autoflow.errors import ConditionError, EgressError, SecretError, TemplateError
from autoflow.matching.paths import parse_path, parse_reference, write_reference
from autoflow.model.condition import Reference
from autoflow.model.json import Json, JsonObject
from autoflow.model.problem import Severity
from autoflow.rules import codes
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import Findings, known_words, near_match
from autoflow.rules.schema import shape_of
from autoflow.security.secrets import check_secret, find_references
from autoflow.strict_yaml import Pointer
from autoflow.templates import referenced_roots

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
_MARKDOWN_LINK = re.compile(r"\[([^\]]*)\]\((https?://[^)\s]+)\)")
_URL = re.compile(r"(https?)://([^/?#]*)([/?#].*)?", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"[^\s{}\\@]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OTHER_TEMPLATE = re.compile(r"\$\{\s*([^\s{}]+)\s*\}")
_ADDRESSES = {
    "sms": (re.compile(r"(?:tel:)?[+(]?[0-9][^A-Za-z@]+"), "phone number", "+15557654321"),
    "email": (re.compile(r"[^@]*[^@\s<]@[^@\s>]+>?\s*"), "mail address", "jane@example.com"),
}
"""What the address of a person looks like; the action itself looks more closely when it sends."""
_SECRET_PARAM = "secret"  # noqa: S105 - a parameter's name: what stands there is only ever a reference
LITERAL = "literal"
_TYPED_KEYS = (
    frozenset({"fact"}),
    frozenset({"fact", "path"}),
    frozenset({"source", "fact"}),
    frozenset({"source", "fact", "path"}),
)


class ParamsReader:
    """Checks the parameters of one action and returns them as they are kept."""

    def __init__(self, kind: ActionType, context: LoadContext, findings: Findings) -> None:
        self.kind = kind
        self.context = context
        self.findings = findings

    def read(self, params: Json, at: Pointer) -> JsonObject:
        """The parameters in canonical spelling; what is wrong is noted."""
        if not isinstance(params, dict):
            self._refuse_shape(params, at)
            return {}
        kept: dict[str, Json] = {}
        for name, value in params.items():
            param = self.kind.param(name)
            if param is None:
                names = [p.name for p in self.kind.params]
                hint = near_match(name, names) or known_words(names)
                message = f"{self.kind.name} has no parameter {name!r}"
                self.findings.add((*at, name), codes.UNKNOWN_KEY, message, hint, on_key=True)
                continue
            kept[param.name] = self._read_param(param, value, (*at, name))
        self._check_present(kept, at)
        self._check_notifier(kept, at)
        return kept

    def _refuse_shape(self, params: Json, at: Pointer) -> None:
        name = self.kind.name
        required = [p.name for p in self.kind.params if p.required]
        required += [names[0] for names in self.kind.one_of]
        example = f"{name}: {{ {', '.join(f'{r}: ...' for r in required)} }}"
        if params is None:
            self.findings.add(at, codes.NO_VALUE, f"{name} needs its parameters", example)
        else:
            message = f"{name} takes a map of parameters, not {shape_of(params)}"
            self.findings.add(at, codes.WRONG_SHAPE, message, example)

    def _check_present(self, kept: JsonObject, at: Pointer) -> None:
        for param in self.kind.params:
            if param.required and param.name not in kept:
                message = f"{self.kind.name} needs {param.name!r}"
                self.findings.add(at, codes.MISSING_PARAM, message, f"{param.name}: {param.doc}", on_key=True)
        for names in self.kind.one_of:
            given = [name for name in names if name in kept]
            if len(given) == 1:
                continue
            choice = " or ".join(repr(name) for name in names)
            message = f"{self.kind.name} needs {choice}" if not given else f"{choice}, not both"
            self.findings.add(at, codes.MISSING_PARAM, message, on_key=True)

    def _read_param(self, param: Param, value: Json, at: Pointer) -> Json:
        if value is None:
            message = f"{self.kind.name}.{param.name} needs a value"
            self.findings.add(at, codes.NO_VALUE, message, "give one, or leave the key out")
            return None
        match param.kind:
            case ParamKind.TEXT:
                return self._read_text(param, value, at)
            case ParamKind.RECIPIENT:
                return self._read_recipient(param, value, at)
            case ParamKind.VALUE:
                return self._read_value(value, at)
            case ParamKind.URL:
                return self._read_url(param, value, at)
            case ParamKind.HEADERS:
                return self._read_headers(param, value, at)
            case ParamKind.WORD:
                return self._read_word(param, value, at)
            case ParamKind.TEMPLATE:
                return self._read_template(param, value, at)
            case ParamKind.NOTIFIER:
                return self._read_notifier(param, value, at)

    def _read_text(self, param: Param, value: Json, at: Pointer) -> Json:
        if not self._is_text(param, value, at):
            return value
        if find_references(value):
            self._refuse_secret(at)
        self._check_template(value, at)
        return value

    def _is_text(self, param: Param, value: Json, at: Pointer) -> bool:
        if isinstance(value, str):
            return True
        hint = None
        if isinstance(value, dict) and "fact" in value:
            hint = f'write it as a template: {param.name}: "{{{{ {value["fact"]} }}}}"'
        elif not isinstance(value, dict | list):
            hint = f'quote it: {param.name}: "{str(value).lower() if isinstance(value, bool) else value}"'
        message = f"{self.kind.name}.{param.name} must be text, not {shape_of(value)}"
        self.findings.add(at, codes.WRONG_SHAPE, message, hint)
        return False

    def _read_recipient(self, param: Param, value: Json, at: Pointer) -> Json:
        if isinstance(value, list):
            if not value:
                self.findings.add(at, codes.WRONG_VALUE, f"{self.kind.name}.{param.name} must not be empty")
            return [self._read_recipient(param, item, (*at, index)) for index, item in enumerate(value)]
        if isinstance(value, dict) and is_typed_value(value):
            return self._read_typed(value, at)
        if isinstance(value, str) and not value.strip():
            self.findings.add(at, codes.WRONG_VALUE, f"{self.kind.name}.{param.name} must not be empty")
        elif isinstance(value, str) and not _TEMPLATE.search(value) and not find_references(value):
            self._check_address(value, at)
        return self._read_text(param, value, at)

    def _check_address(self, text: str, at: Pointer) -> None:
        form, name, example = _ADDRESSES.get(self.kind.name, (None, "", ""))
        if form is None or form.fullmatch(text.strip()) or _OTHER_TEMPLATE.search(text):
            return
        hint = f"write one out ({example}), or a template that leads to one"
        self.findings.advise(at, codes.NO_ADDRESS, f"{text[:40]!r} is not a {name}", hint, Severity.WARNING)

    def _read_value(self, value: Json, at: Pointer) -> Json:
        if isinstance(value, str):
            if find_references(value):
                self._refuse_secret(at)
            self._check_template(value, at)
            return value
        if isinstance(value, list):
            return [self._read_value(item, (*at, index)) for index, item in enumerate(value)]
        if not isinstance(value, dict) or set(value) == {LITERAL}:
            return value
        if is_typed_value(value):
            return self._read_typed(value, at)
        for key in value:
            if _TEMPLATE.search(key):
                message = "a key is never a template"
                self.findings.add((*at, key), codes.TEMPLATE_PLACE, message, "put it into the value", on_key=True)
        return {key: self._read_value(item, (*at, key)) for key, item in value.items()}

    def _read_typed(self, value: JsonObject, at: Pointer) -> Json:
        """`{ fact: ref }` in the short spelling, with its default where it has one."""
        fact, path = str(value["fact"]), value.get("path")
        try:
            known = parse_reference(fact) if path is None else Reference(fact=fact, path=parse_path(str(path)))
        except ConditionError as error:
            part = "fact" if path is None else "path"
            self.findings.add_condition((*at, part), error)
            return dict(value)
        self.findings.refuse_roots(at, [known.fact])
        typed: dict[str, Json] = {"fact": write_reference(known)}
        if "default" in value:
            typed["default"] = value["default"]
        return typed

    def _read_url(self, param: Param, value: Json, at: Pointer) -> Json:
        if not self._is_text(param, value, at):
            return value
        link = _MARKDOWN_LINK.fullmatch(value.strip())
        parts = _URL.fullmatch(value)
        if link:
            message = "this is a Markdown link, not a URL"
            self.findings.add(at, codes.WRONG_URL, message, f"write {param.name}: {link[2]}")
        elif _TEMPLATE.search(value.split("/")[0]) or (parts and _TEMPLATE.search(parts[2])):
            hint = "write scheme, host and port out; templates may stand in the path and the query"
            self.findings.add(at, codes.TEMPLATE_PLACE, "a URL's host is never a template", hint)
        elif parts is None or not _HOST.fullmatch(parts[2].rpartition("@")[2]) or _has_blank(value):
            hint = f"write for example {param.name}: https://hooks.example.com/new-lead"
            self.findings.add(at, codes.WRONG_URL, f"{value[:60]!r} is not a URL", hint)
        elif "@" in parts[2]:
            hint = "send them in a header: headers: { Authorization: secret://env/NAME }"
            self.findings.add(at, codes.WRONG_URL, "no user name or password in a URL", hint)
        else:
            self._check_template(value, at)
            self._check_target(f"{parts[1]}://{parts[2]}/", at)
        return value

    def _check_target(self, url: str, at: Pointer) -> None:
        if self.context.check_url is not None:
            try:
                self.context.check_url(url)
            except EgressError as error:
                self.findings.advise(at, codes.REFUSED_TARGET, error.message, error.hint, Severity.WARNING)

    def _read_headers(self, param: Param, value: Json, at: Pointer) -> Json:
        if not isinstance(value, dict):
            message = f"{self.kind.name}.{param.name} must be a map, not {shape_of(value)}"
            self.findings.add(at, codes.WRONG_SHAPE, message, 'headers: { X-Name: "text" }')
            return value
        for name, text in value.items():
            if is_reserved_header(name):
                self.findings.add((*at, name), codes.WRONG_VALUE, f"{name} is set by autoflow", on_key=True)
            elif not _HEADER_NAME.fullmatch(name):
                message = f"{name!r} cannot name a header"
                self.findings.add((*at, name), codes.WRONG_VALUE, message, on_key=True)
            elif not isinstance(text, str):
                message = f"a header must be text, not {shape_of(text)}"
                self.findings.add((*at, name), codes.WRONG_SHAPE, message, "quote it")
            else:
                self._check_header(text, (*at, name))
        return dict(value)

    def _check_header(self, text: str, at: Pointer) -> None:
        for reference in find_references(text):
            if _TEMPLATE.search(reference):
                message = "a secret's name is never a template"
                self.findings.add(at, codes.TEMPLATE_PLACE, message, "write it out")
            else:
                self._check_secret(reference, at)
        self._check_template(text, at)

    def _check_secret(self, reference: str, at: Pointer) -> None:
        try:
            check_secret(reference)
        except SecretError as error:
            self.findings.add_error(at, error)

    def _read_word(self, param: Param, value: Json, at: Pointer) -> Json:
        if not self._is_text(param, value, at):
            return value
        if param.choices:
            if value.upper() in param.choices:
                return value.upper()
            if value not in param.choices:
                message = f"{self.kind.name}.{param.name} cannot be {value!r}"
                self.findings.add(at, codes.WRONG_VALUE, message, known_words(param.choices))
        elif _TEMPLATE.search(value):
            message = f"{self.kind.name}.{param.name} is never a template"
            self.findings.add(at, codes.TEMPLATE_PLACE, message, "write it out")
        elif param.name == _SECRET_PARAM:
            self._check_secret(value, at)
        elif not value or _has_blank(value):
            self.findings.add(at, codes.WRONG_VALUE, f"{value[:40]!r} is not one word")
        return value

    def _read_template(self, param: Param, value: Json, at: Pointer) -> Json:
        known = self.context.templates
        if self._is_text(param, value, at) and known is not None and value not in known:
            hint = near_match(value, known) or f"put it into the templates directory as {value}.txt"
            self.findings.add(at, codes.UNKNOWN_TEMPLATE, f"there is no template {value!r}", hint)
        return value

    def _read_notifier(self, param: Param, value: Json, at: Pointer) -> Json:
        known = self.context.notifiers
        if not self._is_text(param, value, at) or not known:
            return value
        mine = [name for name, kind in known.items() if kind == self.kind.name]
        if value not in known:
            hint = near_match(value, mine) or (known_words(mine) if mine else None)
            self.findings.add(at, codes.UNKNOWN_NOTIFIER, f"the config has no notifier {value!r}", hint)
        elif value not in mine:
            message = f"the notifier {value!r} is for {known[value]}, not for {self.kind.name}"
            self.findings.add(at, codes.UNKNOWN_NOTIFIER, message, known_words(mine) if mine else None)
        return value

    def _check_notifier(self, kept: JsonObject, at: Pointer) -> None:
        known = self.context.notifiers
        if self.kind.notifies and known and "notifier" not in kept and self.kind.name not in known.values():
            message = f"the config has no notifier for {self.kind.name}; this step would be given up"
            hint = f"add notifiers.{self.kind.name} to the config"
            self.findings.advise(at, codes.UNKNOWN_NOTIFIER, message, hint, Severity.WARNING)

    def _refuse_secret(self, at: Pointer) -> None:
        message = "a secret stands in headers and in the config only"
        self.findings.add(at, codes.SECRET_PLACE, message, "here it would be sent to the receiver, and shown")

    def _check_template(self, text: str, at: Pointer) -> None:
        other = _OTHER_TEMPLATE.search(text)
        if other is not None:
            message = f"{other[0]} is sent as it stands"
            hint = f"a template is written {{{{ {other[1]} }}}}"
            span = (other.start(), len(other[0]))
            self.findings.advise(at, codes.OTHER_TEMPLATE, message, hint, Severity.WARNING, span)
        if self.context.check_template is None or not _TEMPLATE.search(text):
            return
        try:
            self.context.check_template(text)
        except TemplateError as error:
            self.findings.add_template(at, error)
        else:
            self.findings.refuse_roots(at, referenced_roots(text))


def is_typed_value(value: JsonObject) -> bool:
    """Whether a map stands for a fact's value, and is not sent as a map."""
    if value.get("source", "fact") != "fact" or not isinstance(value.get("fact"), str):
        return False
    path = value.get("path")
    return set(value) - {"default"} in _TYPED_KEYS and (path is None or isinstance(path, str))


def _has_blank(text: str) -> bool:
    """White space outside of templates."""
    return bool(re.search(r"\s", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)))
