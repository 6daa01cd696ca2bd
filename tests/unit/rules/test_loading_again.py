"""A loader that is asked again: whatever changed between, the outcome is that of one that begins anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.rule import Provenance
from autoflow.rules import loader as loading
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import Loader
from autoflow.rules.source import FileText
from autoflow.templates import check_template

CONTEXT = LoadContext(
    action_types=ACTION_TYPES, notifiers={"sms": "sms"}, templates=frozenset({"hello"}), check_template=check_template
)
CONTEXTS = (
    CONTEXT,
    CONTEXT._replace(templates=frozenset()),
    CONTEXT._replace(notifiers={"email": "email"}),
)
RULE = 'id: {id}\ntrigger: {{ event: x }}\nwhen: {when}\nactions: [ {{ sms: {{ to: "+1555", {what} }} }} ]\n'
SHARED = "shared_conditions:\n  big: n > {n}\n"
TEXTS = (
    RULE.format(id="one", when="n > 1", what="message: hi"),
    RULE.format(id="one", when="n > 1", what="template: hello"),
    RULE.format(id="two", when="{ condition: big }", what="message: hi"),
    RULE.format(id="two", when="{ condition: none }", what="message: hi"),
    RULE.format(id="two", when='s == "a" # cut', what="message: hi"),
    "rules:\n- { id: a, trigger: { event: y }, actions: [ { log: { message: m } } ] }\n- 5\n",
    RULE.format(id="one", when="n >", what="message: hi")
    + "---\n"
    + RULE.format(id="b", when="n > 2", what="message: 1.50"),
    SHARED.format(n=1),
    SHARED.format(n=2) + RULE.format(id="three", when="{ condition: big }", what="message: hi"),
    "shared_conditions: 5\n",
    "id: [",
    "",
)
NAMES = ("a.yaml", "b.yaml", "c/d.yaml", "e.yaml")


class Known:
    """What git knows, without git."""

    is_known = True

    def __init__(self, dirty: frozenset[str]) -> None:
        self.dirty = dirty

    def of(self, path: str, line: int | None) -> Provenance:
        """Where a rule stands."""
        return Provenance(path=path, line=line, commit="c", author="a", dirty=path in self.dirty)


SETS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS), max_size=4)
MOMENTS = st.tuples(
    SETS,
    st.integers(0, len(CONTEXTS) - 1),
    st.none() | st.builds(Known, st.frozensets(st.sampled_from(NAMES))),
)


def texts_of(written: dict[str, str]) -> list[FileText]:
    """The files in order of their names."""
    return [FileText(path=name, name=name, text=text) for name, text in sorted(written.items())]


@given(moments=st.lists(MOMENTS, min_size=2, max_size=6))
def test_a_loader_that_is_asked_again_answers_as_a_new_one(moments: list) -> None:
    """Files edited, removed and put back; other templates and notifiers; commits: rules and problems agree."""
    again = Loader()
    for written, context, provenance in moments:
        files, checked = texts_of(written), CONTEXTS[context]
        assert again.load(files, checked, provenance) == Loader().load(files, checked, provenance)


def test_a_rule_whose_file_did_not_change_is_the_same_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read or built again but the file that changed."""
    written = {"a.yaml": TEXTS[0], "b.yaml": TEXTS[5].replace("- 5\n", "")}
    again = Loader()
    before = {rule.id: rule for rule in again.load(texts_of(written), CONTEXT).rules}
    parsed = []
    parse = loading.parse_file
    monkeypatch.setattr(loading, "parse_file", lambda file: parsed.append(file.path) or parse(file))
    written["a.yaml"] = written["a.yaml"].replace("n > 1", "n > 5")
    after = {rule.id: rule for rule in again.load(texts_of(written), CONTEXT).rules}
    assert parsed == ["a.yaml"]
    assert after["a"] is before["a"]
    assert after["one"] != before["one"]


def test_a_shared_condition_that_changes_builds_the_rules_of_other_files_again() -> None:
    """Its text stands in another file than theirs."""
    written = {"a.yaml": TEXTS[2], "b.yaml": SHARED.format(n=1)}
    again = Loader()
    before = again.load(texts_of(written), CONTEXT)
    written["b.yaml"] = SHARED.format(n=2)
    after = again.load(texts_of(written), CONTEXT)
    assert not before.problems
    assert not after.problems
    assert before.rules[0].hash != after.rules[0].hash


def test_what_git_says_is_asked_each_time() -> None:
    """A rule whose file did not change can be committed since, or the repository be gone."""
    files = texts_of({"a.yaml": TEXTS[0]})
    again = Loader()
    for provenance in (None, Known(frozenset({"a.yaml"})), Known(frozenset()), None):
        [rule] = again.load(files, CONTEXT, provenance).rules
        expected = Provenance(path="a.yaml", line=1)
        assert rule.provenance == (provenance.of("a.yaml", 1) if provenance else expected)
