"""What no tracked file may hold, and what the log's list of happenings must."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from autoflow.observe.sentences import SENTENCES

ROOT = Path(__file__).parents[2]
# Written in pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/[\w.]+")
INDEX_ADDRESSES = re.compile(r"index" + r"-url|py" + r"pi\.(?:org|io)/simple|files\.python" + "hosted", re.IGNORECASE)
TOKENS = re.compile(r"\baf_(?:tok|int|adm)_(?!A{43})[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b")
LOG_METHODS = {"debug", "info", "warning", "error"}


def tracked() -> list[Path]:
    """The files that git knows here."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs: a git checkout")
    done = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_machine_an_index_or_a_secret() -> None:
    """What is only true here, or only ours, does not leave with the code."""
    bad = []
    files = tracked()
    assert len(files) > 100
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            address = INDEX_ADDRESSES.search(line) and "--no-emit" not in line
            if MACHINE_PATHS.search(line) or address or TOKENS.search(line):
                bad.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert bad == []


def test_every_requirement_is_pinned_by_hash() -> None:
    """What is installed is what was looked at: an exact version and its hashes, from whatever index."""
    for name in ("build", "run", "test", "check"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        lines = [line for line in text.replace("\\\n", "").splitlines() if line and not line.lstrip().startswith("#")]
        assert lines
        assert [line for line in lines if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == [], name


def test_the_wider_set_of_requirements_holds_the_narrower_one() -> None:
    """Installing the test and check tools changes no version that the daemon runs with."""
    pins = {}
    for name in ("run", "test", "check"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        pins[name] = set(re.findall(r"^([\w.-]+==[\w.]+)", text, flags=re.MULTILINE))
    assert pins["run"] < pins["test"] < pins["check"]


def test_every_logged_happening_has_its_sentence() -> None:
    """No event name is logged that the list in observe/sentences.py does not hold."""
    missing, found = [], set()
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name, first = ast.unparse(node.func), node.args[0]
            is_log = name.rpartition(".")[2] in LOG_METHODS and name.rpartition(".")[0] in (
                "log",
                "self._log",
                "self.log",
            )
            if not is_log or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
                continue
            found.add(first.value)
            if first.value not in SENTENCES:
                missing.append(f"{path.relative_to(ROOT)}:{node.lineno}: {first.value}")
    assert missing == []
    assert len(found) > 10
