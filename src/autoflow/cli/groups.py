"""Builds the commands that look and act: one description of a collection becomes `list`, `show` and its verbs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from autoflow.cli.completion import ids_of
from autoflow.cli.help import Sections, help_text
from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for
from autoflow.cli.table import Column

MOST = 200
LimitOption = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=MOST, help="How many at most.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every one, however many there are.")]
CursorOption = Annotated[
    str | None, typer.Option("--cursor", metavar="CURSOR", help="Go on where the last page ended (its next_cursor).")
]

Asked = Mapping[str, Any]
"""The values of a command's options, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """Something that can be done to one item."""

    name: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A word for a filter that is set to one value."""

    option: Any
    filter: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What the commands of one group look at."""

    name: str
    help: str
    examples: tuple[str, ...]
    columns: tuple[Column, ...]
    #: said where there is nothing
    empty: str
    list_help: str
    show_help: str
    #: query parameter -> its option
    filters: Mapping[str, Any] = field(default_factory=dict)
    #: by the name of the option
    flags: Mapping[str, Flag] = field(default_factory=dict)
    verbs: tuple[Verb, ...] = ()
    #: a set that is always shown whole
    whole: bool = False

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/v1/{self.name}"


def add_collection(app: typer.Typer, collection: Collection) -> typer.Typer:
    """Add the group with `list`, `show` and its verbs; the group."""
    group = typer.Typer(cls=Sections, no_args_is_help=True, help=help_text(collection.help, *collection.examples))
    app.add_typer(group, name=collection.name, short_help=collection.help.rstrip("."), rich_help_panel="Look and act")
    examples = [example for example in collection.examples if f" {collection.name} list" in example]
    group.command("list", help=help_text(collection.list_help, *examples))(_make_list(collection))
    group.command("show", help=collection.show_help)(_make_show(collection))
    for verb in collection.verbs:
        examples = [example for example in collection.examples if f" {collection.name} {verb.name} " in example]
        group.command(verb.name, help=help_text(verb.help, *examples))(_make_verb(collection, verb))
    return group


def make_command(body: Callable[[Asked], None], options: Mapping[str, tuple[Any, Any]]) -> Callable[..., None]:
    """A command with these options, (type, default) by name, and with --json, --config and --state."""
    shared = {"json_": (JsonOption, False), "config": (ConfigOption, None), "state": (StateOption, None)}
    kind = inspect.Parameter.KEYWORD_ONLY

    def command(**asked: Any) -> None:
        body(asked)

    every = {**options, **shared}
    parameters = [inspect.Parameter(n, kind, default=d, annotation=t) for n, (t, d) in every.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    command.__annotations__ = {name: type_ for name, (type_, _) in every.items()}
    return command


def ask(asked: Asked, method: str, path: str, *, need_daemon: bool = False, **params: Any) -> Any:
    """The API's answer for a command with these options."""
    from autoflow.cli.client import call

    wanted = {name: str(value) for name, value in params.items() if value is not None}
    return call(state_of(asked), method, path, params=wanted, need_daemon=need_daemon)


def state_of(asked: Asked) -> Path:
    """The state directory that these options lead to."""
    return settings_for(asked["config"], state=asked["state"]).state


def show_files(asked: Asked, *items: Any) -> None:
    """Name the rule files of these rows as a terminal opens them. For people: programs get what the API says."""
    from autoflow.cli.output import shown_file

    places = [one for item in items for one in (item, item.get("rule_version"), item.get("version"), item.get("now"))]
    named = [one for one in places if isinstance(one, dict) and one.get("path") and "line" in one]
    if named:
        rules = settings_for(asked["config"], state=asked["state"]).rules
        for one in named:
            one["path"] = shown_file(rules, one["path"])


def fetch_page(asked: Asked, collection: Collection, **params: Any) -> Any:
    """One page, or all of them as one where that is asked for."""
    everything = collection.whole or asked.get("all_", False)
    wanted = params.pop("limit", MOST)
    limit = MOST if everything else wanted
    page = ask(asked, "GET", collection.path, limit=limit, **params)
    while everything and page["next_cursor"] is not None:
        params["cursor"] = page["next_cursor"]
        following = ask(asked, "GET", collection.path, limit=limit, **params)
        page = {**following, "items": page["items"] + following["items"]}
    return page


def _ids(collection: Collection, kind: Any, metavar: str) -> Any:
    """The argument that takes one id of a collection, or several; a shell completes them."""
    complete = ids_of(collection.name)
    about = "As `list` shows it."
    return Annotated[kind, typer.Argument(metavar=metavar, help=about, show_default=False, autocompletion=complete)]


def _make_list(collection: Collection) -> Callable[..., None]:
    def show_list(asked: Asked) -> None:
        from autoflow.cli.output import print_json, tell
        from autoflow.cli.table import print_table

        names = (*collection.filters, *(() if collection.whole else ("limit", "cursor")))
        page = fetch_page(asked, collection, **{name: asked[name] for name in names} | _read_flags(asked, collection))
        if asked["json_"]:
            print_json(page)
            return
        show_files(asked, *page["items"])
        print_table(collection.columns, page["items"], empty=collection.empty)
        if page["next_cursor"] is not None:
            tell(f"there are more: --all shows every one, --cursor {page['next_cursor']} the next page")

    options: dict[str, tuple[Any, Any]] = {name: (option, None) for name, option in collection.filters.items()}
    options |= {name: (flag.option, False) for name, flag in collection.flags.items()}
    if not collection.whole:
        options |= {"limit": (LimitOption, 50), "all_": (AllOption, False), "cursor": (CursorOption, None)}
    return make_command(show_list, options)


def _read_flags(asked: Asked, collection: Collection) -> dict[str, str]:
    """What the flags that are given stand for. UsageError where a filter of the same says something else."""
    from autoflow.errors import UsageError

    given = {name: flag for name, flag in collection.flags.items() if asked[name]}
    for name, flag in given.items():
        if asked[flag.filter] not in (None, flag.value):
            raise UsageError(f"--{name} and --{flag.filter} {asked[flag.filter]} ask for different things")
    return {flag.filter: flag.value for flag in given.values()}


def _make_show(collection: Collection) -> Callable[..., None]:
    def show_item(asked: Asked) -> None:
        from autoflow.cli.details import print_detail
        from autoflow.cli.output import print_json

        item = ask(asked, "GET", f"{collection.path}/{quote(asked['id_'], safe='')}")
        if asked["json_"]:
            print_json(item)
            return
        shown = item.get("items", [item])
        show_files(asked, *shown)
        for number, one in enumerate(shown):
            print_detail(one, first=number == 0)

    return make_command(show_item, {"id_": (_ids(collection, str, "ID"), inspect.Parameter.empty)})


def _make_verb(collection: Collection, verb: Verb) -> Callable[..., None]:
    def act(asked: Asked) -> None:
        from autoflow.cli.details import print_detail
        from autoflow.cli.output import print_line

        for number, id_ in enumerate(asked["ids"]):
            done = ask(asked, "POST", f"{collection.path}/{quote(id_, safe='')}/{verb.name}")
            if asked["json_"]:
                print_line(done)
            else:
                print_detail(done, first=number == 0)

    return make_command(act, {"ids": (_ids(collection, list[str], "ID..."), inspect.Parameter.empty)})
