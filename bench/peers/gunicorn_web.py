"""Pages over HTTP: gunicorn with one worker, and a WSGI application.

In       the kind of worker: "gevent" or "gthread"
"""

import os
import sys

from bench.peers.listening import listening


def main() -> None:
    """Become gunicorn, which takes the socket over."""
    listener = listening()
    listener.set_inheritable(True)
    words = ["--bind", f"fd://{listener.fileno()}", "--worker-class", sys.argv[1]]
    # A connection is kept for a minute, as it is elsewhere; gthread has 8 threads.
    words += ["--keep-alive", "60", "--log-level", "warning"]
    words += ["--threads", "8"] if sys.argv[1] == "gthread" else []
    program = [sys.executable, "-m", "gunicorn", *words, "bench.peers.hello_wsgi:app"]
    os.execv(sys.executable, program)


if __name__ == "__main__":
    main()
