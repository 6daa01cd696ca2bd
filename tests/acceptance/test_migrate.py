"""A database of an older release becomes one of this release, and a copy of what was stays; or nothing is touched."""

import asyncio
import json
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from autoflow.store.migrate import load_migrations, migrate
from autoflow.store.sqlite.store import PACKAGE
from support.daemon import PATIENCE, DaemonProcess, run_command

NEWEST = load_migrations(PACKAGE)[-1].number
RULE = "id: r\ntrigger: { event: x }\nactions:\n  - log: { message: hello }\n"


def make_old(home: Path) -> Path:
    """A state directory as the first release left it, with an event in it."""
    state = home / "state"
    state.mkdir(mode=0o700)
    path = state / "autoflow.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA auto_vacuum = INCREMENTAL")
        file.execute("PRAGMA journal_mode = WAL")
        migrate(file, load_migrations(PACKAGE)[:1])
        file.execute("INSERT INTO generations (versions, created_at) VALUES ('[]', 1)")
        file.execute(
            "INSERT INTO events (seq, id, source, account, type, time, received_at, depth, data, generation, matched)"
            " VALUES (1, 'kept', 's', 'a', 'x', 1, 1, 0, '{}', 1, 0)"
        )
    return path


def read_file(path: Path) -> tuple[int, list[str]]:
    """A file's schema, and the ids of its events."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        [version] = file.execute("PRAGMA user_version").fetchone()
        return version, [row[0] for row in file.execute("SELECT id FROM events ORDER BY seq")]


def copies(path: Path) -> list[Path]:
    """What stands beside the database."""
    return sorted(path.parent.glob("autoflow-schema*"))


async def test_a_dry_run_says_what_would_be_done_and_touches_nothing(tmp_path: Path) -> None:
    """From which schema to which, by which steps."""
    path = make_old(tmp_path)
    before = path.read_bytes()
    code, output, messages = await run_command(tmp_path, "db", "migrate", "--dry-run", "--json")
    assert code == 0, messages
    told = json.loads(output)
    assert (told["from"], told["to"], told["dry_run"], told["copy"]) == (1, NEWEST, True, None)
    assert told["steps"] == [step.name for step in load_migrations(PACKAGE)[1:]]
    assert path.read_bytes() == before
    assert copies(path) == []


async def test_it_brings_the_file_up_to_date_and_keeps_a_copy(tmp_path: Path) -> None:
    """The copy is a database of the old schema for its owner's eyes, and a second call finds nothing to do."""
    path = make_old(tmp_path)
    code, output, messages = await run_command(tmp_path, "db", "migrate")
    assert code == 0, messages
    assert f"schema 1 -> {NEWEST}\n" in output
    [copy] = copies(path)
    assert copy.name in output
    assert copy.stat().st_mode & 0o777 == 0o600
    assert read_file(path) == (NEWEST, ["kept"])
    assert read_file(copy) == (1, ["kept"])
    code, output, _ = await run_command(tmp_path, "db", "migrate")
    assert (code, output) == (0, f"schema {NEWEST}: nothing to do\n")
    assert copies(path) == [copy]


async def test_it_keeps_no_copy_where_none_is_wanted(tmp_path: Path) -> None:
    """For whoever has a backup of their own."""
    path = make_old(tmp_path)
    code, output, messages = await run_command(tmp_path, "db", "migrate", "--no-backup", "--json")
    assert code == 0, messages
    assert json.loads(output)["copy"] is None
    assert read_file(path)[0] == NEWEST
    assert copies(path) == []


async def test_where_the_copy_cannot_be_written_nothing_is_migrated(tmp_path: Path) -> None:
    """74: what could not be taken back is not begun, and nothing half written is left."""
    path = make_old(tmp_path)

    def allow_little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "autoflow", "db", "migrate",
        cwd=tmp_path, preexec_fn=allow_little, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, messages = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 74, messages
    assert b"Traceback" not in messages
    assert read_file(path) == (1, ["kept"])
    assert [one.name for one in path.parent.iterdir() if "schema" in one.name] == []


async def test_beside_a_daemon_it_refuses(make_daemon: Callable[..., DaemonProcess]) -> None:
    """75; the daemon did it at its start, and a dry run may look all the same."""
    daemon = make_daemon()
    path = make_old(daemon.home)
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    code, _, messages = await daemon.command("db", "migrate")
    assert code == 75, messages
    code, output, _ = await daemon.command("db", "migrate", "--dry-run")
    assert (code, output) == (0, f"schema {NEWEST}: nothing to do\n")
    assert await daemon.stop() == 0
    assert read_file(path) == (NEWEST, ["kept"])


async def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    """78, with and without --dry-run, and no copy is made."""
    path = make_old(tmp_path)
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {NEWEST + 1}")
    for words in ((), ("--dry-run",)):
        code, _, messages = await run_command(tmp_path, "db", "migrate", *words)
        assert code == 78, messages
    assert read_file(path) == (NEWEST + 1, ["kept"])
    assert copies(path) == []


async def test_whoever_looks_at_an_older_file_is_told_what_to_do(tmp_path: Path) -> None:
    """One line that names the command; to `doctor` it is worth a look, and no failure."""
    make_old(tmp_path)
    (tmp_path / "rules").mkdir()
    code, output, _ = await run_command(tmp_path, "doctor")
    assert code == 0, output
    assert f"! schema    1, this release needs {NEWEST}" in output
    code, _, messages = await run_command(tmp_path, "db", "check")
    assert code == 74
    assert "`autoflow db migrate`" in messages
