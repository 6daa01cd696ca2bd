"""`autoflow fmt`: what becomes of a file's text, and that its rules never mean anything else after it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules.builder import RuleBuilder
from autoflow.rules.findings import Findings
from autoflow.rules.formatting import format_text
from autoflow.rules.loader import LoadContext, load_text
from autoflow.rules.source import find_files
from autoflow.rules.spellings import respell_rule
from autoflow.strict_yaml import read_yaml, written
from support.documents import PAGES, Block, read_blocks

ROOT = Path(__file__).parents[3]
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
SHIPPED = sorted(find_files(ROOT / "rules"))
FILES = [
    path
    for folder in ("rules", "tests", "examples")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".yaml", ".yml", ".json") and path.stat().st_size < 50_000
]
BLOCKS = [block for page in PAGES for block in read_blocks(page) if block.language in ("yaml", "json")]


def read(path: Path) -> str:
    """A file's text with its own line ends."""
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def rules_of(text: str, path: str) -> list[tuple[str, str, str, str | None]]:
    """What is known of the rules of a text: hash, id, name, description."""
    return [(rule.hash, rule.id, rule.name, rule.description) for rule in load_text(text, path, CONTEXT).rules]


def codes_of(text: str, path: str) -> list[str]:
    """What `validate` has to say of a text: `fmt` neither mends nor hides a mistake."""
    return sorted(problem.code for problem in load_text(text, path, CONTEXT).problems)


def check(text: str, path: str = "rule.yaml") -> str:
    """The canonical form, after everything that must hold of it was looked at."""
    formatted = format_text(text, path)
    assert rules_of(formatted.text, path) == rules_of(text, path)
    if formatted.problems:
        assert formatted.text == text
    else:
        assert format_text(formatted.text, path) == formatted
        assert codes_of(formatted.text, path) == codes_of(text, path)
        assert sorted(re.findall(r"# ?c\d+", formatted.text)) == sorted(re.findall(r"# ?c\d+", text))
    return formatted.text


def pretty(text: str, path: str = "rule.yaml") -> str:
    """The canonical form of a text that has one."""
    formatted = format_text(text, path)
    assert formatted.problems == ()
    check(text, path)
    return formatted.text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_of_this_repository_changes_its_meaning(path: Path) -> None:
    """Good or bad, it is written again with the same hashes, or left as it is; a second time changes nothing."""
    text = read(path)
    check(text, str(path))
    check(text.replace("\r\n", "\n").replace("\n", "\r\n"), str(path))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_no_block_of_the_pages_changes_its_meaning(block: Block) -> None:
    """The pages show spellings of all kinds."""
    check(block.text, f"block.{block.language}")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_rules_are_in_canonical_form(path: Path) -> None:
    """Who copies them copies what `fmt` would write."""
    assert pretty(read(path), str(path)) == read(path)


UNTIDY = """\
# what this file is for

# who acts
actions:
    -   type: send_sms        # beside the type
        # above the params
        params:   # beside the params
            to: {source: fact, fact: job, path: $.phone}   # who
            # the words
            body: |
                Hello

                  there


    # the second step
    - config: { msg: 'x' }
      action_type: log
# why it waits
delay: {value: 90, unit: minutes}   # long enough
trigger:
    # which
    eventName: "job.done"
cancel_on:
  match: $.job.id
  event: job.reopened
is_active: true
createdAt: 2024-01-01   # by hand
conditions:
  all:
  - {operator: equals, fact: job, path: $.status, value: off}
"""
TIDY = """\
# what this file is for

enabled: true
trigger:
  # which
  event: "job.done"
# why it waits
delay: 1h30m   # long enough
cancel_on:
  event: job.reopened
  by: job.id
# by hand
when:
  all:
    - { fact: job, path: $.status, operator: equal, value: "off" }
# who acts
actions:
  # beside the type
  # above the params
  - sms:   # beside the params
      recipient: { fact: job.phone }   # who
      # the words
      message: |
        Hello

          there

  # the second step
  - log: { message: 'x' }
"""


def test_spelling_order_and_indentation_become_canonical() -> None:
    """Every accepted spelling of this rule, its keys in no order; each comment goes with what it is about."""
    assert pretty(UNTIDY) == TIDY


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("key: no", 'key: "no"'),
        ("key: off", 'key: "off"'),
        ("key: 12:30", 'key: "12:30"'),
        ("key: 12:30:15", 'key: "12:30:15"'),
        ("key: 09:30", 'key: "09:30"'),
        ("key: 0777", 'key: "0777"'),
        ("key: +15550001111", 'key: "+15550001111"'),
        ("key: 2026-01-01", 'key: "2026-01-01"'),
        ("key: 1_000", "key: 1_000"),
        ("key: 007.5", 'key: "007.5"'),
        ("on: 1", '"on": 1'),
        ("key: [yes, 1, x]", 'key: ["yes", 1, x]'),
        ("key: 1.2.3", "key: 1.2.3"),
        ("key: 12", "key: 12"),
        ("key: 1.10", "key: 1.10"),
        ("key: true", "key: true"),
        ("key: ~", "key: ~"),
        ("key: 5m", "key: 5m"),
        ("key: 'no'", "key: 'no'"),
    ],
)
def test_what_other_tools_misread_is_quoted(before: str, after: str) -> None:
    """A text that YAML 1.1 takes for a number, a time or a truth gets quotes; a number stays as it is."""
    rule = (
        "trigger: {{ event: a }}\nactions:\n  - webhook:\n      url: https://a.example\n      payload:\n        {}\n"
    )
    assert pretty(rule.format(before)) == rule.format(after)
    if before != "key: 1_000":  # left to its author, whom `validate` asks
        assert read_yaml(after, path="x").documents[0].value == yaml.safe_load(after)


RULE = "trigger: { event: a }\nactions:\n  - log: { message: x }\n"
TWO = f"---\nid: a\n{RULE}\n---\nid: b\n{RULE}"
ALIAS = """\
trigger: &t { event: a }
cancel_on: { event: b, by: a.id }
actions: [ log: { message: &m x }, log: { message: *m } ]
"""
LIST = """\
rules:
- #c1
  id: a
  trigger: {event: a}
  actions: [log: {message: x}]

#c2
- id: b
  trigger: {event: b}
  actions: [log: {message: x}]
account: acme
"""
LIST_AFTER = """\
account: acme
rules:
  #c1
  - id: a
    trigger: { event: a }
    actions: [ log: { message: x } ]

  #c2
  - id: b
    trigger: { event: b }
    actions: [ log: { message: x } ]
"""
ELSEWHERE = """\
trigger: {event: a}
when: {operator: AND, conditions: [a.b == 1, {field: a, operator: '==', value: 1}]}
actions: [log: {message: x}]
"""
ELSEWHERE_AFTER = """\
trigger: { event: a }
when: { all: [ a.b == 1, { fact: a, operator: equal, value: 1 } ] }
actions: [ log: { message: x } ]
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(RULE.rstrip("\n"), RULE, id="no final newline"),
        pytest.param("\n\n" + RULE + "\n\n", RULE, id="blank lines around"),
        pytest.param(RULE.replace("\n", "\r\n"), RULE.replace("\n", "\r\n"), id="CRLF stays"),
        pytest.param("id: a\n\n\n\n" + RULE, "id: a\n\n" + RULE, id="several blank lines"),
        pytest.param(TWO, TWO, id="documents"),
        pytest.param("%YAML 1.2\n---\n" + RULE + "...\n", "%YAML 1.2\n---\n" + RULE + "...\n", id="marks"),
        pytest.param("---   #c1\n" + RULE, "---\n#c1\n" + RULE, id="a comment beside the mark"),
        pytest.param("description: |\n  a" + "\n" + RULE, "description: |\n  a\n" + RULE, id="block"),
        pytest.param(
            RULE + "description: |\n  cut off",
            "description: |-\n  cut off\n" + RULE,
            id="a block that the end of the file cuts off",
        ),
        pytest.param(
            RULE + "description: |+\n  all\n\n\n", "description: |+\n  all\n\n\n" + RULE, id="blank lines that count"
        ),
        pytest.param(
            "description: |4\n      in\n    out\n" + RULE,
            "description: |2\n    in\n  out\n" + RULE,
            id="a block that says how far in",
        ),
        pytest.param(
            'description: "one\n  two\n\n  three"   #c1\n' + RULE,
            'description: "one\n  two\n\n  three"   #c1\n' + RULE,
            id="a text of several lines",
        ),
        pytest.param(
            "trigger: {event: a,   #c1\n  when: a.b == 1}\nactions: [\n  log: {message: x} #c2\n]\n#c3\n",
            "trigger:\n  event: a   #c1\n  when: a.b == 1\nactions:\n  - log: { message: x } #c2\n#c3\n",
            id="brackets over several lines",
        ),
        pytest.param(
            "? id\n: x\n" + RULE,
            "id: x\n" + RULE,
            id="a key with a question mark",
        ),
        pytest.param(ALIAS, ALIAS, id="anchors and aliases"),
        pytest.param(LIST, LIST_AFTER, id="a list of rules"),
        pytest.param(
            "trigger_event: job.created\nactions: [log: {message: 日本語 ✓}]\n",
            "trigger: { event: job.created }\nactions: [ log: { message: 日本語 ✓ } ]\n",
            id="one word",
        ),
        pytest.param(
            "trigger: {type: event, config: {event_type: a, source: b}}\nactions: [log: {message: x}]\n",
            "trigger: { event: a, source: b }\nactions: [ log: { message: x } ]\n",
            id="type and config",
        ),
        pytest.param(ELSEWHERE, ELSEWHERE_AFTER, id="conditions of elsewhere"),
    ],
)
def test_a_text_is_written_so(before: str, after: str) -> None:
    """One case each of what YAML can look like."""
    assert pretty(before) == after


@pytest.mark.parametrize("text", ["", "\n", "# only\n\n\n# comments", "---\n...\n"])
def test_a_file_without_a_rule_has_no_form(text: str) -> None:
    """There is nothing to put in order."""
    assert format_text(text, "x.yaml") == (text, ())


def test_a_byte_order_mark_goes() -> None:
    """It would be the first character of the first key for some tools; the command sees that the bytes differ."""
    assert pretty(RULE) == RULE


def test_json_stays_json() -> None:
    """Canonical spelling, one entry a line where it was so, and nothing that only YAML can say."""
    before = (
        '{"actions": [{"type": "log", "params": {"text": "\\ud83d\\ude00 \\u00e9 no"}}],\n'
        ' "trigger_event": "a", "delay": {"value": 5, "unit": "minutes"}}'
    )
    after = pretty(before, "rule.json")
    assert json.loads(after) == {
        "trigger": {"event": "a"}, "delay": "5m", "actions": [{"log": {"message": "\U0001f600 é no"}}],
    }  # fmt: skip
    assert after.splitlines()[1] == '  "trigger": { "event": "a" },'


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        pytest.param("trigger: {event: a\n", "x.yaml", "AF101", id="no YAML"),
        pytest.param("trigger: { event: a }\nactions: [ lag: {} ]\n", "x.yaml", "AF110", id="no rule"),
        pytest.param("id: a\nid: b\n" + RULE, "x.yaml", "AF102", id="a key twice"),
        pytest.param(RULE, "x.json", "AF160", id="YAML that is called JSON"),
        pytest.param(
            "actions: [ log: { message: &m x } ]\ntrigger: { event: a }\nname: *m\n",
            "x.yaml",
            "AF160",
            id="an alias that would come first",
        ),
    ],
)
def test_a_file_with_errors_is_left_as_it_is(text: str, path: str, code: str) -> None:
    """What cannot be understood is not touched, and says why."""
    formatted = format_text(text, path)
    assert formatted.text == text
    assert formatted.problems[0].code == code


def test_a_shared_condition_of_another_file_is_no_error() -> None:
    """One file is looked at: the name stands for itself."""
    text = "trigger: { event: a }\nwhen: { condition: of-another-file }\nactions:\n  - log: { message: x }\n"
    assert format_text(text, "x.yaml") == (text, ())


def test_no_accepted_spelling_is_left() -> None:
    """What the loader would rename or move in a formatted rule is nothing."""
    [document] = read_yaml(pretty(UNTIDY), path="x").documents
    findings = Findings()
    respell_rule(document.value, ACTION_TYPES, findings)
    moved = {there: here for there, here in findings.origins.items() if [s for s in there if s != 0] != list(here)}
    assert moved == {}


# Rules of every spelling, written by hand as it were: keys in any order, comments and blank lines anywhere.

REFS = st.sampled_from(["job.id", "$.job.id", 'job["x y"]', "job.items[0].id"])
WORDS = st.sampled_from(
    ["x", "no", "12:30", "on", "0777", "{{ job.id }}", "a: b", "# x", "it's", 'say "hi"', "", "é ✓"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    WORDS
    | st.integers(-5, 5)
    | st.booleans()
    | st.none()
    | st.fixed_dictionaries({"source": st.just("fact"), "fact": st.just("job"), "path": st.just("$.total")})
    | st.fixed_dictionaries({"fact": REFS, "default": st.integers(0, 3)}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "on", "b c", "y"]), inner, max_size=3)
    ),
    max_leaves=6,
)
LEAVES = st.sampled_from(
    [
        'job.status == "Done"',
        "job.phone exists",
        {"fact": "job", "path": "$.total", "operator": "greater_than", "value": 5},
        {"operator": "equals", "value": "off", "field": "job.status"},
        {"value": {"source": "fact", "fact": "job", "path": "$.a"}, "fact": "job.b", "operator": "equal"},
        {"condition": "shared"},
    ]
)
CONDITIONS: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"AND": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"operator": st.just("OR"), "conditions": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"not": LEAVES})
    ),
    max_leaves=4,
)


def one_of(*keys: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A map with one of these keys."""
    return st.sampled_from(keys).flatmap(lambda key: st.fixed_dictionaries({key: value}))


PATTERNS = st.builds(
    lambda event, when: {**event, **when},
    one_of("event", "eventName", "event_type", value=st.just("job.created") | st.just(["job.a", "job.*"])),
    st.just({}) | st.fixed_dictionaries({"when": CONDITIONS}),
) | st.fixed_dictionaries({"type": st.just("event"), "config": st.fixed_dictionaries({"event": st.just("a.b")})})
BY = REFS | st.lists(REFS, unique=True, max_size=2) | st.just({"$.cart.id": "order.cart_id"})
MESSAGES = st.sampled_from(["hi", "off", "{{ job.id }}", "two\nlines\n", "  in\nout", "ends\n\n\n"])
PARAMS = one_of("message", "text", "msg", value=MESSAGES)
POSTS = st.builds(
    lambda payload: {"url": "https://hooks.example.com/x", **payload},
    one_of("payload", "json", "body", value=VALUES.filter(lambda value: value is not None)),
)
STEPS = st.one_of(
    one_of("log", "log_message", value=PARAMS),
    one_of("webhook", "webhook_call", value=POSTS),
    st.builds(
        lambda kind, params: {**kind, **params},
        one_of("type", "action_type", value=st.just("log")),
        one_of("params", "config", value=PARAMS),
    ),
)
RULES = st.builds(
    lambda *parts: {key: value for part in parts for key, value in part.items()},
    one_of("trigger", value=PATTERNS | st.lists(PATTERNS, min_size=1, max_size=2)),
    one_of("actions", "steps", value=st.lists(STEPS, min_size=1, max_size=3)),
    st.just({}) | one_of("delay", value=st.just("5m") | st.just({"value": 90, "unit": "minutes"})),
    st.just({}) | one_of("when", "conditions", value=CONDITIONS),
    st.just({}) | one_of("cancel_on", value=st.builds(lambda by: {"event": "b", "match": by}, BY)),
    st.just({}) | one_of("retry", "retry_policy", value=st.just({"strategy": "exponential", "attempts": 3})),
    st.just({}) | one_of("_id", value=st.just("ObjectId('64a5b8e8f1b2c3d4e5f6a7b1')")),
    st.just({}) | one_of("is_active", "enabled", value=st.booleans()),
    st.just({}) | one_of("createdAt", value=st.just("2024-01-01")),
    st.just({}) | one_of("description", value=MESSAGES),
    st.just({}) | one_of("account", "tenant_id", value=st.just("default")),
)


class Writer:
    """Writes a value as YAML in one of very many ways, with a numbered comment here and there."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.comments = 0

    def often(self, share: int = 3) -> bool:
        """True once in a while."""
        return bool(self.draw(st.integers(0, share)) == 0)

    def comment(self) -> str:
        """A comment that there is once."""
        self.comments += 1
        return f"# c{self.comments}"

    def lines_above(self, pad: str) -> list[str]:
        """Blank lines and comments."""
        lines = ["", ""] if self.often(6) else []
        return [*lines, pad + self.comment()] if self.often(5) else lines

    def beside(self, line: str) -> str:
        """The line, perhaps with a comment behind it."""
        return f"{line}{' ' * self.draw(st.integers(1, 4))}{self.comment()}" if self.often(6) else line

    def scalar(self, value: Any) -> str:
        """On one line."""
        if not isinstance(value, str):
            return json.dumps(value)
        plain = yaml.dump(value, Dumper=yaml.SafeDumper, width=10_000, allow_unicode=True).split("\n")[0]
        strict = read_yaml(f"a: {value}", path="x")
        is_plain = not strict.all_problems and strict.documents and strict.documents[0].value == {"a": value}
        if is_plain and not set(value) & set("{}[],#\n"):
            return str(self.draw(st.sampled_from([value, json.dumps(value, ensure_ascii=False)])))
        return (
            json.dumps(value, ensure_ascii=False)
            if "\n" in value
            else plain
            if plain[:1] in "'\""
            else json.dumps(value)
        )

    def flow(self, value: Any) -> str:
        """With brackets."""
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.scalar(key)}: {self.flow(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.flow, value)) + "]"
        return self.scalar(value)

    def entry(self, lead: str, value: Any, indent: int, *, inline: bool = False) -> list[str]:
        """What begins with a key or a dash."""
        pad = " " * indent
        if isinstance(value, dict | list) and value and not self.often(2):
            step = self.draw(st.sampled_from([2, 4]))
            if isinstance(value, list) and not inline:
                step = self.draw(st.sampled_from([0, 2]))
            return [self.beside(pad + lead), *self.block(value, indent + step)]
        if isinstance(value, str) and "\n" in value and not value.startswith(" ") and self.often(1):
            header = "|+" if value.endswith("\n\n") else "|" if value.endswith("\n") else "|-"
            body = value.removesuffix("\n").split("\n")
            return [self.beside(f"{pad}{lead} {header}"), *(f"{pad}   {line}" if line else "" for line in body)]
        return [self.beside(f"{pad}{lead} {self.flow(value)}")]

    def block(self, value: Any, indent: int) -> list[str]:
        """Without brackets, each entry below the other."""
        pad, lines = " " * indent, []
        if isinstance(value, dict):
            for key in self.draw(st.permutations(list(value))):
                lines += [*self.lines_above(pad), *self.entry(f"{self.scalar(key)}:", value[key], indent)]
        else:
            for item in value:
                lines += [*self.lines_above(pad), *self.entry("-", item, indent, inline=True)]
        return [*lines, pad + self.comment()] if self.often(8) else lines


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_rule_of_any_spelling_changes_its_meaning_or_loses_a_comment(data: Any) -> None:
    """The hash before is the hash after, every comment is there once, and a second time changes nothing."""
    rules = data.draw(st.lists(RULES, min_size=1, max_size=2))
    writer = Writer(data.draw)
    for number, rule in enumerate(rules):
        rule.pop("_id", None) if number else None
        rule.setdefault("id", f"rule-{number}") if "_id" not in rule else None
    lines = [line for rule in rules for line in ["---", *writer.block(rule, 0)]]
    text = "shared_conditions: { shared: a.b exists }\n" + "\n".join(lines) + "\n"
    built = load_text(text, "x.yaml", CONTEXT)
    assert built.errors == (), text
    formatted = format_text(text, "x.yaml")
    assert formatted.problems == (), text
    after = check(text)
    assert len(rules_of(after, "x.yaml")) == len(rules)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_reader_in_python_finds_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was built without its C part, the text is taken apart in the same way."""
    text = read(path)
    expected = written.read_written(text)
    monkeypatch.setattr(written, "FastLoader", yaml.SafeLoader)
    assert written.read_written(text) == expected


def test_a_rule_is_built_with_names_that_are_not_known() -> None:
    """What the comparison before and after rests on: a rule without its shared conditions is still a rule."""
    value = {"id": "a", "trigger": {"event": "a"}, "actions": [{"log": {"message": "x"}}]}
    assert RuleBuilder(CONTEXT, {}).build(value, {}, None).rule is not None  # type: ignore[arg-type]  # nobody asks where from
