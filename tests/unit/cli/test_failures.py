"""Each error ends in its own exit code, one clear line, and no traceback."""

import errno
import json

import pytest

from autoflow import errors
from autoflow.cli.client import RefusedError, refusal_of
from autoflow.cli.commands import make_app
from autoflow.cli.failures import defect_of, exit_code_of, report_error, usage_error_of
from autoflow.model.problem import Problem, Severity

PROBLEM = Problem(
    path="config.yaml", line=3, column=1, end_line=3, end_column=5, severity=Severity.ERROR, code="AF011",
    message="unknown key 'rulez'", hint="did you mean rules?",
)  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.IntakeError("x"), 1),
        (RefusedError("x"), 1),
        (errors.UnreachableError("x"), 69),
        (errors.AutoflowError("x"), 70),
        (errors.StateError("x"), 73),
        (errors.StorageError("x"), 74),
        (errors.LockedError("x"), 75),
        (errors.ConfigError("x"), 78),
        (errors.RulesError("x"), 78),
        (errors.NewerSchemaError("x"), 78),
        (ValueError("x"), 70),
    ],
)
def test_every_error_has_the_exit_code_of_the_contract(error: Exception, code: int) -> None:
    """Scripts rely on them."""
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("status", "code", "method", "kind"),
    [
        (404, "AF404", "GET", errors.UsageError),
        (400, "AF400", "GET", errors.UsageError),
        (400, "AF400", "POST", RefusedError),
        (409, "AF409", "POST", RefusedError),
        (413, "AF413", "POST", RefusedError),
        (503, "AF503", "POST", errors.UnreachableError),
        (503, "AF007", "GET", errors.StorageError),
        (503, "AF008", "GET", errors.NewerSchemaError),
        (500, "AF500", "GET", errors.AutoflowError),
    ],
)
def test_a_refusal_is_the_error_that_it_was_on_the_other_side(
    status: int, code: str, method: str, kind: type[Exception]
) -> None:
    """A broken file is a storage error, whoever has read it."""
    assert type(refusal_of(status, {"detail": "no", "code": code}, method=method)) is kind


def test_a_refusal_of_several_lines_names_each_of_them() -> None:
    """With the line of the file where there are lines."""
    body = {
        "detail": "/line/2: not JSON and 1 more",
        "code": "AF400",
        "errors": [
            {"pointer": "#", "line": 2, "detail": "not JSON"},
            {"pointer": "#/type", "line": 5, "detail": "is missing"},
        ],
    }
    refused = refusal_of(400, body, method="POST")
    assert str(refused) == "line 2: not JSON and 1 more\n  line 2: not JSON\n  line 5 /type: is missing"


def test_a_config_error_shows_each_place_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The headline, then every finding with its hint."""
    error = errors.ConfigError(f"the config cannot be used:\n{PROBLEM} (did you mean rules?)", problems=[PROBLEM])
    report_error(error)
    assert capsys.readouterr().err.splitlines() == [
        "error AF001: the config cannot be used:",
        "  config.yaml:3:1: AF011 unknown key 'rulez' (did you mean rules?)",
    ]


def test_a_refused_event_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What the message says already is not said again below it."""
    report_error(errors.IntakeError("/type: is missing", problems=[("/type", "is missing")], hint="name it"))
    assert capsys.readouterr().err == "error AF400: /type: is missing\n  name it\n"


def test_who_asked_for_json_gets_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """One object on standard error, with the exit code."""
    report_error(errors.LockedError("another daemon runs", hint="stop it"), as_json=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "type": "about:blank", "title": "Locked", "detail": "another daemon runs", "code": "AF005", "hint": "stop it",
        "exit_code": 75,
    }  # fmt: skip


def test_a_file_that_cannot_be_used_is_a_storage_error() -> None:
    """Named, with what the system says."""
    error = defect_of(PermissionError(13, "Permission denied", "state/autoflow.db"))
    assert exit_code_of(error) == 74
    assert error.message == "cannot use state/autoflow.db: Permission denied"


def test_a_defect_says_that_it_is_one() -> None:
    """And how to find out more."""
    error = defect_of(ZeroDivisionError("division by zero"))
    assert exit_code_of(error) == 70
    assert "ZeroDivisionError: division by zero" in error.message
    assert error.hint is not None
    assert "AUTOFLOW_TRACEBACK=1" in error.hint


def test_a_wrong_call_that_knows_no_command_points_to_the_help_of_the_first_word() -> None:
    """The parser of options does not say which command it was asked about."""
    with pytest.raises(Exception, match="requires an argument") as wrong:
        make_app("validate")(["validate", "--explain"], standalone_mode=False, prog_name="autoflow")
    for words, page in (
        (["validate", "--explain"], "autoflow validate"),
        ([], "autoflow"),
    ):
        error = usage_error_of(wrong.value, words)
        assert error is not None
        assert error.hint == f"see `{page} --help`"
    early = usage_error_of(wrong.value, ["--explain", "AF110", "validate"])
    assert early is not None
    assert early.hint == "options of a command stand behind it; see `autoflow --help`"


def test_a_disk_that_is_full_needs_no_name() -> None:
    """Standard output has none."""
    assert defect_of(OSError(errno.ENOSPC, "No space left on device")).message == (
        "cannot read or write: No space left on device"
    )
