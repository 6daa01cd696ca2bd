"""`autoflow init`: a folder that can be run at once. What is there already is never touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from autoflow import __version__
from autoflow.cli.help import help_text
from autoflow.cli.options import JsonOption

HELP = help_text(
    "A folder to begin with: a config, a rule with its test and its message, an event to try it, schemas for "
    "editors, a git hook and a GitHub workflow. Files that are there already are named and left alone.",
    "autoflow init                            # here",
    "autoflow init automations",
)
STARTER = Path(__file__).with_name("starter")
EXAMPLE = "examples/customer.json"
IGNORED = "state/"
FILES = {
    "config.yaml": "config.yaml",
    "rules/welcome.yaml": "rule.yaml",
    "rules/welcome.test.yaml": "test.yaml",
    "templates/welcome.txt": "template.txt",
    EXAMPLE: "event.json",
    ".gitignore": "gitignore",
}
"""Where each file goes, and what it is called in the package."""

AT_THE_ROOT = {".githooks/pre-commit": "pre-commit", ".github/workflows/autoflow.yml": "workflow.yml"}
"""What is looked for at the root of a repository only."""


class _File(NamedTuple):
    """One file of the folder."""

    path: str
    created: bool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init", help=HELP, short_help="Make a folder to begin with", rich_help_panel="Run")(init)


def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Made where it is not there.")] = Path(),
    json_: JsonOption = False,
) -> None:
    """A folder that can be run at once."""
    from autoflow.errors import UsageError

    root = _repository_of(directory.absolute())
    inside = root is not None and root != directory.resolve()
    try:
        files = [_write(directory, path, text) for path, text in _texts(inside=inside)]
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename}: {error.strerror}", hint="name a directory that can be written"
        ) from error
    if json_:
        from autoflow.cli.output import print_json

        print_json({"schema_version": 1, "items": [file._asdict() for file in files]})
        return
    _tell(directory, files, root, inside=inside)


def _texts(*, inside: bool) -> Iterator[tuple[str, str]]:
    """Every file with what stands in it. Inside of another repository nobody would look at some of them."""
    import json

    from autoflow.cli.schemas import SCHEMAS, make_schema

    for path, name in (FILES if inside else {**FILES, **AT_THE_ROOT}).items():
        yield path, (STARTER / name).read_text().replace("==VERSION", f"=={__version__}")
    for kind in SCHEMAS:
        yield f".autoflow/{kind}.schema.json", json.dumps(make_schema(kind), indent=2, ensure_ascii=False) + "\n"


def _write(directory: Path, path: str, text: str) -> _File:
    place = directory / path
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        return _File(path, created=False)
    if text.startswith("#!"):
        place.chmod(place.stat().st_mode | 0o111)
    return _File(path, created=True)


def _repository_of(directory: Path) -> Path | None:
    """The root of the git repository around a directory."""
    place = directory.resolve()
    return next((folder for folder in (place, *place.parents) if (folder / ".git").exists()), None)


def _tell(directory: Path, files: Sequence[_File], root: Path | None, *, inside: bool) -> None:
    """The files on standard output; what to do next on standard error."""
    from autoflow.cli.output import print_text, tell

    for file in files:
        print_text(f"{'created' if file.created else 'kept   '}  {directory / file.path}")
    ignore = directory / ".gitignore"
    if not ignore.is_file() or IGNORED not in ignore.read_text(errors="replace").splitlines():
        tell(f"\n{ignore} does not name {IGNORED}: add it, for that is no text to keep in git")
    if inside:
        tell(f"\nThe git hook and the workflow belong to the root of the repository, {root}: see docs/ci.md")
    elif root is not None:
        tell("\nTo check rules before each commit: git config core.hooksPath .githooks")
    steps = [] if directory.resolve() == Path.cwd() else [f"cd {directory}"]
    steps += ["autoflow test", "autoflow run", f"autoflow emit customer.created --data @{EXAMPLE}"]
    notes = {steps[-2]: "Ctrl-C ends it", steps[-1]: "in a second terminal"}
    width = max(map(len, steps))
    tell("\nNext:")
    for step in steps:
        tell(f"  {step:<{width}}  # {notes[step]}" if step in notes else f"  {step}")
    tell("What it sends is a file in state/outbox/.")
