"""What a rule is checked against: the actions there are, and what the config and its templates name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from autoflow.actions.types import ActionType


class LoadContext(NamedTuple):
    """What the loader knows beside the files."""

    #: by name and by accepted spelling
    action_types: Mapping[str, ActionType]
    #: a notifier's name in the config, and the action it serves; empty: not checked
    notifiers: Mapping[str, str]
    #: names of templates without their endings; None: not checked
    templates: frozenset[str] | None = None
    #: raises TemplateError for a template that cannot be compiled; None: not checked
    check_template: Callable[[str], None] | None = None
    #: raises EgressError for an address that is never sent to; None: not checked
    check_url: Callable[[str], None] | None = None
