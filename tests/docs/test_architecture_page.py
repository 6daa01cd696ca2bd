"""ARCHITECTURE.md speaks of the code as it is: packages, modules, tables and layers."""

import re
import tomllib

from support.documents import ROOT, read_section

PAGE = ROOT / "ARCHITECTURE.md"
SOURCE = ROOT / "src" / "autoflow"
PACKAGES = "The packages (`src/autoflow/`)"


def test_every_package_and_module_of_the_root_has_its_row() -> None:
    """Whoever opens the folder finds each thing in it on the page."""
    section = read_section(PAGE, PACKAGES)
    rows = "\n".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))
    present = {f"{path.name}/" for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    present |= {path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")}
    assert sorted(name for name in present if f"`{name}`" not in rows) == []


def test_every_module_that_is_named_exists() -> None:
    """Each module that a package's row names is in that package, and each file of the line is there."""
    named = re.findall(r"\b([a-z]+/[a-z_]+)\b", read_section(PAGE, "The line"))
    for package, told in re.findall(r"^\| `(\w+)/` \| (.+) \|$", read_section(PAGE, PACKAGES), re.MULTILINE):
        named += [f"{package}/{name}" for name in re.findall(r"`([a-z_]+)`", told)]
    assert len(named) > 50
    assert [name for name in named if not (SOURCE / f"{name}.py").is_file()] == []


def test_every_table_has_its_row_and_no_other() -> None:
    """The tables of the page are those that the migrations make."""
    sql = "".join(path.read_text() for path in (SOURCE / "store" / "sqlite" / "migrations").glob("*.sql"))
    made = set(re.findall(r"^CREATE TABLE (\w+)", sql, re.MULTILINE))
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", read_section(PAGE, "The tables"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == made


def test_layers_are_those_that_are_checked() -> None:
    """Who may import whom is what import-linter holds."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    section = read_section(PAGE, "Who may import whom")
    told = re.search(r"```text\n(.*?)```", section, re.DOTALL)
    assert told is not None
    optional = re.compile(r" \| \(\w+\)")  # a layer of a later release
    assert told[1].splitlines() == [optional.sub("", layer) for layer in layers]
