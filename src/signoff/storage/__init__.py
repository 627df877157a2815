"""Where the truth is kept: one schema for SQLite and PostgreSQL, and a store in memory as reference."""
