"""The event stream: a page that stays open is told when there is something new.

`views` opens a stream, `sockets` takes its connection out of gunicorn's hands, and `hub` looks after
all of them in one thread. See docs/decisions/007-streams-without-threads.md.
"""
