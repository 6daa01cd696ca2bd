"""The loader: files to rules, with every problem and every good rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.errors import RulesError
from autoflow.model.condition import All, Leaf, Reference
from autoflow.model.retry import PRESETS
from autoflow.model.rule import Enabled, EventPattern, KeyPair, OnChange
from autoflow.model.step import Step
from autoflow.rules import codes
from autoflow.rules.loader import LoadContext, LoadResult, load_directory, load_document, load_files, load_text

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
SEEDS = Path(__file__).parent / "seeds"
ACTIONS = "actions: [ log: { message: x } ]"
GOOD = f"trigger: {{ event: job.created }}\n{ACTIONS}\n"


def load(text: str, path: str = "rule.yaml") -> LoadResult:
    return load_text(text, path, CONTEXT)


def messages(result: LoadResult) -> list[str]:
    return [f"{problem.line}:{problem.column} {problem.code}" for problem in result.problems]


def test_a_rule_is_what_its_keys_say() -> None:
    """Every key of a rule finds its place in the model."""
    result = load(
        """
id: late-job
name: Late job
description: Somebody should know.
labels: [jobs, late]
account: acme
enabled: shadow
trigger:
  - { event: job.late, source: crm, when: job.total > 5 }
  - { event: [job.stuck, "visit.*"], source: [crm, app] }
delay: 1h30m
cancel_on: { event: job.done, by: { job.id: visit.job_id, a.b: c } }
when: job.open == true
retry: patient
on_change: cancel
actions:
  - id: mail
    email: { recipient: [a@example.com, { fact: job.owner.email }], subject: "x", message: "{{ job.id }}" }
    retry: { schedule: [0s, 10s] }
  - log: { message: "x" }
"""
    )
    assert not result.problems
    (rule,) = result.rules
    assert (rule.account, rule.id, rule.name, rule.description) == (
        "acme",
        "late-job",
        "Late job",
        "Somebody should know.",
    )
    assert (rule.labels, rule.enabled, rule.on_change) == (("jobs", "late"), Enabled.SHADOW, OnChange.CANCEL)
    over_five = Leaf(left=Reference(fact="job", path="$.total"), operator="greaterThan", value=5)
    assert rule.triggers == (
        EventPattern(events=("job.late",), sources=("crm",), when=over_five),
        EventPattern(events=("job.stuck", "visit.*"), sources=("crm", "app")),
    )
    assert rule.delay == 5_400_000
    (cancel_on,) = rule.cancel_on
    assert cancel_on.by == (
        KeyPair(left=Reference(fact="a", path="$.b"), right=Reference(fact="c")),
        KeyPair(left=Reference(fact="job", path="$.id"), right=Reference(fact="visit", path="$.job_id")),
    )
    assert rule.when == Leaf(left=Reference(fact="job", path="$.open"), operator="equal", value=True)
    assert rule.retry == PRESETS["patient"]
    mail, log = rule.actions
    assert (mail.path, mail.id, mail.type) == ("1", "mail", "email")
    assert mail.params["recipient"] == ["a@example.com", {"fact": "job.owner.email"}]
    assert mail.retry is not None
    assert mail.retry.schedule == (0, 10_000)
    assert log == Step(path="2", type="log", params={"message": "x"})


def test_what_is_not_written_has_a_default() -> None:
    """A trigger and an action are a rule; its id is the file's name."""
    (rule,) = load(GOOD, "rules/Notify Technician.yaml").rules
    assert (rule.id, rule.name, rule.account) == ("notify-technician", "notify-technician", "default")
    assert (rule.enabled, rule.delay, rule.cancel_on, rule.when, rule.retry) == (Enabled.ON, 0, (), None, None)
    assert rule.on_change is OnChange.FINISH_OLD


def test_a_list_of_lines_must_all_hold() -> None:
    """A list under `when` is an `all`."""
    (rule,) = load("when: [ 'a.b == 1', 'c exists' ]\n" + GOOD).rules
    assert isinstance(rule.when, All)
    assert len(rule.when.conditions) == 2


@pytest.mark.parametrize(
    "text",
    [
        f"id: one\n{GOOD}---\nid: two\n{GOOD}",
        "rules:\n- id: one\n  trigger: { event: a }\n  "
        + ACTIONS
        + "\n- id: two\n  trigger: { event: a }\n  "
        + ACTIONS,
        json.dumps(
            {
                "rules": [
                    {"id": name, "trigger": {"event": "a"}, "actions": [{"log": {"message": "x"}}]}
                    for name in ("one", "two")
                ]
            }
        ),
    ],
    ids=["documents", "list", "json"],
)
def test_a_file_may_hold_several_rules(text: str) -> None:
    """As documents, as a list, or as JSON."""
    result = load(text)
    assert not result.problems
    assert [rule.id for rule in result.rules] == ["one", "two"]


def test_several_rules_in_a_file_need_ids() -> None:
    """The file's name can stand for one rule only."""
    result = load(f"{GOOD}---\nid: two\n{GOOD}")
    assert [rule.id for rule in result.rules] == ["two"]
    assert [problem.code for problem in result.errors] == [codes.MISSING_KEY]


def test_one_bad_rule_hides_neither_problems_nor_rules_of_others() -> None:
    """Each rule is judged by itself, also beside text that is no YAML at all."""
    result = load(
        f"id: one\n{GOOD}---\nid: two\ndealy: 5m\ndelay: 5\n{GOOD}---\nid: three\nwhen: [\n---\nid: four\n{GOOD}"
    )
    assert [rule.id for rule in result.rules] == ["one", "four"]
    assert messages(result)[:2] == ["6:1 AF110", "7:8 AF122"]
    assert len(result.errors) == 3


def test_a_text_error_breaks_only_the_rule_it_stands_in() -> None:
    """In a list of rules, a key given twice makes one of them unusable."""
    rule = "  trigger: { event: a }\n  actions: [ log: { message: x } ]\n"
    result = load(f"rules:\n- id: one\n{rule}- id: two\n  delay: 1s\n  delay: 2s\n{rule}- id: three\n{rule}")
    assert [rule.id for rule in result.rules] == ["one", "three"]
    assert [problem.code for problem in result.errors] == ["AF102"]


def test_all_errors_of_a_rule_are_found_at_once() -> None:
    """Nobody has to run the validator once for each mistake."""
    result = load(
        """
id: Bad Id
delay: soon
when:
  - job.total = 5
  - job.name == Done
cancel_on: { event: "a b" }
actions:
  - sms: { message: "x", recipient: 5 }
  - nothing: {}
"""
    )
    found = {problem.code for problem in result.errors}
    assert {codes.WRONG_ID, codes.WRONG_SPAN, codes.MISSING_KEY, codes.EVENT_NAME, codes.WRONG_SHAPE} <= found
    assert codes.UNKNOWN_KEY in found


def test_equal_ids_of_one_account_are_an_error() -> None:
    """Both places are named, and neither rule is used."""
    result = load(f"id: one\n{GOOD}---\nid: one\n{GOOD}---\nid: two\n{GOOD}")
    assert [rule.id for rule in result.rules] == ["two"]
    (problem,) = result.errors
    assert (problem.code, problem.line, problem.rule) == (codes.RULE_TWICE, 5, "one")
    assert "rule.yaml:1" in problem.message


def test_equal_ids_of_two_accounts_are_fine() -> None:
    """A rule is known by account and id."""
    result = load(f"id: one\n{GOOD}---\nid: one\naccount: acme\n{GOOD}")
    assert not result.problems
    assert [rule.key for rule in result.rules] == [("default", "one"), ("acme", "one")]


def test_shared_conditions_serve_their_account_across_files(tmp_path: Path) -> None:
    """A name given in one file is known in another of the same account, and in no other account."""
    (tmp_path / "b.yaml").write_text("shared_conditions:\n  paid: invoice.paid == true\n")
    (tmp_path / "a.yaml").write_text(f"when: {{ condition: paid }}\n{GOOD}")
    (tmp_path / "c.yaml").write_text(f"account: acme\nwhen: {{ condition: paid }}\n{GOOD}")
    result = load_directory(tmp_path, CONTEXT)
    (rule,) = result.rules
    assert rule.when == Leaf(left=Reference(fact="invoice", path="$.paid"), operator="equal", value=True, name="paid")
    assert [Path(problem.path).name for problem in result.errors] == ["c.yaml"]


def test_shared_conditions_have_places_too() -> None:
    """A mistake in one is told where it stands, and a name given twice with both places."""
    result = load("shared_conditions:\n  a: job.total = 5\n---\nshared_conditions:\n  a: x exists\n")
    assert messages(result) == ["2:16 AF222", "5:3 AF124"]


def test_a_rule_keeps_shared_conditions_written_out() -> None:
    """The document needs no other one."""
    text = f"shared_conditions: {{ paid: a.b == 1 }}\nwhen: {{ not: {{ condition: paid }} }}\n{GOOD}"
    (rule,) = load(text).rules
    assert "condition" not in json.dumps(rule.document).replace("conditions", "")
    assert load_document(rule.document, CONTEXT) == rule


def test_the_account_beside_rules_is_theirs() -> None:
    """What stands beside `rules` is said once for all of them; a rule may say otherwise."""
    rule = "trigger: { event: a }, actions: [ log: { message: x } ]"
    result = load(f"account: acme\nrules:\n- {{ id: one, {rule} }}\n- {{ id: two, account: other, {rule} }}\n")
    assert [rule.key for rule in result.rules] == [("acme", "one"), ("other", "two")]


def test_a_condition_is_marked_inside_its_line() -> None:
    """Quotes and escapes of the text are counted."""
    for quoted in [
        "a.b = 5",
        "'a.b = 5'",
        '"a.b = 5"',
        "'x == \"it''s\" and a.b = 5'",
        '"x == \\"\\u00e4\\" and a.b = 5"',
    ]:
        (problem,) = load(f"when: {quoted}\n{GOOD}").errors
        assert (problem.line, problem.column) == (1, len("when: ") + quoted.index("= 5") + 1), quoted


def test_a_condition_over_several_lines_is_marked_where_the_mistake_is() -> None:
    """In the line of the folded text that it stands in."""
    (problem,) = load(f"when: >\n  a.b = 5\n  and c exists\n{GOOD}").errors
    assert (problem.line, problem.column) == (2, 7)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_the_first_seed_document_loads_unchanged(suffix: str) -> None:
    """The CRM seed's spellings are accepted and mean what the canonical ones mean."""
    result = load((SEEDS / "crm-simple.json").read_text(encoding="utf-8"), f"seed.{suffix}")
    assert not result.errors
    (rule,) = result.rules
    assert (rule.id, rule.account, rule.delay) == ("64a5b8e8f1b2c3d4e5f6a7b1", "acc_12345", 300_000)
    assert rule.triggers == (EventPattern(events=("job.status.changed",)),)
    assert rule.actions[0].params["recipient"] == {"fact": "job.assignedTechnician.phone"}
    canonical = """
id: 64a5b8e8f1b2c3d4e5f6a7b1
account: acc_12345
trigger: { event: job.status.changed }
delay: 5m
when: [ 'job.status == "Done"', job.assignedTechnician.phone != null ]
actions:
  - sms:
      recipient: { fact: job.assignedTechnician.phone }
      message: "Hi {{job.assignedTechnician.name}}, job #{{job.number}} for {{job.client.name}} has been completed."
"""
    assert load(canonical).rules[0].hash == rule.hash


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_the_second_seed_document_loads_but_for_its_link(suffix: str) -> None:
    """The Markdown link that stands for the URL is refused with the URL; with it, the document loads."""
    text = (SEEDS / "crm-complex.json").read_text(encoding="utf-8")
    (problem,) = load(text, f"seed.{suffix}").problems
    assert (problem.code, problem.hint) == (codes.WRONG_URL, "write url: https://hooks.crm.com/new-lead")
    fixed = text.replace(
        "[https://hooks.crm.com/new-lead](https://hooks.crm.com/new-lead)", "https://hooks.crm.com/new-lead"
    )
    result = load(fixed, f"seed.{suffix}")
    assert not result.problems
    email, webhook = result.rules[0].actions
    assert email.params["template"] == "new-high-value-job-template"
    assert webhook.params["payload"]["value"] == "{{job.total}}"


def test_a_document_that_cannot_be_used_raises() -> None:
    """The store's documents are checked as files are."""
    with pytest.raises(RulesError, match="unknown key 'dealy'"):
        load_document(
            {"id": "x", "dealy": "5m", "trigger": {"event": "a"}, "actions": [{"log": {"message": "x"}}]}, CONTEXT
        )


def test_files_are_found_as_people_and_kubernetes_lay_them(tmp_path: Path) -> None:
    """Folders are read, hidden names and tests are not, and visible links are followed, each place once."""
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "..2026_11_21").mkdir()
    (tmp_path / "..data").symlink_to("..2026_11_21")
    (tmp_path / "..2026_11_21" / "mounted.yaml").write_text(GOOD)
    (tmp_path / "mounted.yaml").symlink_to("..data/mounted.yaml")
    (tmp_path / "sub" / "again").symlink_to("..")
    names = [
        "a.yml",
        "sub/b.yaml",
        "sub/deep/c.json",
        "x.test.yaml",
        "y.test.yml",
        ".d.yaml",
        ".git/e.yaml",
        "f.txt",
        "g.yaml~",
    ]
    for name in names:
        (tmp_path / name).write_text(GOOD)
    result = load_directory(tmp_path, CONTEXT)
    assert not result.problems
    assert [rule.id for rule in result.rules] == ["a", "mounted", "b", "c"]
    assert [rule.provenance.path for rule in result.rules] == [
        "a.yml",
        "mounted.yaml",
        "sub/b.yaml",
        "sub/deep/c.json",
    ]


def test_paths_are_shown_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside the current directory they are relative to it."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("dealy: 1\n" + GOOD)
    monkeypatch.chdir(tmp_path)
    result = load_files([tmp_path / "rules"], CONTEXT, root=None)
    assert [problem.path for problem in result.problems] == ["rules/a.yaml"]
    assert result.files == ("rules/a.yaml",)


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    """A missing file, a file in another encoding, one that is too large, and a dangling link."""
    (tmp_path / "latin.yaml").write_bytes("name: Grüße\n".encode("latin-1"))
    (tmp_path / "large.yaml").write_text("# " + "x" * 1_100_000 + "\n")
    (tmp_path / "link.yaml").symlink_to("nowhere")
    result = load_files([tmp_path, tmp_path / "missing.yaml"], CONTEXT, root=tmp_path)
    found = {Path(problem.path).name: problem.code for problem in result.problems}
    assert found == {
        "latin.yaml": "AF101",
        "large.yaml": "AF104",
        "link.yaml": codes.UNREADABLE,
        "missing.yaml": codes.UNREADABLE,
    }


def test_a_missing_directory_is_a_problem(tmp_path: Path) -> None:
    """It is told, not raised."""
    result = load_directory(tmp_path / "rules", CONTEXT)
    assert [problem.code for problem in result.errors] == [codes.UNREADABLE]


def test_a_file_without_a_rule_is_worth_a_warning() -> None:
    """An empty file is mostly a mistake, but not one that stops anything."""
    result = load("# nothing yet\n")
    assert [problem.code for problem in result.warnings] == [codes.NOTHING_INSIDE]
    assert not result.errors


def test_the_line_of_a_rule_is_known() -> None:
    """Each rule knows where it begins, for `why` and `plan`."""
    result = load(f"id: one\n{GOOD}---\n# two\nid: two\n{GOOD}")
    assert [rule.provenance.line for rule in result.rules] == [1, 6]
