"""What the pages show at a terminal is what happens at a terminal."""

import tempfile
from pathlib import Path

import pytest

from support.consoles import KNOWN, Console, is_alike
from support.documents import PAGES, name_of, read_blocks


@pytest.mark.parametrize("page", [page for page in PAGES if "```console" in page.read_text()], ids=name_of)
def test_console_blocks_print_what_the_page_says(page: Path) -> None:
    """Every command of a page, run in order by a real shell, prints what stands below it."""
    # A short path: the pages show the socket where it is when its path is not too long for the system.
    with tempfile.TemporaryDirectory(prefix="docs-") as directory, Console(Path(directory)) as console:
        faults = [fault for block in read_blocks(page) for fault in console.follow(block)]
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_comments_before_blocks_are_of_the_notation(page: Path) -> None:
    """A comment before a console block that is misspelt would otherwise switch its check off."""
    unknown = [f"{block}: {block.comment}" for block in read_blocks(page) if block.language == "console" and
               block.comment not in KNOWN]  # fmt: skip
    assert not unknown


@pytest.mark.parametrize(
    ("printed", "expected", "alike"),
    [
        ("ok: 7 rules\n", "ok: 7 rules", True),
        ("ok: 7 rules\n", "ok: 6 rules", False),
        ("ok: 7 rules\nand more\n", "ok: 7 rules", False),
        ("a 1 b\n", "a ... b", True),
        ("a 1\n2 b\n", "a ... b", False),
        ("first\nsecond\nlast\n", "first\n...\nlast", True),
        ("first\nlast\n", "first\n...\nlast", True),
        ("first\nsecond\n", "first\n...", True),
        ("x  in 4m 58s (2026-12-01 10:00:00Z)\n", "x  in 4m 59s (2026-11-21 10:13:41Z)", True),
        ("x  in 3m 58s (2026-12-01 10:00:00Z)\n", "x  in 4m 59s (2026-11-21 10:13:41Z)", False),
        ("due  2026-12-01 10:00:00Z\n", "due  2026-11-21 10:13:41Z", False),
        ("", "", True),
        ("something\n", "", False),
    ],
)
def test_wildcards_stand_for_what_the_notation_says(printed: str, expected: str, *, alike: bool) -> None:
    """The comparison itself tells a difference from a wildcard."""
    assert is_alike(printed, expected) is alike
