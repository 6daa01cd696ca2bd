"""What is kept. `base` is the port, `sqlite/` one database behind it; all SQL stands in `queries.sql`."""
