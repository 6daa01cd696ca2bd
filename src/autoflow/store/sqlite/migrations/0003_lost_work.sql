-- How often the daemon ended while something was under way (`lost`), and whether it was tried alone then.

ALTER TABLE pending_triggers ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;

ALTER TABLE pending_triggers ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;

CREATE INDEX pending_suspects ON pending_triggers (due_at, id) WHERE lost >= 3;
