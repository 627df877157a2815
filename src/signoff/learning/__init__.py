"""Pure maths: how sure, how often wrong. No clock, no dice, no input or output."""
