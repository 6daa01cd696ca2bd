"""docs/testing.md: its scenarios pass, and every key that a scenario may have stands in it."""

import shutil
from pathlib import Path

import pytest

from autoflow.rules.vocabulary import RULE_KEYS
from autoflow.strict_yaml import read_yaml
from autoflow.testing.keys import ALL_TABLES, DEATHS, FILE_KEYS
from support.documents import PAGES, ROOT, Block, read_blocks
from support.scenarios import failures_of, play_files, settings_in

PAGE = ROOT / "docs" / "testing.md"


def holds_tests(block: Block) -> bool:
    """Whether it is a scenario file, or a rule with tests."""
    if block.language != "yaml" or block.note:
        return False
    values = [document.value for document in read_yaml(block.text, path=str(block)).documents]
    known = {*FILE_KEYS, *RULE_KEYS}
    return any(isinstance(value, dict) and "tests" in value and value.keys() <= known for value in values)


BLOCKS = [block for page in PAGES for block in read_blocks(page) if holds_tests(block)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_scenario_that_is_shown_passes(block: Block, tmp_path: Path) -> None:
    """Among the shipped rules, as a reader would try it."""
    for name in ("rules", "templates", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    is_rule = "\ntrigger:" in block.text
    path = tmp_path / "rules" / ("shown.yaml" if is_rule else "shown.test.yaml")
    path.write_text(block.text)
    played, problems = play_files([path], settings_in(tmp_path))
    assert [str(problem) for problem in problems] == []
    assert played
    assert failures_of(played) == []


def test_every_key_is_documented() -> None:
    """Each key of each table, and each place to die at, stands on the page."""
    page = PAGE.read_text()
    names = {name for table in ALL_TABLES.values() for name in table} | {name for name in DEATHS if "." not in name}
    assert len(names) > 60
    assert sorted(name for name in names if f"`{name}`" not in page and f"`{name}:" not in page) == []


def test_the_page_shows_scenarios() -> None:
    """The tests above have something to play."""
    assert sum(1 for block in BLOCKS if block.page == PAGE) >= 2
