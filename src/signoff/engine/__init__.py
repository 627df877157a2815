"""Use cases, one file per verb. Each function is one transaction's worth of decision; stores are handed in."""
