"""One SQLite file, one connection that writes, group commit."""
