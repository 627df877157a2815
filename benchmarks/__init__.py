"""Ours beside a peer in the same run. ``make bench NAME=ledger`` runs ``benchmarks.ledger``."""
