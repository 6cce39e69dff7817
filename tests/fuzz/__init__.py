"""Hostile messages without end: `make fuzz`; what was found interesting is kept and replayed."""
