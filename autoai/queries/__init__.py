"""The read side: what pages, programs and the shell see. Nothing here commits."""
