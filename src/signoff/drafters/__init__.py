"""Whatever makes the first pass: any function of the evidence, or one of these."""
