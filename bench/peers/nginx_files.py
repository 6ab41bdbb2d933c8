"""Files over HTTP: nginx, with sendfile.

In       the directory
"""

import sys

from bench.peers.nginx import run

CONFIGURATION = """\
server {
    listen 127.0.0.1:@PORT@;
    root "ROOT";
    sendfile on;
    tcp_nopush on;
}
"""

if __name__ == "__main__":
    sys.exit(run(CONFIGURATION.replace("ROOT", sys.argv[1])))
