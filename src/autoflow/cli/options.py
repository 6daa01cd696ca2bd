"""Options that several commands share, and the settings they lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from autoflow.errors import ConfigError
    from autoflow.settings import Settings

DEFAULT_CONFIG = Path("config.yaml")
FLAGS = "flags"
"""What the settings call the place of a value that came from a flag."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="AUTOFLOW_CONFIG", metavar="FILE",
        help="The config. Default: ./config.yaml where there is one.",
    ),
]  # fmt: skip
StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="The state. Default: the config's, else ./state.")
]
RulesOption = Annotated[
    Path | None, typer.Option("--rules", metavar="DIR", help="The rules. Default: the config's, else ./rules.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]


def settings_for(
    config: Path | None, *, state: Path | None = None, rules: Path | None = None, listen: str | None = None
) -> Settings:
    """The settings that these flags, the environment and the config file lead to."""
    from autoflow.errors import ConfigError
    from autoflow.settings import load_settings

    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    overrides: dict[str, str] = {}
    if state is not None:
        overrides["state"] = str(state.absolute())
    if rules is not None:
        overrides["rules"] = str(rules.absolute())
    if listen is not None:
        overrides["http.listen"] = listen
    try:
        return load_settings(config, overrides=overrides, environ=os.environ)
    except ConfigError as error:
        _blame_flags(error, listen)
        raise


def check_choice(option: str, value: str | None, choices: tuple[str, ...]) -> None:
    """UsageError where an option's value is none of its choices; a near one is named."""
    if value is None or value in choices:
        return
    from difflib import get_close_matches

    from autoflow.errors import UsageError

    near = get_close_matches(value, choices, n=1)
    hint = f"did you mean {near[0]}?" if near else None
    raise UsageError(f"{option} {value}: it is one of {', '.join(choices)}", hint=hint)


def _blame_flags(error: ConfigError, listen: str | None) -> None:
    """A value that came from the command line alone is a wrong call, not a wrong config."""
    from autoflow.errors import UsageError

    if error.problems and all(problem.path == FLAGS for problem in error.problems) and listen is not None:
        problem = error.problems[0]
        raise UsageError(f"--listen {listen}: {problem.message}", hint=problem.hint) from error
