"""When to look: the tick on Flask-APScheduler, the one-scheduler lock, the heartbeat."""
