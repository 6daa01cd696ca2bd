"""A written text put on paper again: two spaces for each level, one blank line at most, comments where they stood.

After `written`, and after whoever changed something in it. JSON has a form of its own, for there are no comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from autoflow.strict_yaml.written import Alias, Group, Lines, Node, Part, Text, WrittenDocument

STEP = 2
FAR = 4
"""More blanks than that before a comment are there to put it below another one."""
JSON_WIDTH = 100
_DIGIT = re.compile(r"\d")


def print_documents(documents: Sequence[WrittenDocument]) -> str:
    """The text of these documents."""
    lines: list[str] = []
    for document in documents:
        lines += [*document.before, *document.start, *document.top]
        lines += _print_root(document.root)
        lines += [*document.foot, *(["..."] if document.ended else [])]
    return _squeeze(lines)


def print_json(node: Node) -> str:
    """A value as JSON: what stood on one line stays on one where it fits, all else one entry a line."""
    return "\n".join(_json_lines(node, 0, top=True)) + "\n"


class _Kept(str):
    """A line of a text: it is no blank line, even where nothing stands in it."""

    __slots__ = ()


class _Last(_Kept):
    """The last line of a text whose blank lines count: another one below it would belong to it."""

    __slots__ = ()


def _squeeze(lines: Iterable[str]) -> str:
    """One blank line for several, none at the beginning, and none at the end but those of a text."""
    kept: list[str] = []
    for line in lines:
        before = kept[-1] if kept else ""
        if (
            line
            or isinstance(line, _Kept)
            or (not isinstance(before, _Last) and (before or isinstance(before, _Kept)))
        ):
            kept.append(line)
    while kept and not kept[-1] and not isinstance(kept[-1], _Kept):
        kept.pop()
    return "\n".join(kept) + "\n" if kept else ""


def _print_root(root: Part) -> list[str]:
    node = root.node
    if isinstance(node, Group) and not node.flow and not node.anchor:
        return [*root.above, *_block_lines(node, 0)]
    if isinstance(node, Text) and not node.raw and not node.anchor:
        return [*root.above, *([root.beside.comment] if root.beside.comment else [])]
    return _part_lines(root, 0, "")


def _block_lines(group: Group, indent: int) -> list[str]:
    pad = " " * indent
    lines: list[str] = []
    for number, part in enumerate(group.parts):
        above = _without_first_blanks(part.above) if number == 0 else part.above
        if part.key is not None:
            lines += _comment_lines(above, pad)
            lines += _part_lines(part, indent, f"{_write_text(part.key)}:")
        else:
            lines += _item_lines(part, above, indent)
    return [*lines, *_comment_lines(group.foot, pad)]


def _item_lines(part: Part, above: Lines, indent: int) -> list[str]:
    """An item of a list; what was said about the first part of a map in it stands above its dash."""
    pad, node = " " * indent, part.node
    if not isinstance(node, Group) or node.flow or node.anchor or not node.parts:
        return [*_comment_lines(above, pad), *_part_lines(part, indent, "-")]
    lines = _block_lines(node, indent + STEP)
    first = next(number for number, line in enumerate(lines) if line.lstrip()[:1] not in ("", "#"))
    said = [line[STEP:] for line in lines[:first]]
    lines[first] = f"{pad}-{' ' * (STEP - 1)}{lines[first].lstrip()}"
    return [*_comment_lines(above, pad), *said, *lines[first:]]


def _part_lines(part: Part, indent: int, lead: str) -> list[str]:
    """A key or a dash with its value; the comment beside it goes where it cannot be taken for text."""
    node, pad = part.node, " " * indent
    below: list[str] = []
    if isinstance(node, Text):
        first, *below = _text_lines(node, indent)
    elif isinstance(node, Group) and not node.flow and node.parts:
        first, below = f"&{node.anchor}" if node.anchor else "", _block_lines(node, indent + STEP)
    else:
        first = _write_flow(node)
    line = pad + " ".join(word for word in (lead, first) if word)
    if not part.beside.comment:
        return [line, *below]
    if isinstance(node, Text) and below and not node.is_block:
        return [line, *below[:-1], _put_beside(below[-1], part)]
    return [_put_beside(line, part), *below]


def _put_beside(line: str, part: Part) -> str:
    """The comment behind it: as near as it was, or in its column where that stands apart."""
    comment, column, gap = part.beside
    if gap > FAR:
        gap = column - len(line)
    return f"{line}{' ' * (gap if gap > 0 else STEP)}{comment}"


def _text_lines(text: Text, indent: int) -> list[str]:
    """A scalar; lines after the first are indented below its key."""
    anchor = f"&{text.anchor} " if text.anchor else ""
    if "\n" not in text.raw and not text.is_block:
        return [(anchor + text.raw).strip()]
    head, _, rest = text.raw.partition("\n")
    pad = " " * (indent + STEP)
    if not text.is_block:
        lines = (line.lstrip(" \t") for line in rest.split("\n"))
        return [
            anchor + head.rstrip(" \t") if not text.style else anchor + head,
            *(_indent(pad, line) for line in lines),
        ]
    below = [_indent(pad, line) for line in rest.split("\n")] if rest else []
    if below and "+" in head:
        below[-1] = _Last(below[-1])
    return [anchor + _write_header(text, head), *below]


def _indent(pad: str, line: str) -> str:
    return pad + line if line else _Kept("")


def _write_header(text: Text, head: str) -> str:
    """The header of a block; one that the end of the file cut off says so itself."""
    head = _DIGIT.sub(str(STEP), head)
    cut = text.value and not text.value.endswith("\n") and "-" not in head
    return head.replace("+", "") + "-" if cut else head


def _write_text(text: Text) -> str:
    return f"&{text.anchor} {text.raw}" if text.anchor else text.raw


def _write_flow(node: Node) -> str:
    """A value on one line."""
    if isinstance(node, Alias):
        return f"*{node.name}"
    if isinstance(node, Text):
        return _write_text(node) or "null"
    anchor = f"&{node.anchor} " if node.anchor else ""
    parts = [_write_pair(part) for part in node.parts]
    if node.is_map and node.bare:
        return ", ".join(parts)
    opening, closing = "{}" if node.is_map else "[]"
    wide = parts and (node.is_map or any(isinstance(part.node, Group) for part in node.parts))
    blank = " " if wide else ""
    return f"{anchor}{opening}{blank}{', '.join(parts)}{blank}{closing}"


def _write_pair(part: Part) -> str:
    value = _write_flow(part.node)
    return value if part.key is None else f"{_write_text(part.key)}: {value}"


def _comment_lines(lines: Lines, pad: str) -> list[str]:
    return [pad + line if line else "" for line in lines]


def _without_first_blanks(lines: Lines) -> Lines:
    return lines[next((number for number, line in enumerate(lines) if line), len(lines)) :]


def _json_lines(node: Node, indent: int, *, top: bool = False) -> list[str]:
    line = _json_line(node)
    if not isinstance(node, Group) or not node.parts:
        return [line]
    if node.flow and not top and len(line) + indent <= JSON_WIDTH:
        return [line]
    pad, (opening, closing) = " " * (indent + STEP), "{}" if node.is_map else "[]"
    lines = [opening]
    for number, part in enumerate(node.parts):
        first, *rest = _json_lines(part.node, indent + STEP)
        key = f"{_json_text(part.key.value)}: " if part.key is not None else ""
        own = [pad + key + first, *rest]
        lines += own if number == len(node.parts) - 1 else [*own[:-1], own[-1] + ","]
    return [*lines, " " * indent + closing]


def _json_line(node: Node) -> str:
    if isinstance(node, Text):
        return _json_text(node.value) if node.is_text else node.raw
    if isinstance(node, Alias):
        return f"*{node.name}"
    parts = [
        (f"{_json_text(part.key.value)}: " if part.key is not None else "") + _json_line(part.node)
        for part in node.parts
    ]
    opening, closing = "{}" if node.is_map else "[]"
    blank = " " if parts and (node.is_map or any(isinstance(part.node, Group) for part in node.parts)) else ""
    return f"{opening}{blank}{', '.join(parts)}{blank}{closing}"


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
