"""Who drives the engine: time and threads."""
