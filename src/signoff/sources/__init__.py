"""Ways in: where cases come from."""
