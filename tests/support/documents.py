"""The pages of the documentation, taken apart: headings, links and fenced blocks with the comment before them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^( *)```(\w*) ?(\w*)$")
_COMMENT = re.compile(r"<!-- (.+?) -->")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. Neither `note` nor `comment` is seen by readers."""

    page: Path
    line: int
    language: str
    #: the word after the language
    note: str
    #: the HTML comment on the line before it
    comment: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def name_of(page: Path) -> str:
    """The page as tests name it."""
    return str(page.relative_to(ROOT))


def read_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    lines = page.read_text().splitlines()
    blocks, number = [], 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        number += 1
        if fence is None:
            continue
        begin = number
        while not lines[number].strip().startswith("```"):
            number += 1
        comment = _COMMENT.fullmatch(lines[begin - 2].strip()) if begin > 1 else None
        content = [line.removeprefix(fence[1]) for line in lines[begin:number]]
        blocks.append(
            Block(
                page=page,
                line=begin + 1,
                language=fence[2],
                note=fence[3],
                comment=comment[1] if comment else None,
                text="\n".join(content) + "\n",
            )
        )
        number += 1
    return blocks


def read_prose(page: Path) -> str:
    """The page without its fenced blocks."""
    prose, inside = [], False
    for line in page.read_text().splitlines():
        if line.strip().startswith("```"):
            inside = not inside
        elif not inside:
            prose.append(line)
    return "\n".join(prose)


def read_links(page: Path) -> list[str]:
    """Where the page's links lead."""
    return _LINK.findall(read_prose(page))


def read_anchors(page: Path) -> set[str]:
    """The names that headings can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", read_prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def read_section(page: Path, heading: str) -> str:
    """What stands under a heading, down to the next one of its rank or a higher one. KeyError where it is not."""
    text = page.read_text()
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    if found is None:
        raise KeyError(heading)
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest
