"""HTTP as AutoAI speaks it: pooled connections, a total deadline, a bounded body, nothing followed.

requests by itself offers none of this: its timeout restarts with every byte, a redirect carries
headers along, `.netrc` replaces the Authorization header and proxy variables see it. So requests
are prepared by requests and handed straight to its adapter, past the session; the adapter's
connections tell their `Call` which socket they use, and one watchdog shuts that socket down when
the time is over or somebody ends the call.
"""

from .call import Call
from .client import Incoming, Outgoing, Transport

__all__ = ["Call", "Incoming", "Outgoing", "Transport"]
