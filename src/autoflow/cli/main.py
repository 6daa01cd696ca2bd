"""`autoflow`: where it begins, and how each command ends, whatever happens in it."""

from __future__ import annotations

import gc
import os
import sys

COLLECT = (50_000, 20, 100)
"""When garbage is looked for: nearly all that a command makes lives until its end."""
INTERRUPTED = 130
PIPE_CLOSED = 141


def main() -> None:
    """Run a command and end with its exit code; every error is one clear line, never a traceback."""
    gc.set_threshold(*COLLECT)
    _ready_streams()
    code = _run(sys.argv[1:])
    gc.freeze()  # else the interpreter, as it ends, walks through all there is in search of garbage
    sys.exit(code)


def _ready_streams() -> None:
    """What the caller has closed leads nowhere: else the next file would get its number, and what is said to it.

    What is said is UTF-8 in any locale, and a name that is not comes out in escapes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process lives
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _run(words: list[str]) -> int:
    try:
        code = _say_version() if words == ["--version"] else _call(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _say_version() -> int:
    """The answer that scripts ask for by itself comes before any command is imported."""
    from autoflow import __version__

    sys.stdout.write(f"autoflow {__version__}\n")
    return 0


def _call(words: list[str]) -> int:
    import typer

    from autoflow.cli.commands import make_app
    from autoflow.cli.completion import typed_command
    from autoflow.errors import AutoflowError

    try:
        _arm_failpoints()
        app = make_app(words[0] if words else typed_command())
        return int(app(standalone_mode=False, prog_name="autoflow") or 0)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer turns it into an exit code of its own
            raise BrokenPipeError from None
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except AutoflowError as error:
        return _end(error)
    except Exception as error:  # the last stop: whatever it is, a person gets one line
        return _end_wrongly(error, words)


def _arm_failpoints() -> None:
    """What tests break on purpose. Nobody is to run that way without being told."""
    armed = os.environ.get("AUTOFLOW_FAILPOINT")
    if armed:
        from autoflow import failpoints

        failpoints.arm(armed)
        sys.stderr.write(f"warning: failpoints are armed, this is a test: {armed}\n")


def _end(error: Exception) -> int:
    from autoflow.cli.failures import exit_code_of, report_error

    report_error(error, as_json="--json" in sys.argv)
    return exit_code_of(error)


def _end_wrongly(error: Exception, words: list[str]) -> int:
    from autoflow.cli.failures import defect_of, usage_error_of

    usage = usage_error_of(error, words)
    if usage is not None:
        return _end(usage) if usage.message else usage.exit_code
    if os.environ.get("AUTOFLOW_TRACEBACK", "0") not in ("", "0"):
        import traceback

        traceback.print_exc()
    return _end(defect_of(error))


def _forget_output() -> None:
    """Whoever read our output has gone: nothing is left to say, and the interpreter is not to try."""
    import contextlib

    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
