"""How a command that failed says so: one line with a stable code, its places, the next thing to do, an exit code."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from autoflow.errors import AutoflowError, IntakeError, StorageError, UsageError

_POSSIBLE = re.compile(r" \(Possible options: ([^,)]+).*\)$")

MOST = 20
"""Findings that are listed under an error; `autoflow validate` shows all of them."""


def report_error(error: Exception, *, as_json: bool = False) -> None:
    """What is wrong, where, and what to do next, on standard error; as problem+json for who asked for JSON."""
    assert isinstance(error, AutoflowError)  # noqa: S101 - everything else was wrapped before
    if as_json:
        sys.stderr.write(json.dumps(_as_problem(error), ensure_ascii=False) + "\n")
        return
    from autoflow.cli.output import paint, printable

    places = _places_of(error)
    headline = error.message.splitlines()[0] if places else error.message
    said = "\n".join(map(printable, headline.split("\n")))
    lines = [f"{paint('error', 'bold red', sys.stderr)} {error.code}: {said}"]
    lines += [f"  {printable(place)}" for place in places[:MOST]]
    if len(places) > MOST:
        lines.append(f"  and {len(places) - MOST} more")
    if error.hint:
        lines.append(f"  {error.hint}")
    sys.stderr.write("\n".join(lines) + "\n")


def exit_code_of(error: Exception) -> int:
    """The code of the contract: an event that is refused is a finding, everything else has its own."""
    if isinstance(error, IntakeError):
        return 1
    return error.exit_code if isinstance(error, AutoflowError) else AutoflowError.exit_code


def usage_error_of(error: Exception, words: Sequence[str]) -> UsageError | None:
    """What typer found wrong in the words of the command, as an error of ours; None for anything else."""
    if not hasattr(error, "format_message") or not hasattr(error, "exit_code"):
        return None
    context = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(context.get_help() + "\n")
        return UsageError("")  # the help says it all
    command = words[:1] if words and not words[0].startswith("-") else ()  # it does not always know where it was
    path = context.command_path if context is not None else " ".join(("autoflow", *command))
    message = _POSSIBLE.sub(r"; did you mean \1?", str(error.format_message()).rstrip("."))
    hint = f"see `{path} --help`"
    if path == "autoflow" and words and words[0].startswith("-"):
        hint = "options of a command stand behind it; " + hint
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def defect_of(error: Exception) -> AutoflowError:
    """An error that nobody thought of, with what a person can do about it."""
    if isinstance(error, OSError) and error.strerror:
        where = f" {error.filename}" if error.filename else ""
        doing = f"cannot use{where}" if where else "cannot read or write"
        return StorageError(f"{doing}: {error.strerror}", hint="see `autoflow doctor`")
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return AutoflowError(
        f"this is a defect of autoflow: {what}", hint="AUTOFLOW_TRACEBACK=1 shows where; please report it with that"
    )


def _places_of(error: AutoflowError) -> list[str]:
    """The findings of an error, one a line; none where its one-line message holds the only one already."""
    places = []
    for problem in getattr(error, "problems", ()):
        if isinstance(problem, tuple):
            pointer, detail = problem
            places.append(f"{pointer or 'the body'}: {detail}")
        else:
            places.append(f"{problem} ({problem.hint})" if problem.hint else str(problem))
    said = "\n" not in error.message and len(places) == 1 and places[0] in error.message
    return [] if said else places


def _as_problem(error: AutoflowError) -> dict[str, Any]:
    body = {"type": "about:blank", "title": _title_of(error), "detail": error.message, "code": error.code}
    places = _places_of(error)
    return {
        **body,
        **({"hint": error.hint} if error.hint else {}),
        **({"errors": [{"detail": place} for place in places]} if places else {}),
        "exit_code": exit_code_of(error),
    }


def _title_of(error: AutoflowError) -> str:
    """`UsageError` as words."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip().capitalize()
