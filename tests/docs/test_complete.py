"""What there is stands in the docs: commands, options, codes, metrics, log events, routes, exit codes."""

import ast
import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from starlette.routing import Route

from autoflow import errors
from autoflow.actions.kinds import ALL_TYPES
from autoflow.cli.commands import make_app
from autoflow.matching.operators import OPERATORS
from autoflow.observe.metrics import Metrics
from autoflow.observe.sentences import SENTENCES
from autoflow.settings.keys import KEYS
from autoflow.store.sqlite.store import SqliteStore
from autoflow.web.api import COLLECTIONS, Backend, make_api
from support.documents import ROOT, read_section

DOCS = ROOT / "docs"
SHARED_OPTIONS = "Options of many commands"
ROOT_OPTIONS = ("--version", "--install-completion", "--show-completion")


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Sequence[object]]]:
    """Every command with its words and its parameters."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command.params  # type: ignore[attr-defined]  # a command has them
        return
    for name, child in children.items():
        if not getattr(child, "hidden", False):
            yield from commands(child, (*path, name))


ALL_COMMANDS = list(commands(typer.main.get_command(make_app())))


def test_commands_are_found_at_all() -> None:
    """The walk over the commands finds them; otherwise the tests below hold nothing."""
    assert {("run",), ("emit",), ("pending", "run-now")} <= {path for path, _ in ALL_COMMANDS}


def test_every_command_is_documented() -> None:
    """Each command, and each verb of a group, is named in the section of commands.md that bears its name."""
    missing = []
    for path, _ in ALL_COMMANDS:
        try:
            section = read_section(DOCS / "commands.md", f"autoflow {path[0]}")
        except KeyError:
            missing.append(" ".join(path))
            continue
        if len(path) > 1 and f"{path[0]} {path[1]}" not in section:
            missing.append(" ".join(path))
    assert missing == []


def test_every_option_is_documented() -> None:
    """Each option stands in its command's section, or among those that many commands have."""
    shared = read_section(DOCS / "commands.md", SHARED_OPTIONS)
    missing = []
    for path, params in ALL_COMMANDS:
        try:
            section = read_section(DOCS / "commands.md", f"autoflow {path[0]}")
        except KeyError:
            continue  # told by the test above
        for param in params:
            names = [name for name in param.opts if name.startswith("-")]  # type: ignore[attr-defined]  # a parameter has them
            if not all(f"`{name}`" in shared or f"`{name}`" in section for name in names):
                missing.append(f"{' '.join(path)} {'/'.join(names)}")
    page = (DOCS / "commands.md").read_text()
    assert missing == []
    assert [name for name in ROOT_OPTIONS if name not in page] == []


def test_every_exit_code_is_documented() -> None:
    """Each code that an error ends a command with stands in the table."""
    table = read_section(DOCS / "commands.md", "Exit codes")
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AutoflowError)
    ]
    assert [kind.__name__ for kind in kinds if f"| {kind.exit_code} |" not in table] == []


def test_every_code_is_documented() -> None:
    """Each AF code of the source has its line in codes.md, and no line there is for a code that is gone."""
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r"AF\d{3}", source))
    # What is refused before there is a request has its status for a code.
    used |= {f"AF{status}" for status in re.findall(r"(?:refuse|_WrongRequestError)\((\d{3})", source)}
    told = set(re.findall(r"^\| \[?(AF\d{3})\b", (DOCS / "codes.md").read_text(), re.MULTILINE))
    assert sorted(used ^ told) == []


def test_every_metric_is_documented_with_its_labels() -> None:
    """Each metric has its row, with every label in it."""
    lines = re.findall(r"^\| (`autoflow_.+?) \|(.*)$", read_section(DOCS / "running.md", "Metrics"), re.MULTILINE)
    rows = {name: line for names, line in lines for name in re.findall(r"`(\w+)`", names)}
    missing = []
    for collector in Metrics().registry._collector_to_names:
        [family] = collector.describe()  # type: ignore[attr-defined]  # each of ours describes itself
        name = f"{family.name}_total" if family.type == "counter" else family.name
        row = rows.get(name, "")
        labels = [label for label in collector._labelnames if f"`{label}`" not in row]  # type: ignore[attr-defined]  # no public name
        if name not in rows or labels:
            missing.append(f"{name} {labels}")
    assert missing == []


def test_every_log_event_is_documented() -> None:
    """Each event name that is logged has its row, with the sentence that goes with it."""
    table = read_section(DOCS / "running.md", "Logs")
    rows = dict(re.findall(r"^\| `([\w.]+)` \| .+? \| (.+) \|$", table, re.MULTILINE))
    assert rows == dict(SENTENCES)


def test_every_log_event_is_told_with_its_level() -> None:
    """The level in the table is the one that the source logs it with."""
    table = read_section(DOCS / "running.md", "Logs")
    told = {
        name: set(words.split(", ")) for name, words in re.findall(r"^\| `([\w.]+)` \| (.+?) \|", table, re.MULTILINE)
    }
    said: dict[str, set[str]] = {}
    for path in (ROOT / "src").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            name = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
            if name in told and ast.unparse(call.func.value) == "log":
                said.setdefault(str(name), set()).add(call.func.attr)
    assert len(said) > 20
    assert {name: levels for name, levels in said.items() if levels != told[name]} == {}


def test_every_route_is_documented(tmp_path: Path) -> None:
    """Each route of the API, and each filter of its collections, stands in events.md."""
    section = read_section(DOCS / "events.md", "Looking and acting over HTTP")
    with contextlib.closing(SqliteStore(tmp_path / "autoflow.db")) as store:
        routes = [route for route in make_api(Backend(store=store)).routes if isinstance(route, Route)]
    assert len(routes) > len(COLLECTIONS)
    items = {f"/v1/{name}/{{id}}" for name in COLLECTIONS}  # said once for all of them
    paths = [route.path.replace(":whole", "") for route in routes]
    assert [path for path in paths if path not in items and f"{path}`" not in section] == []
    filters = {name for collection in COLLECTIONS.values() for name in collection.filters}
    assert sorted(name for name in filters if f"`{name}`" not in section) == []


def test_every_config_key_is_documented() -> None:
    """Each key stands in configuration.md."""
    page = (DOCS / "configuration.md").read_text()
    assert [name for name in KEYS if f"`{name}`" not in page] == []


def test_every_operator_is_documented() -> None:
    """Each operator stands in conditions.md."""
    page = (DOCS / "conditions.md").read_text()
    assert [name for name in OPERATORS if f"`{name}`" not in page] == []


def test_every_action_and_parameter_is_documented() -> None:
    """Each action has its section in actions.md, with each of its parameters."""
    page = (DOCS / "actions.md").read_text()
    missing = []
    for kind in ALL_TYPES:
        found = re.search(rf"^## {kind.name}\b.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        section = found[0] if found else ""
        missing += [f"{kind.name}.{param.name}" for param in kind.params if f"`{param.name}`" not in section]
    assert missing == []
