"""`make demo`: the main job in half a minute, without a second terminal. Everything here is the real thing.

A real daemon works on a copy of the shipped rules in a temporary directory. One thing is different: the copy's
webhook goes to a small receiver inside this script, which stands for hooks.crm.example.com. It ends with 0, or
with 1 where something was not as told.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).resolve().parents[1]
AUTOFLOW = Path(sys.executable).parent / "autoflow"
HOOK = "https://hooks.crm.example.com"
PATIENCE = 20.0
"""Seconds after which something that should happen counts as not happening."""

CONFIG = """\
state: state/
http: {{ listen: "127.0.0.1:0" }}
egress: {{ allow: ["127.0.0.1:{port}"] }}
"""


class NotAsToldError(Exception):
    """What the demo says would happen did not happen."""


class Receiver(BaseHTTPRequestHandler):
    """Stands for hooks.crm.example.com: takes webhooks and remembers them."""

    taken: ClassVar[list[tuple[str, dict[str, object]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.taken.append((self.headers["Idempotency-Key"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Nothing: the narration says what came."""


class Demo:
    """A daemon, the commands that a person would type, and what they show."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.outbox = home / "state" / "outbox"
        self._said = home / "daemon.txt"
        self._daemon: subprocess.Popen[bytes] | None = None
        for name in ("rules", "templates", "examples"):
            shutil.copytree(ROOT / name, home / name)
        rule = home / "rules" / "high-value-job.yaml"
        rule.write_text(rule.read_text().replace(HOOK, f"http://127.0.0.1:{port}"))
        (home / "config.yaml").write_text(CONFIG.format(port=port))

    def start(self) -> None:
        """Start the daemon and show what it says."""
        told = self._said.stat().st_size if self._said.exists() else 0
        show_command("autoflow run &")
        with self._said.open("ab") as said:
            self._daemon = subprocess.Popen(  # noqa: S603 - our own program
                [AUTOFLOW, "run", "--log-format", "text"], cwd=self.home, stdin=subprocess.DEVNULL, stderr=said
            )
        wait_for(lambda: "  waiting  " in self._text(told), "the daemon is ready")
        for line in self._text(told).splitlines():
            if not line[:2].isdigit():  # the log lines between begin with a time
                show(line)

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        assert self._daemon is not None  # noqa: S101 - the script starts it first
        show_command("kill -9 <the daemon>")
        self._daemon.kill()
        self._daemon.wait(PATIENCE)

    def close(self) -> None:
        """End the daemon politely, if it runs."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM)
            self._daemon.wait(PATIENCE)

    def type(self, *words: str) -> None:
        """Run a command and show what it prints."""
        show_command("autoflow " + " ".join(words))
        ran = self._run(*words)
        show((ran.stdout + ran.stderr).rstrip())
        if ran.returncode:
            raise NotAsToldError(f"autoflow {words[0]} ended with {ran.returncode}")

    def ask(self, *words: str) -> dict[str, object]:
        """What a command answers to a machine; not shown."""
        ran = self._run(*words, "--json")
        answer: dict[str, object] = json.loads(ran.stdout)
        return answer

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [str(AUTOFLOW), *words],
            cwd=self.home,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def messages(self, ending: str) -> list[Path]:
        """The files of the outbox of one kind."""
        return sorted(self.outbox.glob(f"*{ending}"))

    def daemon_says(self, text: str) -> bool:
        """Whether the daemon has said it by now."""
        return text in self._text(0)

    def daemon_shows(self, kind: str) -> str:
        """The newest message of a kind, as the daemon shows it on its terminal."""
        *_, text = self._text(0).rpartition(f"{kind} to ")
        lines = text.splitlines()
        end = next(n for n, line in enumerate(lines) if str(self.outbox) in line)
        return f"{kind} to " + "\n".join(lines[: end + 1])

    def _text(self, begin: int) -> str:
        return self._said.read_bytes()[begin:].decode(errors="replace")


def tell(text: str) -> None:
    """A line of the narration."""
    mark, end = ("\033[1;36m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    sys.stdout.write(f"\n{mark}# {text}{end}\n")
    sys.stdout.flush()


def show(text: str) -> None:
    """What somebody at the terminal would see."""
    for line in text.splitlines():
        sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


def show_command(line: str) -> None:
    """What somebody would type."""
    sys.stdout.write(f"$ {line}\n")
    sys.stdout.flush()


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    """Return as soon as it is so. NotAsToldError when it does not become so."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise NotAsToldError(f"this did not happen: {what}")
        time.sleep(0.02)


def show_at_once(demo: Demo) -> None:
    """A rule without a delay: an email and a webhook."""
    tell("An event comes in. A rule wants it, and acts at once: an email, and a webhook to the sales system.")
    demo.type("emit", "job.created", "--data", "@examples/job-created.json")
    wait_for(lambda: bool(demo.messages(".eml") and Receiver.taken), "an email and a webhook")
    tell("Without a mail server in the config, messages become files, and the daemon shows them:")
    wait_for(lambda: demo.daemon_says("email to "), "the daemon shows the email")
    show(demo.daemon_shows("email"))
    key, body = Receiver.taken[0]
    tell("What the receiver of the webhook got:")
    show(f"Idempotency-Key: {key}\n{json.dumps(body)}")


def show_waiting(demo: Demo) -> None:
    """A rule with a delay, and a duplicate."""
    tell("Another rule waits five minutes before it acts.")
    demo.type("emit", "job.status.changed", "--id", "done-1", "--data", "@examples/job-done.json")
    demo.type("pending", "list")
    tell("The sender is unsure and sends the same event again. It starts nothing.")
    demo.type("emit", "job.status.changed", "--id", "done-1", "--data", "@examples/job-done.json")


def show_kill(demo: Demo) -> None:
    """A kill while something waits; then the message, once."""
    tell("While it waits, the daemon is killed, and started again. What waits is still there.")
    demo.kill()
    demo.start()
    tell("Nobody wants to wait five minutes here, so it is made due.")
    waiting = demo.ask("pending", "list")["items"]
    assert isinstance(waiting, list)  # noqa: S101 - the shape of the answer
    if len(waiting) != 1:
        raise NotAsToldError(f"{len(waiting)} triggers wait, not 1")
    demo.type("pending", "run-now", str(waiting[0]["id"]))
    wait_for(lambda: bool(demo.messages(".json")), "a text message")
    wait_for(lambda: demo.daemon_says("sms to "), "the daemon shows the text message")
    show(demo.daemon_shows("sms"))
    wait_for(lambda: not demo.ask("pending", "list")["items"], "nothing waits")
    demo.type("runs", "list")
    if len(demo.messages(".json")) != 1 or len(Receiver.taken) != 1:
        raise NotAsToldError("a message went out twice")
    tell("One event, one message: neither the duplicate nor the kill made it two.")


def show_cancel(demo: Demo) -> None:
    """An event that ends the wait."""
    tell("A job is done and then opened again within the five minutes: its message is forgotten.")
    demo.type("emit", "job.status.changed", "--data", "@examples/job-done.json")
    demo.type("emit", "job.reopened", "--data", "@examples/job-reopened.json")
    demo.type("pending", "list")
    if demo.ask("pending", "list")["items"]:
        raise NotAsToldError("it still waits")


def show_bad_edit(demo: Demo) -> None:
    """A mistake in a rule file, told and corrected, while the good rules run on."""
    tell("Somebody makes a mistake in a rule file. The daemon says where, and the last good rules run on.")
    rule = demo.home / "rules" / "notify-technician.yaml"
    good = rule.read_text()
    show_command("sed -i 's/\"Done\"/Done/' rules/notify-technician.yaml")
    rule.write_text(good.replace('"Done"', "Done"))
    wait_for(lambda: demo.daemon_says("the last good ones run on"), "the daemon refuses the file")
    demo.type("health")
    rule.write_text(good)
    wait_for(lambda: not is_degraded(demo), "the corrected rules are in force")
    tell("Corrected, the rules are in force again; nothing was restarted.")
    demo.type("health")


def is_degraded(demo: Demo) -> bool:
    """Whether health complains."""
    return demo.ask("health")["status"] != "ok"


def main() -> int:
    """The demo, from start to end."""
    began = time.monotonic()
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="autoflow-demo-") as directory:
        demo = Demo(Path(directory), receiver.server_port)
        try:
            tell(f"The daemon is started on the shipped rules, in a directory of its own: {directory}")
            tell(f"(In this copy the webhook to {HOOK} goes to a receiver inside this script.)")
            demo.start()
            for part in (show_at_once, show_waiting, show_kill, show_cancel, show_bad_edit):
                part(demo)
        except NotAsToldError as error:
            sys.stderr.write(f"not as told: {error}\n")
            return 1
        finally:
            demo.close()
            receiver.shutdown()
    tell(f"That was all of it, in {time.monotonic() - began:.0f} seconds. To try it yourself: make run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
