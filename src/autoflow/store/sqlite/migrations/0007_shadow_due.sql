-- What is due of the work that sends nothing: a daemon that must send nothing looks at no other.

CREATE INDEX pending_shadow_due ON pending_triggers (due_at, id) WHERE claim = 0 AND shadow = 1;
