"""The pages hold together: links lead somewhere, YAML can be used, and the README stays short."""

from pathlib import Path

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text
from autoflow.rules.vocabulary import RULE_KEYS
from autoflow.settings import load_settings
from autoflow.settings.keys import KEYS
from autoflow.strict_yaml import read_yaml
from autoflow.templates import check_template
from support.documents import PAGES, ROOT, Block, name_of, read_anchors, read_blocks, read_links

CONFIG_KEYS = {name.partition(".")[0] for name in KEYS} | {"notifiers"}
RULE_FILE_KEYS = {*RULE_KEYS, "rules", "shared_conditions"}
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={}, templates=None, check_template=check_template)
YAML_BLOCKS = [block for page in PAGES for block in read_blocks(page) if block.language in ("yaml", "yml")]
GOOD_BLOCKS = [block for block in YAML_BLOCKS if block.note != "refused"]


def test_readme_fits_on_three_screens() -> None:
    """Who looks for the first time reads 150 lines, not more."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file or a heading finds it."""
    lost = []
    for link in read_links(page):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in read_anchors(target)):
            lost.append(link)
    assert lost == []


def test_every_page_is_in_the_table_of_contents() -> None:
    """No page of docs/ is reached by nobody."""
    listed = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in read_links(ROOT / "docs" / "index.md")}
    missing = [name_of(page) for page in PAGES if page.resolve() not in listed and page.name != "index.md"]
    assert missing == []


@pytest.mark.parametrize("block", GOOD_BLOCKS, ids=str)
def test_yaml_can_be_used(block: Block, tmp_path: Path) -> None:
    """A rule loads, a config is taken, and a piece of either is at least YAML as autoflow reads it."""
    read = read_yaml(block.text, path=str(block))
    assert read.all_problems == ()
    for document in read.documents:
        value = document.value
        if is_rule_file(value):
            assert errors_of(block) == []
            return
        if is_config(value):
            path = tmp_path / "config.yaml"
            path.write_text(block.text)
            load_settings(path, overrides={}, environ={})
            return


@pytest.mark.parametrize("block", [block for block in YAML_BLOCKS if block.note == "refused"], ids=str)
def test_yaml_that_is_shown_as_wrong_is_refused(block: Block) -> None:
    """What a page says is refused (```yaml refused) has an error."""
    assert errors_of(block) != []


def errors_of(block: Block) -> list[Problem]:
    """What keeps a block from being used as a rule file."""
    result = load_text(block.text, str(block), CONTEXT)
    return [problem for problem in result.problems if problem.severity is Severity.ERROR]


def is_config(value: Json) -> bool:
    """Whether it holds keys of the config and nothing else."""
    return isinstance(value, dict) and bool(value) and value.keys() <= CONFIG_KEYS


def is_rule_file(value: Json) -> bool:
    """Whether it is whole rules, not a piece of one."""
    if not isinstance(value, dict) or not value.keys() <= RULE_FILE_KEYS:
        return False
    return ("rules" in value and isinstance(value["rules"], list)) or {"trigger", "actions"} <= value.keys()


def test_whole_rules_and_configs_are_among_the_yaml() -> None:
    """The check above has something to check: a rule that is misread as a piece would pass it unseen."""
    values = [document.value for block in GOOD_BLOCKS for document in read_yaml(block.text, path="x").documents]
    assert sum(map(is_rule_file, values)) >= 2
    assert sum(map(is_config, values)) >= 2
