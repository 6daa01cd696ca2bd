"""Which commands there are, and that asking for one makes no other."""

import pytest
import typer

from autoflow.cli.commands import GROUPS, make_app
from autoflow.cli.help import KNOW_BEFORE


def names_of(app: typer.Typer) -> set[str]:
    """The names of all commands of an app."""
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # the root is a group


def test_every_command_is_found_by_its_name() -> None:
    """The table of groups names each command there is, once, and none besides."""
    named = [word for words in GROUPS.values() for word in words]
    assert sorted(named) == sorted(names_of(make_app()))


@pytest.mark.parametrize("group", GROUPS)
def test_a_command_comes_alone(group: str) -> None:
    """Each first word leads to the files that register its commands, and nothing beside them is made."""
    every = [name for names in GROUPS.values() for name in names]
    for name in GROUPS[group]:
        word = name.split()[0]
        assert names_of(make_app(word)) == {one for one in every if one.split()[0] == word}


def test_a_command_of_two_words_is_found_before_that_of_the_first() -> None:
    """`test record` is no path that is to be tested; `test recorded` is."""
    root = typer.main.get_command(make_app("test"))
    context = root.make_context("autoflow", ["test"])
    for words, name, rest in (
        (["test", "record", "e"], "test record", ["e"]),
        (["test", "recorded"], "test", ["recorded"]),
        (["test"], "test", []),
    ):
        found, _, left = root.resolve_command(context, words)  # type: ignore[attr-defined]  # the root is a group
        assert (found, left) == (name, rest)


def test_the_section_of_what_is_asked_before_a_rule_runs_knows_the_place_of_each() -> None:
    """Help sorts that section by this order, so each command of it stands in it."""
    root = typer.main.get_command(make_app())
    commands = root.commands  # type: ignore[attr-defined]  # the root is a group
    panels = {name: one.rich_help_panel for name, one in commands.items()}
    assert {name for name, panel in panels.items() if panel == "Know before"} == set(KNOW_BEFORE)


@pytest.mark.parametrize("word", ["validat", "--help", "-h", ""])
def test_any_other_word_is_looked_up_among_all(word: str) -> None:
    """So that help lists every command, and a slip is answered with the nearest one."""
    assert names_of(make_app(word)) == names_of(make_app())


def groups_of(app: typer.Typer) -> dict[str, str]:
    """The help of each command that has others under it."""
    root = typer.main.get_command(app)
    commands = root.commands  # type: ignore[attr-defined]  # the root is a group
    groups = {name: command for name, command in commands.items() if hasattr(command, "commands")}
    return {name: group.get_help(group.make_context(name, ["list"])) for name, group in groups.items()}


def test_the_help_of_every_group_reads_alike() -> None:
    """What it is, examples, its commands, and the options last."""
    found = groups_of(make_app())
    assert {"db", "events", "pending", "runs", "dead-letters", "rules"} == set(found)
    for name, text in found.items():
        places = [text.index(title) for title in ("Usage:", "Examples:", "Commands:", "Options:")]
        assert places == sorted(places), name
