"""What YAML's traps look like in a rule, the cause in our words, and the line as it should be written.

The YAML reader only sees that something is wrong; the line itself mostly says what was meant.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from autoflow.model.problem import Problem
from autoflow.rules.openings import CLOSING, find_opening
from autoflow.strict_yaml import DUPLICATE_KEY, KEY_NOT_TEXT, SYNTAX, UNKNOWN_TAG, read_yaml

_ENTRY = re.compile(r"(?P<lead>\s*(?:-\s+)*)(?P<key>[\w.$-]+|\"[^\"]*\"):\s+(?P<value>\S.*?)\s*$")
_QUOTED_FIRST = re.compile(r"\"(?:[^\"\\]|\\.)*\"(?=\s*\S)")
_TEXT_IN = re.compile(r"(\"[^\"]*\")\s+in\s+([\w.\[\]]+)")
_FLOW_WHEN = re.compile(r"\bwhen:\s+(?P<condition>.*?)(?P<close>\s*\}+\s*)$")
_FLOW_STAR = re.compile(r"(?<=: )(\*)(?=\s*[,}])")
_FLOW_KEY = re.compile(r"(?<![\"'])(\b[\w.]+\[[^\]\s]*\][\w.\[\]]*)(?=:\s)")
_FLOW_TEMPLATE = re.compile(r"(?<![\"'\w])(\{\{.*?\}\})(?!\s*[\"'])")
_FLOW_COLON = re.compile(r"[{,]\s*[\w.]+:\s+(?P<value>[^\s\"'{\[,&*!|>%@`#][^,\"'#]*?:\s.*)$")
_TURNED = re.compile(r"\s*-\s+(?P<text>\"[^\"]*\")\s+(?P<sign>[=!<>]=|[<>]|in)\s+(?P<fact>[\w.\[\]]+)\s*$")
_TURNS = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "in": "contains"}
_GLUED = re.compile(r"\s*(?:-\s+)*([A-Za-z_]\w*):(?=[^\s:/])(.*)$")
_CUT = re.compile(r"(?<=\s)(#[^\s,}\]]*)[^\"']*[}\]]")
_COMMENT = re.compile(r"\s(#.*)$")
_NOT_CLOSED = re.compile(r"end of stream|',' or|document|node content|expected ':'")
_CONDITION_KEYS = ("when", "conditions")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of the form `key: value`."""

    lead: str
    key: str
    value: str
    column: int

    def rewritten(self, value: str) -> str:
        return f"{self.key}: {value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """What was meant, and where on its line the trouble is (from 1)."""

    message: str
    hint: str
    column: int
    width: int = 1


def explain_problem(problem: Problem, lines: Sequence[str]) -> Problem:
    """The problem with its cause and the fixed line, where the line is one of the known traps."""
    if problem.code == DUPLICATE_KEY:
        return _explain_duplicate(problem, lines)
    if problem.code not in (SYNTAX, KEY_NOT_TEXT, UNKNOWN_TAG):
        return problem
    for number in _suspects(problem.line, lines):
        cause = _find_cause(lines[number - 1])
        if cause is not None:
            return _blame(problem, number, cause)
    if problem.code == SYNTAX:
        for number in range(min(problem.line, len(lines)), 0, -1):
            if (cause := _find_cut_brackets(lines[number - 1])) is not None:
                return _blame(problem, number, cause)
        if _NOT_CLOSED.search(problem.message) and (opened := _find_opening(problem, lines)) is not None:
            return opened
        message, hint = _explain_structure(problem.message)
        width = _width_at(lines[problem.line - 1], problem.column) if problem.line <= len(lines) else 1
        end = problem.column + width
        return dataclasses.replace(problem, message=message, hint=hint or problem.hint, end_column=end)
    return problem


def _find_opening(problem: Problem, lines: Sequence[str]) -> Problem | None:
    opening = find_opening(lines, min(problem.line, len(lines)))
    if opening is None:
        return None
    where = "" if opening.line == problem.line else f", and line {problem.line} does not fit into it"
    message = f"this {opening.sign} is not closed{where}"
    cause = _Cause(message=message, hint=f"add a {CLOSING.get(opening.sign, opening.sign)}", column=opening.column)
    return _blame(problem, opening.line, cause)


def _width_at(text: str, column: int) -> int:
    """How long the word is that stands there; an opened quote or bracket is meant by itself."""
    found = re.compile(r"[\"'\[{]|\S+|").match(text, column - 1)
    return max(len(found[0]), 1) if found else 1


def _blame(problem: Problem, line: int, cause: _Cause) -> Problem:
    return dataclasses.replace(
        problem,
        line=line,
        column=cause.column,
        end_line=line,
        end_column=cause.column + cause.width,
        message=cause.message,
        hint=cause.hint,
    )


def _find_cut_brackets(text: str) -> _Cause | None:
    """A # inside { } or [ ] takes the closing bracket with it; YAML misses it lines later."""
    found = _CUT.search(text)
    if found is None:
        return None
    before = re.sub(r"\"[^\"]*\"|'[^']*'", "", text[: found.start()])
    if sum(map(before.count, "{[")) <= sum(map(before.count, "}]")):
        return None
    message = "the rest of the line is a comment, its closing bracket too"
    return _Cause(message=message, hint=f'quote it: "{found[1]}"', column=found.start(1) + 1, width=len(found[1]))


def _suspects(line: int, lines: Sequence[str]) -> Iterator[int]:
    """The line of the error and the last line before it that says something."""
    if 1 <= line <= len(lines):
        yield line
    for number in range(min(line - 1, len(lines)), 0, -1):
        if lines[number - 1].strip() and not lines[number - 1].lstrip().startswith("#"):
            yield number
            return


def _find_cause(text: str) -> _Cause | None:
    cause = _find_tab(text)
    if cause is not None or text.lstrip().startswith("#"):
        return cause
    entry = _ENTRY.match(text)
    if entry is None:
        return _find_turned(text) or _find_glued(text)
    line = _Line(lead=entry["lead"], key=entry["key"], value=entry["value"], column=entry.start("value") + 1)
    return next((cause for find in _FINDERS if (cause := find(line)) is not None), None)


def _find_tab(text: str) -> _Cause | None:
    indent = text[: len(text) - len(text.lstrip())]
    if "\t" not in indent or not text.strip():
        return None
    hint = "indent with spaces, two for each level"
    width = indent.count("\t")
    return _Cause(message="a tab cannot indent in YAML", hint=hint, column=indent.index("\t") + 1, width=width)


def _find_turned(text: str) -> _Cause | None:
    """`- "Done" == job.status`, a line of a list that begins with its text."""
    found = _TURNED.match(text)
    if found is None:
        return None
    message = "YAML ends the value at the second quote; a condition starts with a fact, never with text"
    hint = f"turn it round: - {found['fact']} {_TURNS.get(found['sign'], found['sign'])} {found['text']}"
    return _Cause(message=message, hint=hint, column=found.start("text") + 1, width=len(found["text"]))


def _find_glued(text: str) -> _Cause | None:
    glued = _GLUED.match(text)
    if glued is None:
        return None
    hint = f"write {glued[1]}: {glued[2]}"
    message, width = "a space is missing after the colon", len(glued[2].rstrip())
    return _Cause(message=message, hint=hint, column=glued.end(1) + 2, width=max(width, 1))


def _find_template(line: _Line) -> _Cause | None:
    if not line.value.startswith("{{"):
        return None
    return _fixed(line, "YAML reads {{ as a map: quote a template", _in_quotes(_uncommented(line.value)))


def _find_text_first(line: _Line) -> _Cause | None:
    found = _QUOTED_FIRST.match(line.value)
    if found is None or line.value[found.end() :].lstrip().startswith("#"):
        return None
    turned = _TEXT_IN.fullmatch(line.value)
    if line.key in _CONDITION_KEYS or turned:
        example = f"{turned[2]} contains {turned[1]}" if turned else 'job.name == "text"'
        message = "YAML ends the value at the second quote; a condition starts with a fact, never with text"
        return _fixed(line, message, example)
    return _fixed(line, "YAML ends the value at the second quote", _in_quotes(line.value))


def _find_apostrophe(line: _Line) -> _Cause | None:
    if not re.match(r"'(?:[^']|'')*'(?!')\s*[^\s#,}\]]", line.value):
        return None
    inside = line.value.strip("'").replace("''", "'")
    return _fixed(line, "YAML ends the value at the second quote", _in_quotes(inside))


def _find_sign(line: _Line) -> _Cause | None:
    meanings = {"*": "an alias", "!": "a tag", "&": "an anchor", "@": "an error", "`": "an error", "%": "a directive"}
    meaning = meanings.get(line.value[0])
    if meaning is None:
        return None
    sign = line.value[0]
    if line.key in _CONDITION_KEYS:
        message = f"a condition starts with a fact, not with {sign}"
        return _fixed(line, message, f"not {line.value[1:]} exists" if sign == "!" else "job.id exists")
    return _fixed(line, f"in YAML a value that begins with {sign} is {meaning}", _in_quotes(_uncommented(line.value)))


def _find_folded(line: _Line) -> _Cause | None:
    if line.value[0] not in ">|" or re.fullmatch(r"[>|][-+0-9]*", _uncommented(line.value)):
        return None
    if line.key in _CONDITION_KEYS:
        message = "a condition starts with a fact; YAML reads > as the beginning of a long text"
        return _fixed(line, message, f"job.total {_uncommented(line.value)}")
    return _fixed(line, f"YAML reads {line.value[0]} as the beginning of a long text", _in_quotes(line.value))


def _find_flow(line: _Line) -> _Cause | None:
    """A map in braces whose condition, reference or template has signs of its own."""
    if not line.value.startswith("{"):
        return None
    message = "in { } quote the condition, or write the keys below each other"
    fixes: tuple[Callable[[str], str], ...] = (
        _quote_colons,
        _quote_templates,
        _quote_stars,
        _quote_keys,
        _quote_when,
    )
    fixed = line.value
    for fix in fixes:
        fixed = fix(fixed)
        if fixed != line.value and _reads(line.rewritten(fixed)):
            changed, width = _find_change(line.value, fixed)
            if fix is _quote_templates:
                message = "YAML reads {{ as a map: quote a template"
            elif fix is _quote_stars:
                message = "in YAML a value that begins with * is an alias"
            elif fix is _quote_colons:
                message = "YAML reads the second ': ' as another key: quote the whole value"
            elif fix is _quote_keys:
                message = "in { } a key with brackets is quoted"
            hint = f"write {line.rewritten(fixed)}"
            return _Cause(message=message, hint=hint, column=line.column + changed, width=width)
    return None


def _find_change(before: str, after: str) -> tuple[int, int]:
    """Where quotes were put around a part of a text, and how long the first such part is."""
    start = next(n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    end = after.index(after[start], start + 1)
    return start, end - start - 1


def _quote_when(value: str) -> str:
    return _FLOW_WHEN.sub(lambda m: "when: " + _in_single_quotes(m["condition"]) + m["close"], value)


def _quote_templates(value: str) -> str:
    return _FLOW_TEMPLATE.sub(r'"\1"', value)


def _quote_stars(value: str) -> str:
    return _FLOW_STAR.sub(r'"\1"', value)


def _quote_keys(value: str) -> str:
    return _FLOW_KEY.sub(r'"\1"', value)


def _quote_colons(value: str) -> str:
    """The last value in braces, where it holds a `: ` of its own; which brace ends it, reading it shows."""
    entry = _FLOW_COLON.search(value)
    if entry is None:
        return value
    for closing in re.finditer(r"(?=(\s*\}[\s}]*)$)", value[entry.start("value") :]):
        inside = entry["value"][: closing.start()]
        fixed = f"{value[: entry.start('value')]}{_in_quotes(inside)}{closing[1]}"
        if inside.count("{") == inside.count("}") and _reads(f"x: {fixed}"):
            return fixed
    return value


def _find_bracket(line: _Line) -> _Cause | None:
    if not re.match(r"\[[^\]]*\]\s*[^\s#,]", line.value):
        return None
    return _fixed(line, "YAML reads [ ] as a list", _in_quotes(line.value))


def _find_colon(line: _Line) -> _Cause | None:
    if line.value[0] in "\"'{[" or not re.search(r":(\s|$)", line.value):
        return None
    before = line.value.index(":")
    quoted = _in_single_quotes(line.value) if '"' in line.value else _in_quotes(line.value)
    cause = _fixed(line, "YAML reads the second ': ' as another key: quote the whole value", quoted)
    return dataclasses.replace(cause, column=line.column + before, width=len(line.value) - before)


def _find_escape(line: _Line) -> _Cause | None:
    if not re.match(r"\"(?:[^\"\\]|\\[\"\\/0abtnvferNLPxuU _])*\\[^\"\\/0abtnvferNLPxuU _]", line.value):
        return None
    inside = line.value[1:-1] if line.value.endswith('"') else line.value[1:]
    return _fixed(line, "a backslash in double quotes begins an escape", _in_single_quotes(inside))


_FINDERS: tuple[Callable[[_Line], _Cause | None], ...] = (
    _find_template,
    _find_escape,
    _find_text_first,
    _find_apostrophe,
    _find_sign,
    _find_folded,
    _find_flow,
    _find_bracket,
    _find_colon,
)


def _fixed(line: _Line, message: str, value: str) -> _Cause:
    return _Cause(message=message, hint=f"write {line.rewritten(value)}", column=line.column, width=len(line.value))


def _reads(text: str) -> bool:
    return not read_yaml(text, path="").all_problems


def _in_quotes(text: str) -> str:
    if '"' in text or "\\" in text:
        return _in_single_quotes(text)
    return f'"{text}"'


def _in_single_quotes(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _uncommented(value: str) -> str:
    return re.sub(r"\s+#\s.*$", "", value)


def _explain_duplicate(problem: Problem, lines: Sequence[str]) -> Problem:
    """A key twice in one step is mostly a forgotten dash."""
    if not 1 <= problem.line <= len(lines):
        return problem
    for number in range(problem.line - 1, 0, -1):
        text = lines[number - 1]
        if text[problem.column - 1 :].strip() and text[: problem.column - 1].strip() == "-":
            return dataclasses.replace(problem, hint="keep one of them, or start a new step with '-'")
        if text.strip() and len(text) - len(text.lstrip()) < problem.column - 1:
            break
    return problem


def _explain_structure(said: str) -> tuple[str, str | None]:
    """The reader's own sentences in plainer words."""
    if "end of stream" in said or "',' or" in said:
        return "a quote or bracket is not closed", "look for the first one without its other half"
    if "expected key" in said or "'-' indicator" in said:
        return "this line fits nowhere", "its indentation is that of no line above it"
    if "mapping values" in said:
        return "a key does not fit here", "the line above it lacks its colon, or this one is indented too far"
    if "expected node content" in said:
        return "a value is missing here", "write one, and close what is opened: [ ], { }"
    if "expected ':'" in said:
        return "a key without a value", "write key: value"
    return f"this is not YAML: {said}", None


def explain_comment(text: str, column: int) -> str | None:
    """The hint for a value that a comment swallowed: everything from `#`, in quotes."""
    found = _COMMENT.search(text, max(column - 2, 0))
    if found is None:
        return None
    key = re.match(r"\s*(?:-\s+)*([\w.]+):", text)
    label = f"{key[1]}: " if key else ""
    before = text[key.end() :].strip() if key else ""
    whole = before if before and not before.startswith("#") else found[1]
    quoted = _in_single_quotes(_quote_number_sign(whole)) if label == "when: " else _in_quotes(whole)
    return f"the rest of the line is a comment; quote it: {label}{quoted}"


def _quote_number_sign(condition: str) -> str:
    return re.sub(r"(#\S+)\s*$", r'"\1"', condition)
