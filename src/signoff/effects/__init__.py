"""Ways out: effects that are ready to use."""
