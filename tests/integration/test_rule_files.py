"""Rule files on disk: a look reads what may have changed, and nothing else."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from autoflow.clock import VirtualClock
from autoflow.reload import Files, Sources, load_sources
from autoflow.rules import rule_files
from autoflow.rules.rule_files import SETTLED, SETTLED_COARSE, RuleFiles

RULE = "id: {id}\ntrigger: {{ event: x }}\nactions: [ {{ log: {{ message: {message} }} }} ]\n"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, as they are."""
    names: list[str] = []
    really = rule_files.read_file

    def read_file(path: Path, root: Path) -> object:
        names.append(path.name)
        return really(path, root)

    monkeypatch.setattr(rule_files, "read_file", read_file)
    return names


def clock_after(path: Path, milliseconds: int) -> VirtualClock:
    """A clock that is so far past the last change of a file."""
    return VirtualClock(path.stat().st_ctime_ns // 1_000_000 + milliseconds)


def write_two(home: Path) -> Path:
    """Two rule files; the second one."""
    (home / "a.yaml").write_text(RULE.format(id="a", message="one"))
    (home / "b.yaml").write_text(RULE.format(id="b", message="one"))
    return home / "b.yaml"


def test_a_file_that_has_been_quiet_is_not_read_again(tmp_path: Path, read: list[str]) -> None:
    """Its times and size say that it is what it was."""
    files = RuleFiles(tmp_path, clock_after(write_two(tmp_path), SETTLED + 1_000))
    assert files.look()
    assert read == ["a.yaml", "b.yaml"]
    assert not files.look()
    assert read == ["a.yaml", "b.yaml"]


def test_a_file_that_was_just_written_is_read_until_its_times_tell(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written twice in one tick of the file system's clock, with one size, it looks the same and is not."""
    second = write_two(tmp_path)
    files = RuleFiles(tmp_path, clock := clock_after(second, 1))
    ticks = {str(path): rule_files._mark_of(str(path)) for path in tmp_path.iterdir()}
    monkeypatch.setattr(rule_files, "_mark_of", ticks.__getitem__)
    files.look()
    second.write_text(RULE.format(id="b", message="two"))
    assert files.look()
    assert "two" in files.texts[1].text
    clock.move_to(clock.now() + 2 * SETTLED)
    files.look()
    read.clear()
    assert not files.look()
    assert read == []


def test_times_in_whole_seconds_tell_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]) -> None:
    """On such a file system two changes within seconds have one time."""
    write_two(tmp_path)
    second = 1_000_000_000
    monkeypatch.setattr(rule_files, "_mark_of", lambda path: (second, 5 * second, 1, 1, 1))
    files = RuleFiles(tmp_path, clock := VirtualClock(5_000 + SETTLED + 1))
    files.look()
    files.look()
    assert len(read) == 4
    clock.move_to(5_000 + SETTLED_COARSE + 1)
    files.look()
    assert len(read) == 6
    files.look()
    assert len(read) == 6


def test_a_file_that_was_touched_and_not_changed_is_the_same(tmp_path: Path) -> None:
    """Contents count: the very text is kept, so that nothing is made of it again."""
    second = write_two(tmp_path)
    files = RuleFiles(tmp_path, clock_after(second, SETTLED + 1_000))
    files.look()
    before = files.texts
    os.utime(second, ns=(1, 1))
    assert not files.look()
    assert all(map(lambda a, b: a is b, files.texts, before))


@pytest.mark.parametrize(
    "change",
    [
        lambda home: (home / "b.yaml").unlink(),
        lambda home: (home / "b.yaml").rename(home / "c.yaml"),
        lambda home: (home / "b.yaml").rename(home / "b.txt"),
        lambda home: (home / "c.yaml").write_text(""),
        lambda home: (home / "a.yaml").replace(home / "b.yaml"),
        lambda home: (home / "b.yaml").chmod(0o644) or (home / "b.yaml").write_text("id: b"),
    ],
    ids=["removed", "renamed", "no rule any more", "added", "replaced", "edited"],
)
def test_every_change_is_seen(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Whatever happened to a file, the texts are then those of the directory."""
    files = RuleFiles(tmp_path, clock_after(write_two(tmp_path), SETTLED + 1_000))
    files.look()
    change(tmp_path)
    assert files.look()
    fresh = RuleFiles(tmp_path)
    fresh.look()
    assert files.texts == fresh.texts
    assert not files.look()


def test_a_link_that_leads_nowhere_is_told_and_looked_at_again(tmp_path: Path) -> None:
    """What cannot be read may be there at the next look, without any sign of it."""
    (tmp_path / "a.yaml").symlink_to(tmp_path / "later")
    files = RuleFiles(tmp_path)
    assert files.look()
    assert files.texts[0].problem is not None
    (tmp_path / "later").write_text(RULE.format(id="a", message="one"))
    assert files.look()
    assert files.texts[0].problem is None


def test_a_set_that_is_looked_at_again_and_again_is_as_one_read_at_once(tmp_path: Path) -> None:
    """Edits, new files, removals, bad ones and templates at random: each load gives what a first one gives."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "templates").mkdir()
    sources = Sources(rules=tmp_path / "rules", templates=tmp_path / "templates", notifiers={})
    dice = random.Random(7)
    files = Files(sources)
    for _ in range(60):
        path = sources.rules / f"{dice.randrange(4)}.yaml"
        match dice.randrange(5):
            case 0:
                path.unlink(missing_ok=True)
            case 1:
                path.write_text("id: [")
            case 2:
                (sources.templates / "t.txt").write_text(f"{{{{ {dice.choice(['job', 'job.id', '5 |'])} }}}}")
            case _:
                path.write_text(RULE.format(id=f"r{dice.randrange(5)}", message=dice.randrange(3)))
        files.look()
        again, fresh = files.load(), load_sources(sources)
        assert again.result == fresh.result
        assert again.problems == fresh.problems
