"""Rules as a command is given them: files, directories, or a text on standard input, against the config's names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoflow.model.problem import Problem
    from autoflow.rules.loaded import Loaded
    from autoflow.rules.source import FileText
    from autoflow.settings import Settings

STDIN = Path("-")
NAMELESS = "stdin.yaml"
"""What a text is called that has no name."""


def load_rules(settings: Settings, paths: Sequence[Path] | None, text: FileText | None = None) -> Loaded:
    """The rules at these paths, checked against the config's notifiers and templates.

    A text takes the place of the file of its name among them.
    """
    from autoflow.cli.progress import show_progress
    from autoflow.errors import UsageError
    from autoflow.rules.loaded import Loaded, make_context
    from autoflow.rules.loader import Loader, list_files
    from autoflow.rules.source import is_test_file, read_file
    from autoflow.templates import TemplateLibrary

    wanted = list(_choose_paths(settings, paths, text))
    for path in wanted:
        if not path.exists():
            raise UsageError(f"there is no file or directory {path}", hint="name rule files or directories")
    root = wanted[0] if len(wanted) == 1 and wanted[0].is_dir() else None
    with show_progress("reading rules") as progress:
        library = TemplateLibrary.load(settings.templates)
        context = make_context(settings.notifiers, library, make_url_check(settings))
        sources = [read_file(path, root) for path in list_files(wanted) if not is_test_file(path.name)]
        if text is not None:
            sources = [*(source for source in sources if source.path != text.path), text]
        progress.total = 2 * len(sources)  # each is read, and then built
        return Loaded(result=Loader(progress.step).load(sources, context), library=library, context=context)


def find_test_problems(loaded: Loaded, settings: Settings, paths: Sequence[Path] | None) -> Sequence[Problem]:
    """What is wrong in scenario files and in the tests inside rules; their reader is imported with the first one."""
    from autoflow.rules.source import find_paths, is_test_file

    wanted: list[Path] = []
    for path in paths or [settings.rules]:
        if path.is_dir():
            wanted += map(Path, find_paths(path, is_test_file))
        elif is_test_file(path.name):
            wanted.append(path)
    wanted += [path for path in map(Path, loaded.result.tested) if path.exists()]  # a text has no file
    if not wanted:
        return ()
    from autoflow.testing.reader import read_scenarios

    return read_scenarios(wanted, timezone=settings.timezone).problems


def _choose_paths(settings: Settings, paths: Sequence[Path] | None, text: FileText | None) -> Sequence[Path]:
    """Where rules are looked for: with a text alone, nowhere else."""
    if paths:
        return [path for path in paths if path != STDIN]
    return [] if text is not None else [settings.rules]


def read_stdin(name: str | None) -> FileText:
    """The text on standard input, as the file of that name."""
    from autoflow.rules.source import make_text, show_path

    shown = "<stdin>" if name is None else show_path(Path(name))
    return make_text(sys.stdin.buffer.read(), shown, name=NAMELESS if name is None else shown)


def make_url_check(settings: Settings) -> Callable[[str], None]:
    """Whether rules may send to a URL; the network's modules are imported with the first one."""

    def check(url: str) -> None:
        from autoflow.security.egress import EgressGuard

        EgressGuard(settings.egress.allow, require_https=settings.egress.require_https).check_written(url)

    return check
