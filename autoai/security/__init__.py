"""Keys: encryption bound to its row, masks, and redaction of everything that leaves a run."""
