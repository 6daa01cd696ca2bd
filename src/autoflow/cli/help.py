"""How `--help` looks: plain lines that fit 80 columns, commands in sections, examples that can be copied."""

from __future__ import annotations

from typing import Any

import typer

COMMAND_WIDTH = 14
ORDER = ("Run", "Know before", "Look and act", "See how it is", "Commands")
"""The sections, in the order in which a newcomer needs them."""


KNOW_BEFORE = ("validate", "fmt", "test-rule", "test", "test record", "plan", "backtest", "schema")
"""The commands of that section, in the order in which a rule on its way to the daemon meets them."""


class Sections(typer.core.TyperGroup):
    """A group of commands that lists them by section, in their order. A command's name may have two words."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments begin with: one of two words before one of the first word alone."""
        both = " ".join(args[:2])
        if len(args) > 1 and both in self.commands:
            args = [both, *args[2:]]
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The commands first: they are what is looked for; then the options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is None or command.hidden:
                continue
            section = getattr(command, "rich_help_panel", None)
            title = section if isinstance(section, str) else "Commands"
            sections.setdefault(title, []).append((f"{name:<{COMMAND_WIDTH}}", command.get_short_help_str(200)))
        sections.get("Know before", []).sort(key=lambda row: KNOW_BEFORE.index(row[0].strip()))
        for title, rows in sorted(sections.items(), key=lambda section: ORDER.index(section[0])):
            with formatter.section(title):
                formatter.write_dl(rows)
        with formatter.section("Options"):
            records = [param.get_help_record(ctx) for param in self.get_params(ctx)]
            formatter.write_dl([record for record in records if record is not None])


def help_text(text: str, *examples: str) -> str:
    """A command's help: what it does, then lines to copy, kept as they are."""
    if not examples:
        return text
    lines = "\n".join(f"  {example}" for example in examples)
    return f"{text}\n\n\b\nExamples:\n{lines}"
