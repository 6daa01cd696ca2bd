"""Other people's programs: found where they are, and told where they are not."""

from pathlib import Path

import pytest
from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.measures import pending, whole


def make_package(folder: Path, name: str) -> None:
    """What npm leaves of a package, as far as it is looked for."""
    (folder / name).mkdir(parents=True)
    (folder / name / "package.json").write_text("{}")


def test_a_package_of_node_is_found_where_node_path_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In our own folder or in any that NODE_PATH names; else it says how to have it."""
    monkeypatch.setattr(peers.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(peers, "NODE_FOLDER", tmp_path / "own")
    monkeypatch.setenv("NODE_PATH", f"{tmp_path / 'other'}:{tmp_path / 'more'}")
    assert peers.find_node_package("node-red").missing == "node-red is not installed: make bench-peers"
    make_package(tmp_path / "more", "node-red")
    assert peers.find_node_package("node-red").path == tmp_path / "more" / "node-red"
    make_package(tmp_path / "own", "node-red")
    assert peers.find_node_package("node-red").path == tmp_path / "own" / "node-red"


def test_nothing_runs_without_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package alone is no program."""
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    assert peers.find_node_package("node-red").missing == "node is not installed"
    assert peers.install_node_packages() == "npm is not installed"


def test_what_cannot_be_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of what pip said is the reason; the rest of the row is measured without it."""
    answers = iter([None, "ERROR: No matching distribution found for sqlalchemy"])
    monkeypatch.setattr(peers, "SCHEDULER_FOLDER", tmp_path / "none")
    monkeypatch.setattr(peers, "_run", lambda command: next(answers))
    found = peers.find_scheduler()
    assert found.missing == "it cannot be installed: ERROR: No matching distribution found for sqlalchemy"
    bench = Bench(seconds=0.5, rounds=0, directory=tmp_path, tell=print)
    monkeypatch.setattr(pending, "find_scheduler", lambda: found)
    monkeypatch.setattr(pending, "make_figure", lambda *arguments: arguments[3])
    assert all("SQLite alone" in str(beside) for beside in pending.measure_pending(bench))
    assert set(bench.gaps) == {"made", "drained"}


def test_the_flow_of_the_peer_is_connected() -> None:
    """From the request in to the request out; every wire ends at a node."""
    flow = whole._flow(4711)
    nodes = {node["id"]: node for node in flow}
    wires = {node["id"]: [end for wire in node.get("wires", []) for end in wire] for node in flow}
    assert {end for ends in wires.values() for end in ends} == nodes.keys() - {"tab", "in"}
    assert nodes["request"]["url"] == "http://127.0.0.1:4711/hook"
    assert wires["in"] == ["kind", "out"]
    assert (wires["kind"], wires["total"], wires["made"]) == (["total"], ["made"], ["request"])
