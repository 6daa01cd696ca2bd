"""The config: `sources` reads file, environment and flags, `keys` and `notifiers` say what may stand in them.

`reading` brings them together into a `Settings`, which everybody else is handed by `load`.
"""

from autoflow.settings.load import load_settings
from autoflow.settings.values import EgressSettings, EventFiles, HttpSettings, Limits, Retention, Settings

__all__ = [
    "EgressSettings",
    "EventFiles",
    "HttpSettings",
    "Limits",
    "Retention",
    "Settings",
    "load_settings",
]
