"""One round of APScheduler's SQLAlchemyJobStore on SQLite: run by the Python of its own environment.

`python scheduler_peer.py DATABASE COUNT SECONDS` adds that many single dates that have just passed, while the
scheduler is paused, then lets it go; prints how many a second were added and worked off, as JSON. Each takes at most
SECONDS. Defaults throughout: SQLite as SQLAlchemy opens it, and the twenty threads that APScheduler's pages show.
"""

import json
import logging
import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import apscheduler
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

THREADS = 20


class Counter:
    """How many were worked off, and the moment of the last one."""

    def __init__(self) -> None:
        self.wanted = 0
        self.count = 0
        self.last = 0.0
        self.lock = threading.Lock()
        self.all = threading.Event()

    def add(self) -> None:
        """One more."""
        with self.lock:
            self.count += 1
            self.last = time.perf_counter()
            if self.count == self.wanted:
                self.all.set()


#: what is scheduled is the name of a function, so that this has to have a name too
counter = Counter()


def act() -> None:
    """What is scheduled: as little as can be."""
    counter.add()


def main() -> None:
    """Add, let go, wait, tell."""
    database, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    logging.disable(logging.CRITICAL)
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{database}")},
        executors={"default": ThreadPoolExecutor(THREADS)},
        job_defaults={"misfire_grace_time": None, "coalesce": False},
        timezone=UTC,
    )
    scheduler.start(paused=True)
    due = datetime.now(UTC) - timedelta(seconds=1)
    until = time.monotonic() + seconds
    begun = time.perf_counter()
    added = 0
    while added < count and time.monotonic() < until:
        scheduler.add_job("__main__:act", "date", run_date=due, id=str(added))
        added += 1
    made = added / (time.perf_counter() - begun)
    counter.wanted = added
    begun = time.perf_counter()
    scheduler.resume()
    counter.all.wait(seconds)
    drained = counter.count / (counter.last - begun) if counter.count else 0.0
    told = {"version": apscheduler.version, "made": made, "drained": drained, "count": counter.count, "added": added}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what was not worked off in time would be waited for


if __name__ == "__main__":
    main()
