"""The settings of a config file, the environment and flags; where none of them says a thing, the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from autoflow.model.json import Json
from autoflow.settings.values import PREFIX, Settings


def load_settings(
    path: Path | None, *, overrides: Mapping[str, Json] | None = None, environ: Mapping[str, str]
) -> Settings:
    """The settings of a config file, the environment and flags. ConfigError holds every problem at once.

    `overrides` are flags by dotted key (`{"http.listen": "none"}`) or nested, and win over all else; those
    that are None were not given. Relative paths start from the file's folder, or from here where there is none.
    """
    here = Path.cwd()
    if path is None and not overrides and not any(name.startswith(PREFIX) for name in environ):
        return Settings(rules=here / "rules", templates=here / "templates", state=here / "state")
    from autoflow.settings.reading import read_settings  # a tenth of a command that only checks rules

    return read_settings(path, overrides or {}, environ, here)
