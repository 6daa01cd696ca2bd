"""`autoflow fmt`: rule files in canonical form, written only where that changes something, and all at once."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, settings_for

if TYPE_CHECKING:
    from autoflow.model.problem import Problem

HELP = help_text(
    "Write rule files in canonical form: one spelling, keys in their order, two spaces a level, quotes around words "
    "that other YAML tools misread. Comments stay, the meaning stays; a file with errors is left alone.",
    "autoflow fmt                             # the rules of the config",
    "autoflow fmt rules/jobs new.yaml",
    "autoflow fmt --check                     # for CI: 1 where a file would change",
    "autoflow fmt --diff",
    "autoflow fmt - < rule.yaml               # to standard output",
)
STDIN = "-"


class _File(NamedTuple):
    """What comes of one file."""

    path: str
    before: str
    after: str
    problems: tuple[Problem, ...] = ()
    #: where it is written to
    place: Path | None = None

    @property
    def changes(self) -> bool:
        return self.before != self.after


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fmt", help=HELP, short_help="Write rule files in canonical form", rich_help_panel="Know before")(fmt)


def fmt(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files, directories, - for stdin. Default: the config's rules."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 where a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
    stdin_filename: Annotated[
        str | None, typer.Option("--stdin-filename", metavar="NAME", help="The file that standard input stands for.")
    ] = None,
    json_: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Rule files in canonical form."""
    from autoflow.errors import UsageError

    if paths and Path(STDIN) in paths:
        if len(paths) > 1:
            raise UsageError("- stands alone", hint="standard input is one text")
        content = sys.stdin.buffer.read()
        files = [_format_text(stdin_filename or _name_of(content), content, None)]
        if not (check or diff or json_):
            _write_stdout(files[0])
    else:
        files = list(_format_all(paths or [settings_for(config).rules]))
        if not (check or diff):
            for file in files:
                _write(file)
    _report(files, check=check, diff=diff, as_json=json_, piped=bool(paths) and paths == [Path(STDIN)])
    failed = any(file.problems for file in files)
    sys.exit(1 if failed or (check and any(file.changes for file in files)) else 0)


def _name_of(content: bytes) -> str:
    """What standard input may be called: JSON is to stay JSON."""
    import json

    try:
        return "stdin.json" if isinstance(json.loads(content), dict) else "stdin.yaml"
    except ValueError:
        return "stdin.yaml"


def _format_all(paths: Sequence[Path]) -> Iterator[_File]:
    from autoflow.cli.output import tell
    from autoflow.cli.progress import show_progress
    from autoflow.errors import UsageError
    from autoflow.rules.source import TEST_ENDINGS, find_files, show_path

    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no file or directory {path}", hint="name rule files or directories")
    found = [file for path in paths for file in (find_files(path) if path.is_dir() else (path,))]
    places = {Path(os.path.realpath(file)): file for file in reversed(found)}  # of two names for one file the first
    with show_progress("reading rules"):
        for place, file in sorted(places.items(), key=lambda pair: found.index(pair[1])):
            if file.name.endswith(TEST_ENDINGS):
                tell(f"{show_path(file)}: a scenario, left as it is")
            else:
                yield _format_text(show_path(file), _read(file), place)


def _read(path: Path) -> bytes:
    from autoflow.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _format_text(path: str, content: bytes, place: Path | None) -> _File:
    from autoflow.rules.formatting import format_text
    from autoflow.strict_yaml import decode_text

    text = decode_text(content, path=path)
    if not isinstance(text, str):
        return _File(path, "", "", (text,))
    formatted = format_text(text, path)
    before = content.decode("utf-8")  # a byte order mark is a difference
    after = before if formatted.problems else formatted.text
    return _File(path, before, after, formatted.problems, place)


def _write_stdout(file: _File) -> None:
    sys.stdout.buffer.write(file.after.encode())
    sys.stdout.buffer.flush()


def _write(file: _File) -> None:
    """In the place of the old file at once, with its mode and owner; a link goes on pointing to it."""
    if not file.changes or file.place is None:
        return
    from autoflow.errors import UsageError

    if not os.access(file.place, os.W_OK):
        raise UsageError(f"cannot write {file.path}: it is read-only")
    known = file.place.stat()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.place.name}.", dir=file.place.parent)
    except OSError as error:
        raise UsageError(f"cannot write {file.path}: {error.strerror}") from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(file.after.encode())
            os.fchmod(stream.fileno(), known.st_mode & 0o7777)
            if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
                os.fchown(stream.fileno(), known.st_uid, known.st_gid)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file.place)
    except OSError as error:
        raise UsageError(f"cannot write {file.path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _report(files: Sequence[_File], *, check: bool, diff: bool, as_json: bool, piped: bool) -> None:
    from autoflow.cli.output import print_json, print_text

    if as_json:
        print_json({"schema_version": 1, "items": [_as_item(file, written=not (check or diff)) for file in files]})
        return
    texts = {file.path: file.before for file in files}
    _show_problems([problem for file in files for problem in file.problems], texts)
    changed = [file for file in files if file.changes]
    if diff:
        _print_diffs(changed)
    elif not piped:
        for file in changed:
            print_text(file.path)
    if not piped:
        _say_counts(files, changed, written=not (check or diff))


def _show_problems(problems: Sequence[Problem], texts: Mapping[str, str]) -> None:
    if not problems:
        return
    from autoflow.cli.formats.text import STYLES
    from autoflow.cli.output import paint, tell
    from autoflow.rules.report import render_problem

    for problem in problems:
        head, _, rest = render_problem(problem, texts.get(problem.path)).partition("\n")
        tell(paint(head, STYLES[problem.severity], sys.stderr) + (f"\n{rest}" if rest else "") + "\n")


def _say_counts(files: Sequence[_File], changed: Sequence[_File], *, written: bool) -> None:
    from autoflow.cli.output import tell

    failed = sum(1 for file in files if file.problems)
    rest = len(files) - len(changed) - failed
    parts = [f"{len(changed)} {'formatted' if written else 'would change'}", f"{rest} in canonical form already"]
    tell(", ".join(parts + ([f"{failed} left alone"] if failed else [])))


def _print_diffs(files: Sequence[_File]) -> None:
    """All of them; the runner of GitHub Actions takes no orders from what stands in the files."""
    import secrets

    from autoflow.cli.formats.github import close_shield, open_shield
    from autoflow.cli.output import print_text

    token = secrets.token_hex(16) if files and os.environ.get("GITHUB_ACTIONS") == "true" else None
    if token is not None:
        print_text(open_shield(token))
    for file in files:
        _print_diff(file)
    if token is not None:
        print_text(close_shield(token))


def _print_diff(file: _File) -> None:
    from difflib import unified_diff

    from autoflow.cli.output import paint, print_text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    before, after = file.before.splitlines(), file.after.splitlines()
    for line in unified_diff(before, after, file.path, file.path, lineterm=""):
        print_text(paint(line, styles.get(line[:1], "")))


def _as_item(file: _File, *, written: bool) -> dict[str, Any]:
    from autoflow.rules.report import problem_to_json

    return {
        "path": file.path,
        "changed": file.changes,
        "written": file.changes and written and file.place is not None,
        "problems": [problem_to_json(problem) for problem in file.problems],
    }
