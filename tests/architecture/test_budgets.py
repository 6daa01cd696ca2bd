"""How large and how nested code may be, and how files and names read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "autoflow").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MAX_FILE_LINES = 500
MAX_BODY_LINES = 40
MAX_ARGUMENTS = 6
MAX_NESTING = 3

BANNED = ("manager", "helper", "utils", "common", "misc", "service", "processor", "data", "info")
NEVER = ("execution", "job", "workflow", "payload", "task")
"""Words that other tools use for ideas that have another name here."""

# The webhook parameter is called payload, and asyncio calls its tasks so.
FOREIGN = re.compile(r"payload|asyncio|create_task|TaskGroup|_task(s)?$|^task(s)?$")

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTING = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def where(path: Path, line: int | None = None) -> str:
    """A place for a message."""
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def body_lines(function: Function) -> int:
    """Lines of a body, without signature, docstring and the functions inside it, which count for themselves.

    A body that is one expression is a table, however many rows it has.
    """
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body or (len(body) == 1 and isinstance(body[0], ast.Return)):
        return 0
    inner = [node for node in body if isinstance(node, Function)]
    inside = sum(
        (node.end_lineno or 0) - min([node.lineno, *(d.lineno for d in node.decorator_list)]) + 1 for node in inner
    )
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 - inside


def nesting(nodes: list[ast.stmt], depth: int = 0) -> int:
    """How deep statements stand inside each other; an elif is no deeper than its if."""
    deepest = depth
    for node in nodes:
        if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            inner = [nesting(node.body, depth + 1), nesting(node.orelse, depth)]
        elif isinstance(node, _NESTING):
            parts = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            parts += [handler.body for handler in getattr(node, "handlers", [])]
            parts += [case.body for case in getattr(node, "cases", [])]
            inner = [nesting(part, depth + 1) for part in parts if part]
        else:
            inner = []
        deepest = max([deepest, *inner])
    return deepest


def words_of(name: str) -> list[str]:
    """The words in a name: `RunBook` and `run_book` are run and book."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def test_there_is_something_to_look_at() -> None:
    """The other tests of this file would hold of an empty tree."""
    assert len(SOURCES) > 50
    assert len(TESTS) > 20


def test_a_file_is_at_most_500_lines() -> None:
    """A file that grows beyond that holds two ideas."""
    long = [(where(path), n) for path in SOURCES if (n := len(path.read_text().splitlines())) > MAX_FILE_LINES]
    assert long == []


def test_a_body_is_at_most_40_lines() -> None:
    """A function's body fits a screen."""
    long = [
        (where(path, function.lineno), function.name, n)
        for path in SOURCES
        for function in functions(path)
        if (n := body_lines(function)) > MAX_BODY_LINES
    ]
    assert long == []


def test_nothing_nests_deeper_than_three() -> None:
    """What is deeper becomes a function with a name."""
    deep = [
        (where(path, function.lineno), function.name, n)
        for path in SOURCES
        for function in functions(path)
        if (n := nesting(function.body)) > MAX_NESTING
    ]
    assert deep == []


def test_a_function_takes_at_most_six_arguments() -> None:
    """More than that becomes a dataclass; commands are called by flags, and constructors are wiring."""
    many = []
    for path in SOURCES:
        if "cli" in path.parts:
            continue
        for function in functions(path):
            arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            count = sum(1 for argument in arguments if argument.arg not in ("self", "cls"))
            if count > MAX_ARGUMENTS and function.name != "__init__":
                many.append((where(path, function.lineno), function.name, count))
    assert many == []


def test_names_of_files_and_classes_say_what_is_in_them() -> None:
    """Words that fit everything say nothing."""
    bad = [where(path) for path in SOURCES if set(words_of(path.stem)) & set(BANNED)]
    for path in SOURCES:
        bad.extend(
            f"{where(path, node.lineno)} {node.name}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ClassDef) and set(words_of(node.name)) & set(BANNED)
        )
    assert bad == []


def test_our_own_ideas_have_our_own_words() -> None:
    """No function or class is named with a word for which the glossary has another."""
    bad = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if set(words_of(node.name)) & set(NEVER) and not FOREIGN.search(node.name):
                bad.append(f"{where(path, node.lineno)} {node.name}")
    assert bad == []


def test_each_file_opens_with_what_it_is() -> None:
    """One to six lines say which stop this is."""
    bad = []
    for path in (*SOURCES, *TESTS):
        text = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(text))
        # a file that draws a tree needs the room
        told = docstring is not None and (len(docstring.splitlines()) <= 6 or path.name == "errors.py")
        if text.strip() and not told:
            bad.append(where(path))
    assert bad == []


def test_public_things_have_a_docstring() -> None:
    """Whoever calls a function or class from elsewhere is told in a sentence what it is."""
    bad = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
        bad.extend(
            f"{where(path, node.lineno)} {node.name}"
            for node in named
            if not node.name.startswith("_") and ast.get_docstring(node) is None
        )
    assert bad == []


def test_each_test_states_its_truth() -> None:
    """A test's docstring is the sentence that it holds."""
    bad = [
        f"{where(path, function.lineno)} {function.name}"
        for path in TESTS
        for function in functions(path)
        if function.name.startswith("test_") and ast.get_docstring(function) is None
    ]
    assert bad == []


def test_no_test_sleeps() -> None:
    """Virtual time or a real answer is waited for, never a span; looking again soon for the answer is no sleep."""
    bad = [
        f"{where(path, node.lineno)} {ast.unparse(node)}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep")
        and not (isinstance(node.args[0], ast.Constant) and float(str(node.args[0].value)) <= 0.05)
    ]
    assert bad == []


def says_why(path: Path, call: ast.Call) -> bool:
    """Whether a comment stands on a call's line, or it is in a loop that looks whether something is so."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if "#" in lines[call.lineno - 1] or lines[call.lineno - 2].lstrip().startswith("#"):
        return True
    loops = [
        node
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, ast.While) and node.lineno < call.lineno <= (node.end_lineno or 0)
    ]
    return any(not isinstance(loop.test, ast.Constant) for loop in loops)


def test_each_sleep_says_what_for() -> None:
    """A comment, or the condition of the loop it is in: one without either covers up what is not understood."""
    benchmarks = [path for path in (ROOT / "benchmarks").rglob("*.py") if ".work" not in path.parts]
    assert len(benchmarks) > 10
    bare = [
        where(path, node.lineno)
        for path in (*SOURCES, *TESTS, *benchmarks)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep")
        and not says_why(path, node)
    ]
    assert bare == []


def test_switched_off_checks_give_their_reason() -> None:
    """`type: ignore` names its code, and like `noqa` it says why."""
    bad = []
    for path in (*SOURCES, *TESTS):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"# type: ignore(?!\[[a-z-]+(, ?[a-z-]+)*\]\s+#)", line) and path != Path(__file__):
                bad.append(where(path, number))
            if re.search(r"# noqa(?!: [A-Z]+\d+(, ?[A-Z]+\d+)*\s+\S)", line) and path != Path(__file__):
                bad.append(where(path, number))
    assert bad == []
