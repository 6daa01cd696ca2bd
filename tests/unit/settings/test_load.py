"""Where settings come from, what may stand in them, and how every mistake is told with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autoflow.errors import ConfigError
from autoflow.settings import EventFiles, Settings, load_settings
from autoflow.settings.reading import read_settings

DAY = 86_400_000
TOP_KEYS = "rules, templates, state, retry, timezone, http, egress, retention, record, limits, notifiers, events"
TYPE_HINT = "write type: one of email, sms, webhook"


class Config:
    """A config file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.yaml"

    def load(self, text: str, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """The settings of this text."""
        self.path.write_text(text, encoding="utf-8")
        flags = {name.replace("__", "."): value for name, value in overrides.items()}
        return load_settings(self.path, overrides=flags, environ=environ or {})

    def refused(self, text: str, environ: Mapping[str, str] | None = None, **overrides: Any) -> list[str]:
        """What is said about this text: line:column, code, message and hint."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, environ, **overrides)
        told = []
        for problem in caught.value.problems:
            hint = f" ({problem.hint})" if problem.hint else ""
            told.append(f"{problem.line}:{problem.column}: {problem.code} {problem.message}{hint}")
            assert f"{problem.path}:{problem.line}:{problem.column}: {problem.code}" in str(caught.value)
        return told


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config in a folder that is not the one we are in."""
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(here)
    return Config(tmp_path / "etc")


def test_where_nothing_is_written_nothing_is_read(config: Config) -> None:
    """The short way to the defaults leads where the long one does."""
    assert load_settings(None, environ={"HOME": "/root"}) == read_settings(None, {}, {}, Path.cwd())


def test_without_a_file_everything_has_a_default(config: Config) -> None:
    """A fresh machine starts: loopback with a token, paths here, messages into the outbox."""
    settings = load_settings(None, environ={})
    assert settings.path is None
    assert settings.rules == Path.cwd() / "rules"
    assert (settings.http.host, settings.http.port, settings.http.auth) == ("127.0.0.1", 8787, "token")
    assert {name: notifier.transport for name, notifier in settings.notifiers.items()} == {
        "email": "outbox",
        "sms": "outbox",
    }
    assert settings.retention.max_size == 10 * 2**30
    assert settings.limits.shutdown_grace == 25_000
    assert settings.warnings == ()


def test_an_empty_file_is_all_defaults(config: Config) -> None:
    """A file of comments or empty sections says nothing; its folder is where paths start."""
    settings = config.load("# nothing yet\nhttp:\nnotifiers:\n")
    assert settings.state == config.path.parent / "state"
    assert settings.http.port == 8787


def test_every_promised_key_is_read(config: Config) -> None:
    """The keys of the contract arrive as values ready to use."""
    settings = config.load(
        """
        rules: my-rules/
        templates: /srv/templates
        state: ../state
        http: { listen: "[::1]:9000", auth: none, allowed_hosts: [box.example.com] }
        egress: { allow: ["127.0.0.1:9000", 10.0.0.0/8, "[::1]:80", db.internal], require_https: true }
        retry: { schedule: [0s, 5s] }
        timezone: Europe/Berlin
        retention: { events: 1d, unmatched_events: 2d, duplicates: 3d, runs: 4d, dead_letters: 5d, max_size: 64KiB }
        limits: { body: 2MiB, event_bytes: 1KiB, depth: 5, batch: 6, header_bytes: 16KiB, chain_depth: 7, slots: 8,
                  target_share: 0.5, shutdown_grace: 1s }
        """
    )
    folder = config.path.parent
    assert settings.path == config.path
    assert (settings.rules, settings.templates) == (folder / "my-rules", Path("/srv/templates"))
    assert settings.state == folder / "../state"
    assert (settings.http.host, settings.http.port, settings.http.auth) == ("::1", 9000, "none")
    assert settings.http.allowed_hosts == ("box.example.com",)
    assert settings.egress.allow == ("127.0.0.1:9000", "10.0.0.0/8", "[::1]:80", "db.internal")
    assert settings.egress.require_https is True
    assert settings.retry.schedule == (0, 5000)
    assert settings.timezone == "Europe/Berlin"
    kept = settings.retention
    assert [kept.events, kept.unmatched_events, kept.duplicates, kept.runs, kept.dead_letters] == [
        days * DAY for days in (1, 2, 3, 4, 5)
    ]
    assert kept.max_size == 65_536
    limits = settings.limits
    assert (limits.body, limits.event_bytes, limits.header_bytes) == (2 * 2**20, 1024, 16 * 1024)
    assert (limits.depth, limits.batch, limits.chain_depth, limits.slots) == (5, 6, 7, 8)
    assert (limits.target_share, limits.shutdown_grace) == (0.5, 1000)


def test_listen_none_closes_the_http_door(config: Config) -> None:
    """Without HTTP there is neither host nor port, and `auth: none` harms nobody."""
    http = config.load("http: { listen: none, auth: none }").http
    assert (http.host, http.port) == (None, None)


def test_flags_win_over_environment_over_file(config: Config) -> None:
    """Each source wins over the one below it, key by key; a flag that was not given wins over nothing."""
    text = 'http: { listen: "127.0.0.1:1", allowed_hosts: [a] }\ntimezone: UTC\nretry: none\n'
    environ = {"AUTOFLOW_HTTP__LISTEN": "127.0.0.1:2", "AUTOFLOW_RETRY": "quick", "AUTOFLOW_TIMEZONE": ""}
    assert config.load(text).http.port == 1
    settings = config.load(text, environ, http__listen=None)
    assert (settings.http.port, settings.http.allowed_hosts) == (2, ("a",))
    assert len(settings.retry.schedule) == 4
    assert settings.timezone == "UTC"
    assert config.load(text, environ, http__listen="127.0.0.1:3").http.port == 3


def test_relative_paths_start_where_they_are_written(config: Config) -> None:
    """A path in the file starts from the file's folder, one in a variable or flag from here."""
    settings = config.load("rules: r\n", {"AUTOFLOW_STATE": "s"}, templates="t")
    assert settings.rules == config.path.parent / "r"
    assert settings.state == Path.cwd() / "s"
    assert settings.templates == Path.cwd() / "t"


def test_variables_reach_lists_numbers_retries_and_notifiers(config: Config) -> None:
    """A variable is text and read as what its key wants."""
    environ = {
        "AUTOFLOW_EGRESS__ALLOW": "127.0.0.1:9000, db.internal",
        "AUTOFLOW_EGRESS__REQUIRE_HTTPS": "true",
        "AUTOFLOW_LIMITS__SLOTS": "9",
        "AUTOFLOW_RETRY": "{schedule: [0s, 7s]}",
        "AUTOFLOW_NOTIFIERS__EMAIL__HOST": "mail.example.com",
        "AUTOFLOW_NOTIFIERS__EMAIL__PORT": "2525",
        "AUTOFLOW_TOKEN": "for the commands",
        "HTTP__LISTEN": "not ours",
    }
    settings = config.load("notifiers: { email: { transport: smtp, host: x, from: a@example.com } }", environ)
    assert settings.egress.allow == ("127.0.0.1:9000", "db.internal")
    assert settings.egress.require_https is True
    assert settings.limits.slots == 9
    assert settings.retry.schedule == (0, 7000)
    assert dict(settings.notifiers["email"].options) == {
        "host": "mail.example.com",
        "from": "a@example.com",
        "port": 2525,
    }
    assert settings.warnings == ()


def test_an_unknown_variable_is_a_warning_and_a_wrong_one_an_error(config: Config) -> None:
    """What a cluster sets by itself stops nothing; a known variable with a wrong value does, under its name."""
    settings = config.load("", {"AUTOFLOW_PORT": "tcp://10.0.0.1:80", "AUTOFLOW_HTTP__LISTN": "x"})
    assert [problem.path for problem in settings.warnings] == ["AUTOFLOW_HTTP__LISTN", "AUTOFLOW_PORT"]
    with pytest.raises(ConfigError) as caught:
        config.load("", {"AUTOFLOW_LIMITS__SLOTS": "many"})
    assert caught.value.problems[0].path == "AUTOFLOW_LIMITS__SLOTS"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${SET}", "value"),
        ("a${SET}b${SET}", "avaluebvalue"),
        ("${UNSET:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("x${EMPTY-other}", "x"),
        ("${UNSET-other}", "other"),
        ("${SET:?needed}", "value"),
        ("$${SET}", "${SET}"),
        ("$SET costs 5$", "$SET costs 5$"),
        ("${NESTED}", "${SET}"),
    ],
)
def test_references_to_the_environment_are_filled_in_once(config: Config, written: str, read: str) -> None:
    """Each form of ${VAR}, the escape, and that what was filled in is never looked at again."""
    environ = {"SET": "value", "EMPTY": "", "NESTED": "${SET}"}
    settings = config.load(f"notifiers: {{ email: {{ transport: outbox, from: '{written}' }} }}", environ)
    assert settings.notifiers["email"].options["from"] == read


def test_what_is_filled_in_cannot_change_the_file(config: Config) -> None:
    """A variable's value is text however much it looks like YAML, and is read as what its key wants."""
    environ = {"X": "a, transport: smtp }", "SLOTS": "3"}
    settings = config.load(
        "notifiers: { email: { transport: outbox, from: '${X}' } }\nlimits: { slots: '${SLOTS}' }", environ
    )
    assert settings.notifiers["email"].options["from"] == "a, transport: smtp }"
    assert settings.limits.slots == 3


def test_a_missing_variable_is_told_once_with_its_place(config: Config) -> None:
    """An unset variable is an error, not an empty text, and not a second error about that text."""
    assert config.refused('timezone: "${ZONE}"\nrules: "${RULES:?where are they}"\nstate: "${"\n') == [
        "1:11: AF014 the environment has no ZONE; set it, or write ${ZONE:-default}",
        "2:8: AF014 RULES: where are they",
        "3:8: AF014 ${ without an end; write ${NAME}, ${NAME:-default} or $${ for the text itself",
    ]


def test_unknown_keys_are_errors_with_a_near_match(config: Config) -> None:
    """At the top, in a section and in a notifier, with the place of the key."""
    assert config.refused(
        "rule: rules/\n"
        "http:\n"
        "  lisen: none\n"
        "zzz: {}\n"
        "notifiers:\n"
        "  sms: { transport: outbox, fron: x }\n"
        "  mail: { type: email, transport: smtpp }\n"
        "  pager: { transport: outbox }\n"
    ) == [
        "1:1: AF011 unknown key 'rule' (did you mean rules?)",
        "3:3: AF011 unknown key 'lisen' in http (did you mean listen?)",
        f"4:1: AF011 unknown key 'zzz' (known are {TOP_KEYS})",
        "6:29: AF011 unknown option 'fron' of notifier 'sms' (known are type, transport)",
        "7:35: AF012 'smtpp' is no transport of a notifier (did you mean smtp?)",
        f"8:3: AF013 what notifier 'pager' is for does not follow from its name ({TYPE_HINT})",
    ]


def test_all_wrong_values_are_told_at_once(config: Config) -> None:
    """One wrong value does not hide the next; each message says what to write."""
    assert config.refused(
        "http: { listen: 8787, auth: maybe, allowed_hosts: {} }\n"
        "egress: { allow: ['http://x/'], require_https: 1 }\n"
        "retry: often\n"
        "timezone: Europe\n"
        "retention: { events: 30, runs: 0s, max_size: 10GB }\n"
        "limits: { depth: 0, target_share: 2, slots: true }\n"
        "rules: ''\n"
        "state:\n"
        "templates: [a]\n"
    ) == [
        "1:17: AF012 8787 is no address; write 127.0.0.1:8787, [::1]:8787 or none",
        "1:29: AF012 'maybe' is none of token, none",
        "1:51: AF012 {} is no list; write [a, b]",
        "2:18: AF012 'http://x/' is no target; write host, host:port, an address or a network",
        "2:48: AF012 1 is neither true nor false",
        "3:8: AF012 unknown retry policy 'often'; known are standard, patient, quick, none",
        "4:11: AF012 there is no time zone 'Europe'; write for example UTC or Europe/Berlin",
        "5:22: AF012 30 what? write 30s, 30m or 30h",
        "5:32: AF012 this must be longer than nothing",
        "5:46: AF012 '10GB' is no size; write for example 64KiB, 1MiB or 10GiB",
        "6:18: AF012 0 is no whole number from 1 to 500",
        "6:35: AF012 2 is no part of a whole; write a number above 0 and up to 1",
        "6:45: AF012 True is no whole number from 1 to 10000",
        "7:8: AF012 this is empty",
        "8:7: AF012 this is empty; give it a value or take the line out",
        "9:12: AF012 ['a'] is no text; put it into quotes",
    ]


@pytest.mark.parametrize("listen", ["127.0.0.1", ":8787", "127.0.0.1:65536", "[zz]:1", "::1:80", "a b:1", ""])
def test_an_address_without_host_and_port_is_refused(config: Config, listen: str) -> None:
    """Neither half of the address is guessed."""
    assert len(config.refused(f"http: {{ listen: '{listen}' }}")) == 1


def test_a_door_without_token_opens_on_loopback_only(config: Config) -> None:
    """`auth: none` is refused as soon as others could reach the door, wherever the address was written."""
    for host in ("127.0.0.1", "localhost", "[::1]", "127.8.8.8"):
        assert config.load(f"http: {{ auth: none, listen: '{host}:80' }}").http.auth == "none"
    for host in ("0.0.0.0", "[::]", "192.168.1.5", "box.example.com"):
        (told,) = config.refused("http: { auth: none }", http__listen=f"{host}:80")
        assert told.startswith("1:15: AF015 without a token")


def test_yaml_mistakes_are_told_with_the_rest(config: Config) -> None:
    """A key given twice, a document too much and a wrong value come in one list."""
    told = config.refused("timezone: UTC\ntimezone: UTC\nretry: x\n---\nrules: y\n")
    assert [line.split(" ")[1] for line in told] == ["AF010", "AF102", "AF012"]


@pytest.mark.parametrize(("text", "code"), [("- a\n", "AF010"), ("a: [\n", "AF101"), ("x\n", "AF010")])
def test_what_is_no_map_is_no_config(config: Config, text: str, code: str) -> None:
    """A list, a word or broken YAML is told as such."""
    assert code in config.refused(text)[0]


def test_a_file_that_cannot_be_read_is_told(config: Config) -> None:
    """A missing file and a directory are named; they are not taken for an empty config."""
    for path, words in ((config.path.with_name("no.yaml"), "No such file"), (config.path.parent, "Is a directory")):
        with pytest.raises(ConfigError, match=words) as caught:
            load_settings(path, environ={})
        assert caught.value.exit_code == 78
    config.path.write_bytes(b"rules: \xff\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:1:8: AF101 this byte is not UTF-8"):
        load_settings(config.path, environ={})


def test_sections_must_be_maps(config: Config) -> None:
    """A word where a map belongs is told at its place."""
    assert config.refused("http: on\nnotifiers: { sms: outbox }\n") == [
        "1:7: AF012 http is a map of keys to values",
        "2:19: AF012 notifiers.sms is a map of its options",
    ]


def test_the_catalogue_of_events_is_read(tmp_path: Path) -> None:
    """One example or several, and a schema, as paths from the config's folder."""
    (tmp_path / "config.yaml").write_text(
        "events:\n  job.created: { example: a.json }\n  job.done: { example: [a.json, b.yaml], schema: s.json }\n"
    )
    events = load_settings(tmp_path / "config.yaml", environ={}).events
    assert dict(events) == {
        "job.created": EventFiles(examples=(tmp_path / "a.json",)),
        "job.done": EventFiles(examples=(tmp_path / "a.json", tmp_path / "b.yaml"), schema=tmp_path / "s.json"),
    }


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("events: { job.created: a.json }", "'job.created' needs its example or schema"),
        ("events: { job.created: { exmple: a.json } }", "unknown key 'exmple' of an event"),
        ("events: { job.created: { example: 5 } }", "5 is no text"),
        ("events: [ job.created ]", "events is a map"),
    ],
)
def test_a_wrong_catalogue_is_told(tmp_path: Path, written: str, said: str) -> None:
    """With the place, as any other key."""
    (tmp_path / "config.yaml").write_text(written)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "config.yaml", environ={})
    assert said in str(caught.value)
