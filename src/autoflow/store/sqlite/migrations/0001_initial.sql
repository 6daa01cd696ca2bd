-- The first schema. Times are UTC milliseconds; JSON is text.

CREATE TABLE owner (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL
) STRICT;

INSERT INTO owner (one, epoch) VALUES (1, 0);

-- One row a version of a rule: its meaning, and where that meaning was first seen.
CREATE TABLE rule_versions (
    id         INTEGER PRIMARY KEY,
    account    TEXT NOT NULL,
    rule_id    TEXT NOT NULL,
    hash       TEXT NOT NULL,
    document   TEXT NOT NULL,
    path       TEXT,
    line       INTEGER,
    git_commit TEXT,
    author     TEXT,
    dirty      INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (account, rule_id, hash)
) STRICT;

-- One row a set of rules that ran: `versions` is a JSON array of rule_versions.id.
CREATE TABLE generations (
    id         INTEGER PRIMARY KEY,
    versions   TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    account     TEXT NOT NULL,
    type        TEXT NOT NULL,
    subject     TEXT,
    time        INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    depth       INTEGER NOT NULL,
    data        TEXT NOT NULL,
    extensions  TEXT,
    generation  INTEGER NOT NULL REFERENCES generations (id),
    matched     INTEGER NOT NULL,
    parent_run  TEXT
) STRICT;

-- The senders' ids: what decides on duplicates, and finds an event by its id.
CREATE TABLE event_keys (
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    account     TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (id, source, account)
) STRICT, WITHOUT ROWID;

-- The only place where something waits.
CREATE TABLE pending_triggers (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('start', 'resume', 'retry')),
    account    TEXT NOT NULL,
    rule_id    TEXT NOT NULL,
    version    INTEGER NOT NULL REFERENCES rule_versions (id),
    event_seq  INTEGER NOT NULL REFERENCES events (seq),
    run_id     TEXT NOT NULL UNIQUE,
    due_at     INTEGER NOT NULL,
    step       INTEGER NOT NULL,
    target     TEXT,
    shadow     INTEGER NOT NULL,
    cancelled  TEXT,
    claim      INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX pending_due ON pending_triggers (due_at, id) WHERE claim = 0;
CREATE INDEX pending_claimed ON pending_triggers (claim) WHERE claim <> 0;
CREATE INDEX pending_by_rule ON pending_triggers (account, rule_id);
CREATE INDEX pending_by_version ON pending_triggers (version);
CREATE INDEX pending_by_event ON pending_triggers (event_seq);

-- Which events end which waiting work: a pattern (hash of its meaning), and the key's JSON.
CREATE TABLE waits (
    pattern TEXT NOT NULL,
    account TEXT NOT NULL,
    key     TEXT NOT NULL,
    pending INTEGER NOT NULL REFERENCES pending_triggers (id) ON DELETE CASCADE,
    PRIMARY KEY (pattern, account, key, pending)
) STRICT, WITHOUT ROWID;

CREATE INDEX waits_by_pending ON waits (pending);

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL,
    rule_id     TEXT NOT NULL,
    version     INTEGER NOT NULL REFERENCES rule_versions (id),
    event_seq   INTEGER NOT NULL REFERENCES events (seq),
    status      TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled', 'shadow')),
    error       TEXT,
    due_at      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_event ON runs (event_seq);
CREATE INDEX runs_by_rule ON runs (account, rule_id, id);
CREATE INDEX runs_by_version ON runs (version);
CREATE INDEX runs_finished ON runs (finished_at) WHERE finished_at IS NOT NULL;

-- What a step sends is fixed before its first attempt and sent again as it stands.
CREATE TABLE run_steps (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step        TEXT NOT NULL,
    type        TEXT NOT NULL,
    key         TEXT NOT NULL,
    target      TEXT,
    params      TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'shadow')),
    attempts    INTEGER NOT NULL,
    series_base INTEGER NOT NULL DEFAULT 0,
    output      TEXT,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    run_id      TEXT NOT NULL,
    step        TEXT NOT NULL,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    result      TEXT,
    code        TEXT,
    detail      TEXT,
    PRIMARY KEY (run_id, step, number),
    FOREIGN KEY (run_id, step) REFERENCES run_steps (run_id, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    id         INTEGER PRIMARY KEY,
    run_id     TEXT NOT NULL REFERENCES runs (id),
    step       TEXT NOT NULL,
    step_index INTEGER NOT NULL,
    account    TEXT NOT NULL,
    rule_id    TEXT NOT NULL,
    version    INTEGER NOT NULL REFERENCES rule_versions (id),
    event_seq  INTEGER NOT NULL REFERENCES events (seq),
    type       TEXT NOT NULL,
    target     TEXT,
    key        TEXT NOT NULL,
    params     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    code       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    status     TEXT NOT NULL DEFAULT 'dead' CHECK (status IN ('dead', 'replayed', 'discarded')),
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;

CREATE INDEX dead_letters_by_run ON dead_letters (run_id);
CREATE INDEX dead_letters_by_event ON dead_letters (event_seq);
CREATE INDEX dead_letters_by_version ON dead_letters (version);
CREATE INDEX dead_letters_by_status ON dead_letters (status, id);

-- A condition that could not be judged on an event: what would else be seen nowhere.
CREATE TABLE judgement_errors (
    event_seq INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    version   INTEGER NOT NULL REFERENCES rule_versions (id),
    message   TEXT NOT NULL,
    PRIMARY KEY (event_seq, version)
) STRICT, WITHOUT ROWID;
