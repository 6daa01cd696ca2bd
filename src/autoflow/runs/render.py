"""A step's parameters as they are sent: templates rendered on the event's facts, references followed.

Before it: the parameters as written. After it: what is fixed in the store before the first attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from autoflow.actions.types import ActionType, Param, ParamKind
from autoflow.errors import TemplateError
from autoflow.matching.paths import MISSING, Load, compile_reference, parse_reference
from autoflow.model.json import Json, JsonObject
from autoflow.model.step import Step
from autoflow.templates import TemplateLibrary, compile_template, freeze_facts, render_header, render_url

_VALUES = frozenset({ParamKind.TEXT, ParamKind.RECIPIENT, ParamKind.VALUE})


class Facts(NamedTuple):
    """The facts of a run, plain for references and frozen for templates. A named tuple: one is made for each run."""

    plain: Mapping[str, Json]
    frozen: Mapping[str, Json]

    @classmethod
    def of(cls, plain: Mapping[str, Json]) -> Facts:
        """Freeze once, render many."""
        return cls(plain, freeze_facts(plain))


Render = Callable[[Facts, TemplateLibrary], Json]
Prepared = Sequence[tuple[str, Render]]
"""A step's parameters, each with what renders it."""


def prepare_params(step: Step, action: ActionType) -> Prepared:
    """What can be known of a step's parameters before there are facts: do it once and render often."""
    return tuple((name, _prepare(action, name, value)) for name, value in step.params.items())


def render_params(prepared: Prepared, facts: Facts, library: TemplateLibrary) -> JsonObject:
    """All parameters of a step. TemplateError names the parameter that cannot be rendered."""
    rendered: dict[str, Json] = {}
    for name, render in prepared:
        try:
            rendered[name] = render(facts, library)
        except TemplateError as error:
            raise TemplateError(f"{name}: {error.message}", hint=error.hint, code=error.code) from error
    return rendered


def _prepare(action: ActionType, name: str, value: Json) -> Render:
    param = action.param(name)
    if param is None:
        fault = TemplateError(f"action {action.name} has no such parameter")
        return lambda _facts, _library: _fail(fault)
    if param.kind is ParamKind.URL and "{" not in value:
        try:
            url = render_url(value, {})
        except TemplateError as error:
            fault = error
            return lambda _facts, _library: _fail(fault)
        return lambda _facts, _library: url
    if param.kind in _VALUES and isinstance(value, Mapping) and _is_reference(value):
        return lambda facts, _library: _follow(value, facts)
    return lambda facts, library: _render(param, value, facts, library)


def _fail(error: TemplateError) -> Json:
    raise error


def _render(param: Param, value: Json, facts: Facts, library: TemplateLibrary) -> Json:
    match param.kind:
        case ParamKind.TEXT | ParamKind.RECIPIENT | ParamKind.VALUE:
            return render_value(value, facts)
        case ParamKind.URL:
            return render_url(value, facts.frozen)
        case ParamKind.HEADERS:
            return {name: render_header(text, facts.frozen) for name, text in value.items()}
        case ParamKind.TEMPLATE:
            message = library.render(value, facts.frozen)
            return {"name": value, "subject": message.subject, "text": message.text, "html": message.html}
        case ParamKind.WORD | ParamKind.NOTIFIER:
            return value


def render_value(value: Json, facts: Facts) -> Json:
    """Any JSON: texts are templates, `{ fact: ref }` keeps its type, `{ literal: ... }` is left as it stands."""
    if isinstance(value, str):
        return compile_template(value).render(facts.frozen) if "{" in value else value
    if isinstance(value, list):
        return [render_value(item, facts) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "literal" in value and len(value) == 1:
        return value["literal"]
    if _is_reference(value):
        return _follow(value, facts)
    return {key: render_value(item, facts) for key, item in value.items()}


def _is_reference(value: Mapping[str, Json]) -> bool:
    return "fact" in value and value.keys() <= {"fact", "default"}


def _follow(value: Mapping[str, Json], facts: Facts) -> Json:
    found = _compile(value["fact"])(facts.plain)
    if found is not MISSING:
        return found
    return value.get("default")


@lru_cache(maxsize=4096)
def _compile(reference: str) -> Load:
    return compile_reference(parse_reference(reference))
