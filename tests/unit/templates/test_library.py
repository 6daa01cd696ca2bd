"""The templates directory: files by name, problems collected, parts rendered together."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoflow.errors import TemplateError
from autoflow.templates import Message, TemplateLibrary


def write(directory: Path, **files: str) -> TemplateLibrary:
    """A library of these files; `__` stands for a dot."""
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(content)
    return TemplateLibrary.load(directory)


def test_the_parts_of_a_name_make_one_message(tmp_path: Path) -> None:
    """Text and subject are plain, HTML is escaped, and a subject is one line."""
    library = write(
        tmp_path,
        job__txt="Hi {{ name }}\n",
        job__html="<p>{{ name }}</p>",
        job__subject__txt="For\n {{ name }}\n",
        only__txt="just text",
        README__md="ignored",
    )
    assert library.names == {"job", "only"}
    assert library.problems == ()
    message = library.render("job", {"name": "<Jo>"})
    assert message == Message(subject="For <Jo>", text="Hi <Jo>\n", html="<p>&lt;Jo&gt;</p>")
    assert library.render("only", {}) == Message(text="just text")
    assert library.referenced_roots("job") == {"name"}


def test_a_missing_directory_is_an_empty_library(tmp_path: Path) -> None:
    """Nobody has to keep templates."""
    library = TemplateLibrary.load(tmp_path / "none")
    assert library.names == frozenset()
    assert library.problems == ()


def test_a_broken_file_is_a_problem_with_its_line(tmp_path: Path) -> None:
    """It takes down its own name only."""
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe")
    library = write(tmp_path, bad__txt="a\n{{ x | nosuch }}", bad__html="fine", good__txt="ok", sub__subject__txt="s")
    assert library.names == {"good"}
    assert {(problem.path.name, problem.line) for problem in library.problems} == {
        ("bad.txt", 2),
        ("latin.txt", 1),
        ("sub.subject.txt", 1),
    }


def test_errors_name_the_template_and_the_part(tmp_path: Path) -> None:
    """An unknown name lists the known ones; a missing fact names the file's part and line."""
    library = write(tmp_path, job__txt="a\n{{ nope }}")
    with pytest.raises(TemplateError, match=r"no template 'other'.*job"):
        library.render("other", {})
    with pytest.raises(TemplateError, match=r"template job \(text, line 2\): nope is undefined"):
        library.render("job", {})
