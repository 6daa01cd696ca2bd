"""Every happening that autoflow logs: its stable name, which tools may search for, and its sentence.

Names are promises and do not change; sentences may. A test holds that no other name is logged.
"""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "action.attempt": "An action was tried.",
    "action.dead_lettered": "An action was given up.",
    "action.defect": "An action failed by a defect of autoflow.",
    "action.message": "A rule says something.",
    "api.defect": "A request failed by a defect of autoflow.",
    "condition.error": "A condition could not be evaluated.",
    "config.warning": "The config can be used and is probably not meant so.",
    "daemon.defect": "A part of the daemon failed by a defect of autoflow; the daemon ends.",
    "daemon.draining": "The daemon was told to stop and finishes what is under way.",
    "daemon.failpoints": "The daemon is made to fail at points that AUTOFLOW_FAILPOINT names: for tests alone.",
    "daemon.killed": "The daemon was told twice to stop, and does so at once.",
    "daemon.started": "The daemon is ready.",
    "daemon.stopped": "The daemon has stopped.",
    "dead_letter.untold": "No event tells of a dead letter: the chain of events is too long already.",
    "dispatch.defect": "Looking for waiting work failed by a defect of autoflow; it is tried again.",
    "dispatch.storage": "Waiting work could not be read; it is tried again.",
    "dispatch.suspect": "The daemon ended each time this was under way; it is tried with nothing beside it.",
    "dispatch.swept": "Waiting work of which nobody had woken the daemon was found.",
    "event.duplicate_mismatch": "A duplicate differs from the event that came first; the first one counts.",
    "intake.refused": "A request was refused.",
    "intake.request": "A request was taken.",
    "retention.pruned": "What is done with and old was removed.",
    "retention.storage": "What is old could not be removed; it is tried again.",
    "rules.last_good": "The last good rules stay in use.",
    "rules.loaded": "Rules were loaded.",
    "rules.refused": "Rules were not loaded: there is an error in them.",
    "rules.unwatched": "The system does not tell of changed files; they are looked at every ten seconds.",
    "rules.version_unusable": "Work waits under a rule that can no longer be loaded; it will be a dead letter.",
    "run.planned": "A run waits until it is due.",
    "run.cancelled": "A run was cancelled.",
    "run.defect": "A run failed by a defect of autoflow.",
    "run.fenced": "A run was taken over by another owner; this one gives up.",
    "run.storage": "A run's result could not be stored; it is tried again.",
    "rules.reload_failed": "The rules could not be read again; it is tried at the next change.",
    "stats.defect": "Counting for the statistics failed by a defect of autoflow; it goes on.",
    "stats.storage": "What was counted for the statistics could not be stored; it is tried again.",
    "stdin.ended": "Standard input has ended.",
    "store.broken": "Nothing may be written any more; the process ends.",
    "store.defect": "What follows a commit failed by a defect of autoflow; the commit stands.",
}
