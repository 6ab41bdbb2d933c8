"""nginx with one worker, at a port that the system chooses.

In       what stands in the ``http`` block of its configuration
Out      the port, on stdout
Holds    nginx, and a directory for it, until SIGTERM
Fails    exit status of nginx, which writes why to stderr

nginx cannot be told to choose a port. But it takes over a socket that listens already,
if the variable NGINX names its descriptor: so it does when it replaces its own program.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peers.listening import listening

__all__ = ["run"]

CONFIGURATION = """\
daemon off;
USER
worker_processes 1;
error_log stderr error;
pid nginx.pid;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    HTTP
}
"""


def run(http: str) -> int:
    """Run nginx until SIGTERM; return its exit status.

    Args:
        http: @PORT@ stands for the port, and @FOLDER@ for a directory of its own.
    """
    with tempfile.TemporaryDirectory() as folder, listening() as listener:
        http = http.replace("@PORT@", str(listener.getsockname()[1]))
        http = http.replace("@FOLDER@", folder)
        text = CONFIGURATION.replace("USER", _user()).replace("HTTP", http)
        Path(folder, "nginx.conf").write_text(text)
        nginx = subprocess.Popen(
            ["nginx", "-p", folder, "-e", "stderr", "-c", "nginx.conf"],
            pass_fds=[listener.fileno()],
            env=os.environ | {"NGINX": f"{listener.fileno()};"},
        )
        signal.signal(signal.SIGTERM, lambda number, frame: nginx.terminate())
        return nginx.wait()


def _user() -> str:
    """Let the worker be who we are: else root's is nobody, who may read nothing."""
    return "user root root;" if os.geteuid() == 0 else ""


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]).read_text()))
