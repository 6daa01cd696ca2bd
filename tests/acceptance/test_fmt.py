"""`autoflow fmt` as a person or a script calls it: what is written, and how it ends."""

from __future__ import annotations

import ctypes
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

UNTIDY = "actions: [log: {message: no}]\ntrigger_event: a  # why\n"
TIDY = 'trigger: { event: a } # why\nactions: [ log: { message: "no" } ]\n'.replace("} # why", "}  # why")
BROKEN = "trigger: { event: a\n"


def fmt(
    home: Path, *words: str, given: bytes = b"", prepare: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The command, run where the files are."""
    program = [Path(sys.executable).with_name("autoflow"), "fmt", *words]
    return subprocess.run(
        program, cwd=home, input=given, capture_output=True, check=False, timeout=30, preexec_fn=prepare
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A rules directory with a file of each kind."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "tidy.yaml").write_text(TIDY)
    (tmp_path / "rules" / "untidy.yaml").write_text(UNTIDY)
    (tmp_path / "rules" / "untidy.test.yaml").write_text("tests:    []\n")
    return tmp_path


def test_only_what_changes_is_written(home: Path) -> None:
    """The file is replaced as a whole with its mode; what was right, and scenarios, are not touched."""
    untidy, tidy = home / "rules" / "untidy.yaml", home / "rules" / "tidy.yaml"
    untidy.chmod(0o640)
    before = (tidy.stat().st_ino, tidy.stat().st_mtime_ns)
    done = fmt(home)
    assert (done.returncode, done.stdout) == (0, b"rules/untidy.yaml\n")
    assert done.stderr == b"1 formatted, 1 in canonical form already\n"
    assert untidy.read_text() == TIDY
    assert stat.S_IMODE(untidy.stat().st_mode) == 0o640
    assert (tidy.stat().st_ino, tidy.stat().st_mtime_ns) == before
    assert (home / "rules" / "untidy.test.yaml").read_text() == "tests:    []\n"
    assert sorted(path.name for path in (home / "rules").iterdir()) == [
        "tidy.yaml",
        "untidy.test.yaml",
        "untidy.yaml",
    ]
    assert fmt(home).stdout == b""


def test_check_and_diff_write_nothing(home: Path) -> None:
    """--check names what would change and ends with 1; --diff shows it; both together do both."""
    checked, shown, both = fmt(home, "--check"), fmt(home, "--diff"), fmt(home, "--check", "--diff")
    assert (checked.returncode, checked.stdout) == (1, b"rules/untidy.yaml\n")
    assert checked.stderr == b"1 would change, 1 in canonical form already\n"
    assert shown.returncode == 0
    assert shown.stdout.decode().splitlines()[:3] == [
        "--- rules/untidy.yaml",
        "+++ rules/untidy.yaml",
        "@@ -1,2 +1,2 @@",
    ]
    assert (both.returncode, both.stdout) == (1, shown.stdout)
    assert (home / "rules" / "untidy.yaml").read_text() == UNTIDY
    assert fmt(home, "--check", "rules/tidy.yaml").returncode == 0


def test_a_file_with_errors_is_left_alone_and_the_others_are_not(home: Path) -> None:
    """Its problems are shown as `validate` shows them, and the command ends with 1."""
    (home / "rules" / "broken.yaml").write_text(BROKEN)
    done = fmt(home)
    assert done.returncode == 1
    assert b"rules/broken.yaml:1:10: error AF101" in done.stderr
    assert done.stderr.endswith(b"1 formatted, 1 in canonical form already, 1 left alone\n")
    assert (home / "rules" / "broken.yaml").read_text() == BROKEN
    assert (home / "rules" / "untidy.yaml").read_text() == TIDY


def test_standard_input_goes_to_standard_output(home: Path) -> None:
    """An editor can call it; what cannot be formatted comes out as it went in."""
    done = fmt(home, "-", given=UNTIDY.encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, TIDY.encode(), b"")
    broken = fmt(home, "-", given=BROKEN.encode())
    assert (broken.returncode, broken.stdout) == (1, BROKEN.encode())
    assert b"AF101" in broken.stderr
    assert fmt(home, "-", "--check", given=UNTIDY.encode()).returncode == 1


def test_json_on_standard_input_stays_json(home: Path) -> None:
    """It is told by what it is, or by the name of the file that it stands for."""
    text = b'{"trigger_event": "a", "actions": [{"log": {"message": "x"}}]}'
    assert json.loads(fmt(home, "-", given=text).stdout)["trigger"] == {"event": "a"}
    done = fmt(home, "-", "--stdin-filename", "rules/a.yaml", given=text)
    assert done.stdout.startswith(b"{ trigger: ")
    assert (
        b"rules/a.json:1:1: error AF160"
        in fmt(home, "-", "--stdin-filename", "rules/a.json", given=TIDY.encode()).stderr
    )


def test_a_link_goes_on_pointing(home: Path) -> None:
    """The file behind it is written, and once where two names lead to it."""
    (home / "link.yaml").symlink_to(home / "rules" / "untidy.yaml")
    done = fmt(home, "link.yaml", "rules")
    assert done.stdout == b"link.yaml\n"
    assert (home / "link.yaml").is_symlink()
    assert (home / "rules" / "untidy.yaml").read_text() == TIDY


def test_line_ends_stay_and_a_byte_order_mark_goes(home: Path) -> None:
    """A checkout with CRLF is not changed line by line."""
    path = home / "rules" / "untidy.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TIDY.replace("\n", "\r\n").encode())
    assert fmt(home, "--check").returncode == 1
    assert fmt(home).returncode == 0
    assert path.read_bytes() == TIDY.replace("\n", "\r\n").encode()


def test_machines_are_told_each_file(home: Path) -> None:
    """--json has an item for each, with its problems."""
    (home / "rules" / "broken.yaml").write_bytes(b"\xff\n")
    done = fmt(home, "--json")
    items = json.loads(done.stdout)["items"]
    assert [(item["path"], item["changed"], item["written"], len(item["problems"])) for item in items] == [
        ("rules/broken.yaml", False, False, 1),
        ("rules/tidy.yaml", False, False, 0),
        ("rules/untidy.yaml", True, True, 0),
    ]
    assert done.returncode == 1


def _may_write_what_modes_allow() -> None:
    """Root is asked like everybody else: the right to write over a file's mode is given up (prctl(2))."""
    if os.geteuid() == 0:
        drop_capability, override, read_search = 24, 1, 2
        for capability in (override, read_search):
            ctypes.CDLL(None).prctl(drop_capability, capability, 0, 0, 0)


def test_a_file_that_may_not_be_written_is_an_error(home: Path) -> None:
    """It says which, and leaves nothing behind."""
    (home / "rules" / "untidy.yaml").chmod(0o444)
    done = fmt(home, prepare=_may_write_what_modes_allow)
    assert done.returncode == 2
    assert b"cannot write rules/untidy.yaml" in done.stderr
    assert (home / "rules" / "untidy.yaml").read_text() == UNTIDY


@pytest.mark.parametrize("words", [("nowhere",), ("-", "rules")])
def test_what_is_called_wrongly_ends_with_2(home: Path, words: tuple[str, ...]) -> None:
    """A path that is not there, and standard input beside files."""
    done = fmt(home, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error AF002")
