-- What events have shown of rules, as far as they were looked at: by version, and by comparison in the version's order.

CREATE TABLE rule_counts (
    version INTEGER PRIMARY KEY REFERENCES rule_versions (id) ON DELETE CASCADE,
    since   INTEGER NOT NULL,
    judged  INTEGER NOT NULL,
    woken   INTEGER NOT NULL
) STRICT;

CREATE TABLE leaf_counts (
    version    INTEGER NOT NULL REFERENCES rule_versions (id) ON DELETE CASCADE,
    leaf       INTEGER NOT NULL,
    seen_true  INTEGER NOT NULL,
    seen_false INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    PRIMARY KEY (version, leaf)
) STRICT, WITHOUT ROWID;
