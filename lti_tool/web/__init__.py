"""Flask helpers that every view may use."""
