"""Who does the work: the port, the local pool of threads, and the recorder of outcomes."""
