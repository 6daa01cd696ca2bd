"""The shipped config, the JSON Schema and the docs page know the same keys as the reader."""

from __future__ import annotations

import re
from pathlib import Path

from autoflow.settings import Settings, load_settings
from autoflow.settings.keys import KEYS
from autoflow.settings.notifiers import TRANSPORTS
from autoflow.settings.schema import config_schema
from autoflow.strict_yaml import read_yaml

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.yaml"
DOCS = ROOT / "docs" / "configuration.md"


def paragraphs() -> list[str]:
    """The commented notifiers of the example, each as YAML."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    found: list[list[str]] = []
    for line in lines:
        if re.match(r"  # [a-z]+:$", line):
            found.append([])
        if found and line.startswith("  # ") and re.match(r"  # ( +)?[a-z_]+:", line):
            found[-1].append(line[4:])
    return ["\n".join(part) for part in found]


def test_the_example_is_the_default_written_out() -> None:
    """Loading it gives what no config gives, but for what its comments say."""
    written, default = load_settings(EXAMPLE, environ={}), Settings()
    assert written.warnings == ()
    assert (written.http, written.retry, written.timezone) == (default.http, default.retry, default.timezone)
    assert (written.retention, written.limits) == (default.retention, default.limits)
    assert {name: one.transport for name, one in written.notifiers.items()} == {"email": "outbox", "sms": "outbox"}
    assert written.state == ROOT / "state"


def test_the_example_shows_every_key() -> None:
    """No key of the reader is missing, live and with a value."""
    (document,) = read_yaml(EXAMPLE.read_text(encoding="utf-8"), path="config.example.yaml").documents
    missing = [name for name in KEYS if not document.has(tuple(name.split(".")))]
    assert missing == []


def test_the_example_shows_every_transport_and_option(tmp_path: Path) -> None:
    """Its commented notifiers load as they stand when uncommented, and show all there is."""
    shown: dict[tuple[str, str], set[str]] = {}
    for text in paragraphs():
        text = text.replace("/etc/ssl/mail-ca.pem", "ca.pem")
        (tmp_path / "ca.pem").touch()
        (tmp_path / "config.yaml").write_text("notifiers:\n" + re.sub("^", "  ", text, flags=re.MULTILINE))
        settings = load_settings(tmp_path / "config.yaml", environ={})
        assert settings.warnings == ()
        written = [one for one in settings.notifiers.values() if one.transport != "outbox"]
        for one in written:
            shown.setdefault((one.type, one.transport), set()).update(one.options)
    # an option that stands only in a comment behind another
    shown["sms", "twilio"].add("messaging_service_sid")
    for kind, ways in TRANSPORTS.items():
        for way, transport in ways.items():
            if way == "outbox":
                continue
            wanted = {"timeout_ms" if option == "timeout" else option for option in transport.options}
            assert wanted == shown[kind, way]


def test_the_defaults_in_the_table_are_the_defaults_in_force(tmp_path: Path) -> None:
    """What the docs and the schema call the default is what an empty config gives."""
    lines: dict[str, list[str]] = {}
    for key in KEYS.values():
        section, _, name = key.name.rpartition(".")
        lines.setdefault(section, []).append(
            f"{'  ' if section else ''}{name}: {key.default!r}".replace("'[", "[").replace("]'", "]")
        )
    text = "\n".join("\n".join(([f"{section}:"] if section else []) + part) for section, part in lines.items())
    (tmp_path / "written.yaml").write_text(text)
    (tmp_path / "empty.yaml").write_text("")
    written = load_settings(tmp_path / "written.yaml", environ={})
    empty = load_settings(tmp_path / "empty.yaml", environ={})
    for name in (
        "rules",
        "templates",
        "state",
        "http",
        "egress",
        "retry",
        "timezone",
        "retention",
        "record",
        "limits",
    ):
        assert getattr(written, name) == getattr(empty, name), name


def test_the_schema_knows_the_same_keys() -> None:
    """Editors offer every key and every notifier, and mark every other one."""
    schema = config_schema()
    properties = schema["properties"]
    for name in KEYS:
        section, _, leaf = name.rpartition(".")
        assert leaf in (properties[section]["properties"] if section else properties)
    assert len(properties["notifiers"]["additionalProperties"]["anyOf"]) == sum(
        len(ways) for ways in TRANSPORTS.values()
    )
    assert schema["additionalProperties"] is False


def test_the_docs_page_names_every_key_and_option() -> None:
    """docs/configuration.md leaves out no key, transport, option or problem code."""
    from autoflow.settings import sources

    text = DOCS.read_text(encoding="utf-8")
    names = [*KEYS, *(option for ways in TRANSPORTS.values() for way in ways.values() for option in way.options)]
    codes = [value for value in vars(sources).values() if isinstance(value, str) and re.fullmatch(r"AF\d{3}", value)]
    assert len(codes) >= 8
    assert [name for name in [*names, *codes] if f"`{name}`" not in text] == []


def test_examples_in_the_docs_load(tmp_path: Path) -> None:
    """Every YAML block of docs/configuration.md is a config that can be used as it stands."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        (tmp_path / "config.yaml").write_text(block, encoding="utf-8")
        load_settings(tmp_path / "config.yaml", environ={"SMTP_HOST": "mail.example.com"})
