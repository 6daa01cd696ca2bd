"""Rules as they were written, in canonical spelling and order of keys: what the loader accepts besides is rewritten.

For `autoflow fmt`. The tables are those of `spellings`; whether the meaning stayed checks `formatting`. A comment
goes where its part goes; that of a part that is taken out stays where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from autoflow.actions.types import ActionType, Param, ParamKind
from autoflow.matching.chains import resolve_operator
from autoflow.matching.nodes import SPELLINGS as GROUP_SPELLINGS
from autoflow.matching.paths import parse_path, parse_reference, write_reference
from autoflow.model.condition import Reference
from autoflow.model.span import UNITS, write_span
from autoflow.rules.parts import SHARED, TESTS
from autoflow.rules.spellings import (
    CANCEL_SPELLINGS,
    IGNORED_KEYS,
    PATTERN_SPELLINGS,
    RETRY_SPELLINGS,
    RULE_SPELLINGS,
    SCHEMA_KEY,
    STEP_PARAM_KEYS,
    STEP_TYPE_KEYS,
    UNIT_WORDS,
    database_id,
    find_action,
)
from autoflow.rules.vocabulary import RULE_KEYS
from autoflow.strict_yaml.quoting import make_text
from autoflow.strict_yaml.written import NOTHING, Group, Lines, Node, Part, Text, comments_in

FILE_KEYS = (SCHEMA_KEY, "account", SHARED, "rules", TESTS)
PATTERN_KEYS = ("event", "source", "when", "by")
RETRY_KEYS = ("schedule", "max_attempts", "base", "factor", "cap")
LEAF_KEYS = ("name", "priority", "fact", "path", "operator", "value")
GROUP_KEYS = ("name", "priority", "all", "any", "not", "condition")
TYPED_KEYS = ("fact", "default")
LITERAL = "literal"

Change = Callable[[Node], Node]


def respell_document(root: Node, actions: Mapping[str, ActionType]) -> Node:
    """A document of rules in canonical spelling."""
    if not isinstance(root, Group) or not root.is_map:
        return root
    if root.find("rules") is None:
        return _respell_rule(root, actions)
    group = _rename(root, {key: name for key, name in RULE_SPELLINGS.items() if name == "account"})
    group = _change(group, {SHARED: _respell_shared, "rules": _each(partial(_respell_rule, actions=actions))})
    return _order(group, FILE_KEYS)


def _respell_shared(node: Node) -> Node:
    if not isinstance(node, Group):
        return node
    return replace(node, parts=tuple(replace(part, node=_respell_condition(part.node)) for part in node.parts))


def _respell_rule(node: Node, actions: Mapping[str, ActionType]) -> Node:
    if not isinstance(node, Group) or not node.is_map:
        return node
    group = _rename(node, RULE_SPELLINGS)
    group = _name_rule(_drop(group, IGNORED_KEYS - {SCHEMA_KEY}))
    only_named = node.find("trigger_event") is not None
    changes: dict[str, Change] = {
        "trigger": partial(_respell_patterns, spellings=PATTERN_SPELLINGS, only_named=only_named),
        "cancel_on": partial(_respell_patterns, spellings=CANCEL_SPELLINGS),
        "delay": _respell_delay,
        "when": _respell_condition,
        "retry": _respell_retry,
        "actions": _each(partial(_respell_step, actions=actions)),
        SHARED: _respell_shared,
    }
    return _order(_change(group, changes), (SCHEMA_KEY, SHARED, *RULE_KEYS))


def _name_rule(group: Group) -> Group:
    """`_id` as the id, where there is no other."""
    part = group.find("_id")
    if part is None:
        return group
    inner = part.node.find("$oid") if isinstance(part.node, Group) else part
    text = inner.node if inner is not None else None
    if group.find("id") is not None or not isinstance(text, Text) or not text.value:
        return _drop(group, {"_id"})
    named = replace(part, key=make_text("id"), node=make_text(database_id(text.value)))
    named = replace(named, above=(*part.above, *_inner_comments(part.node)))
    return replace(group, parts=tuple(named if one is part else one for one in group.parts))


def _respell_patterns(node: Node, spellings: Mapping[str, str], *, only_named: bool = False) -> Node:
    if only_named and isinstance(node, Text):
        return Group(is_map=True, flow=True, parts=(Part(key=make_text("event"), node=node),))
    if isinstance(node, Group) and not node.is_map:
        return _each(partial(_respell_patterns, spellings=spellings))(node)
    if not isinstance(node, Group):
        return node
    group = _rename(node, spellings)
    kind = group.find("type")
    if kind is not None and group.find("event") is None and isinstance(kind.node, Text):
        group = _unfold_pattern(group, kind, kind.node.value, spellings)
    return _order(_change(group, {"when": _respell_condition, "by": _respell_by}), PATTERN_KEYS)


def _unfold_pattern(group: Group, kind: Part, word: str, spellings: Mapping[str, str]) -> Group:
    """`{type, config}`: the type names the event, or says that the config does."""
    config = group.find("config")
    inner = config.node if config is not None and isinstance(config.node, Group) else Group(is_map=True, parts=())
    more = tuple(part for part in _rename(inner, spellings).parts if group.find(_key_of(part)) is None)
    if word.lower() != "event" and "event" not in {_key_of(part) for part in more}:
        more = (replace(kind, key=make_text("event")), *more)
        kind = replace(kind, above=(), beside=NOTHING)
    said = (*kind.comments, *(config.comments if config is not None else ()))
    more = _say_first(more, said)
    rest = tuple(part for part in group.parts if _key_of(part) not in ("type", "config"))
    return replace(
        group,
        parts=(*more, *rest),
        flow=group.flow and (inner.flow or not inner.parts),
        foot=(*inner.foot, *group.foot),
    )


def _respell_by(node: Node) -> Node:
    """References without `$.`, wherever they stand."""
    if isinstance(node, Text) and node.is_text:
        return _respell_reference(node)
    if not isinstance(node, Group):
        return node
    parts = [replace(part, node=_respell_by(part.node)) for part in node.parts]
    named = [replace(part, key=_respell_reference(part.key)) if part.key is not None else part for part in parts]
    return replace(node, parts=tuple(named))


def _respell_reference(text: Text) -> Text:
    reference = write_reference(parse_reference(text.value))
    return text if reference == text.value else make_text(reference, text)


def _respell_delay(node: Node) -> Node:
    """`{value, unit}` as a span."""
    if not isinstance(node, Group):
        return node
    value, unit = node.find("value"), node.find("unit")
    if value is None or unit is None or not isinstance(value.node, Text) or not isinstance(unit.node, Text):
        return node
    return make_text(write_span(round(float(value.node.value) * UNITS[UNIT_WORDS[unit.node.value.lower()]])))


def _respell_retry(node: Node) -> Node:
    if not isinstance(node, Group) or not node.is_map:
        return node
    group = _rename(node, RETRY_SPELLINGS)
    return _order(_drop(group, {"strategy"}), RETRY_KEYS)


def _respell_step(node: Node, actions: Mapping[str, ActionType]) -> Node:
    if not isinstance(node, Group) or not node.is_map:
        return node
    group = _rename(node, {"retry_policy": "retry"})
    if not set(group.keys) & actions.keys():
        group = _unfold_step(group, actions)
    group = _rename(group, {name: kind.name for name, kind in actions.items()})
    changes: dict[str, Change] = {"retry": _respell_retry}
    changes |= {kind.name: partial(_respell_params, kind=kind) for kind in actions.values()}
    return _order(_change(group, changes), ("id", *dict.fromkeys(kind.name for kind in actions.values()), "retry"))


def _unfold_step(group: Group, actions: Mapping[str, ActionType]) -> Group:
    """`{type: sms, params: {...}}` as `{sms: {...}}`."""
    types = [part for part in group.parts if _key_of(part) in STEP_TYPE_KEYS and isinstance(part.node, Text)]
    given = next((part for key in STEP_PARAM_KEYS if (part := group.find(key)) is not None), None)
    if not types or given is None:
        return group
    first = min(types, key=lambda part: STEP_TYPE_KEYS.index(_key_of(part)))
    name = find_action(first.node.value, actions) if isinstance(first.node, Text) else None
    if name is None:
        return group
    step = replace(given, key=make_text(name))
    said = tuple(line for part in types for line in part.comments)
    parts = [_say_first((step,), said)[0] if part is given else part for part in group.parts if part not in types]
    return replace(group, parts=tuple(parts))


def _respell_params(node: Node, kind: ActionType) -> Node:
    if not isinstance(node, Group) or not node.is_map:
        return node
    group = _rename(node, {alias: param.name for param in kind.params for alias in param.aliases})
    changes: dict[str, Change] = {param.name: partial(_respell_param, param=param) for param in kind.params}
    return _change(group, changes)


def _respell_param(node: Node, param: Param) -> Node:
    if param.kind in (ParamKind.VALUE, ParamKind.RECIPIENT):
        return _respell_value(node)
    if isinstance(node, Text) and param.choices and node.value not in param.choices:
        return make_text(node.value.upper(), node)
    return node


def _respell_value(node: Node) -> Node:
    """Facts in their short spelling, wherever they stand in a value."""
    if not isinstance(node, Group) or (node.is_map and node.keys == (LITERAL,)):
        return node
    fact = node.find("fact")
    if fact is not None and isinstance(fact.node, Text) and set(node.keys) <= {"source", "fact", "path", "default"}:
        source, path = node.find("source"), node.find("path")
        named = source is None or (isinstance(source.node, Text) and source.node.value == "fact")
        if named and fact.node.is_text and (path is None or (isinstance(path.node, Text) and path.node.is_text)):
            return _shorten_fact(node, fact, fact.node)
    return replace(node, parts=tuple(replace(part, node=_respell_value(part.node)) for part in node.parts))


def _shorten_fact(group: Group, fact: Part, text: Text) -> Group:
    path = group.find("path")
    if path is None or not isinstance(path.node, Text):
        reference = parse_reference(text.value)
    else:
        reference = Reference(fact=text.value, path=parse_path(path.node.value))
    written = write_reference(reference)
    short = fact if written == text.value else replace(fact, node=make_text(written, text))
    group = replace(group, parts=tuple(short if part is fact else part for part in group.parts))
    return _order(_drop(group, {"source", "path"}), TYPED_KEYS)


def _respell_condition(node: Node) -> Node:
    if not isinstance(node, Group):
        return node
    if not node.is_map:
        return _each(_respell_condition)(node)
    group = _unspell_group(node)
    if group.find("fact") is None and group.find("field") is None:
        group = _rename(group, GROUP_SPELLINGS)
        return _order(_change(group, dict.fromkeys(("all", "any", "not"), _respell_condition)), GROUP_KEYS)
    group = _drop(_rename(group, {"field": "fact"}), {"source"})
    return _order(_change(group, {"operator": _respell_operator, "value": _respell_right}), LEAF_KEYS)


def _unspell_group(group: Group) -> Group:
    """`{operator: AND, conditions: [...]}` as `{all: [...]}`."""
    operator, inner = group.find("operator"), group.find("conditions")
    if group.find("fact") is not None or operator is None or inner is None or not isinstance(operator.node, Text):
        return group
    word, node = operator.node.value.upper(), inner.node
    if word not in ("AND", "OR", "NOT") or not isinstance(node, Group) or node.is_map:
        return group
    if word == "NOT" and len(node.parts) == 1:
        inner = _say_first((inner,), node.parts[0].comments)[0]
        node = node.parts[0].node
    said = _say_first((replace(inner, key=make_text(GROUP_SPELLINGS[word]), node=node),), operator.comments)[0]
    return replace(
        group, parts=tuple(said if part.key is inner.key else part for part in group.parts if part is not operator)
    )


def _respell_operator(node: Node) -> Node:
    if not isinstance(node, Text):
        return node
    name = resolve_operator(node.value).name
    return node if name == node.value else make_text(name)


def _respell_right(node: Node) -> Node:
    """A reference on the right of a comparison."""
    return _drop(node, {"source"}) if isinstance(node, Group) and node.find("fact") is not None else node


def _each(change: Change) -> Change:
    """A change of every item of a list; a map that stands alone is one, too."""

    def change_each(node: Node) -> Node:
        if not isinstance(node, Group) or node.is_map:
            return node
        return replace(node, parts=tuple(replace(part, node=change(part.node)) for part in node.parts))

    return change_each


def _change(group: Group, changes: Mapping[str, Change]) -> Group:
    """The same map with what stands at some keys changed; comments inside of what becomes one word are kept."""
    parts = []
    for part in group.parts:
        change = changes.get(_key_of(part))
        node = part.node if change is None else change(part.node)
        said = _inner_comments(part.node) if isinstance(node, Text) and isinstance(part.node, Group) else ()
        parts.append(replace(part, node=node, above=(*part.above, *said)))
    return replace(group, parts=tuple(parts))


def _rename(group: Group, spellings: Mapping[str, str]) -> Group:
    """The same map with its keys in canonical spelling."""
    if spellings.keys().isdisjoint(group.keys):
        return group
    names = [spellings.get(_key_of(part)) for part in group.parts]
    renamed = [
        part if name is None or name == _key_of(part) else replace(part, key=make_text(name))
        for part, name in zip(group.parts, names, strict=True)
    ]
    return replace(group, parts=tuple(renamed))


def _drop(group: Group, keys: set[str] | frozenset[str]) -> Group:
    """The same map without some keys; what was said about them is said of the next part."""
    parts: list[Part] = []
    said: Lines = ()
    for part in group.parts:
        if _key_of(part) in keys:
            said = (*said, *part.comments, *_inner_comments(part.node))
        else:
            parts.append(_say_first((part,), said)[0])
            said = ()
    return replace(group, parts=tuple(parts), foot=(*said, *group.foot))


def _say_first(parts: Sequence[Part], said: Lines) -> tuple[Part, ...]:
    """The same parts, with more comments above the first one."""
    if not said or not parts:
        return tuple(parts)
    return (replace(parts[0], above=(*said, *parts[0].above)), *parts[1:])


def _order(group: Group, keys: Sequence[str]) -> Group:
    """The same map with these keys first, in this order."""
    ranks = {key: rank for rank, key in enumerate(keys)}
    return replace(group, parts=tuple(sorted(group.parts, key=lambda part: ranks.get(_key_of(part), len(ranks)))))


def _inner_comments(node: Node) -> Lines:
    return tuple(comments_in(node))


def _key_of(part: Part) -> str:
    return "" if part.key is None else part.key.value
