"""Ground floor: pure values and functions. No input or output, no clock, no dice, no threads."""
