"""Options that several commands share, and the settings they lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from autoflow.settings import Settings

DEFAULT_CONFIG = Path("config.yaml")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="AUTOFLOW_CONFIG", help="The config file. Default: ./config.yaml where there is one."
    ),
]
StateOption = Annotated[
    Path | None, typer.Option("--state", help="The state directory. Default: what the config says, else ./state.")
]
RulesOption = Annotated[
    Path | None, typer.Option("--rules", help="The rules directory. Default: what the config says, else ./rules.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings_for(
    config: Path | None, *, state: Path | None = None, rules: Path | None = None, listen: str | None = None
) -> Settings:
    """The settings that these flags, the environment and the config file lead to."""
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
    return load_settings(config, overrides=overrides, environ=os.environ)
