"""nginx, which tells what it understood of each request.

It answers nothing itself, as it would not read bodies then: it forwards to itself, and
with request buffering it has read a body to the end when it does so.
"""

import sys

from bench.peers.nginx import run

CONFIGURATION = """\
client_max_body_size 1m;
lingering_timeout 200ms;
large_client_header_buffers 8 8k;
map $http_content_length $length { "" 0; default $http_content_length; }
map $request_uri $path { "~^([^?]*)" $1; }
server {
    listen 127.0.0.1:@PORT@;
    location / {
        proxy_pass http://unix:@FOLDER@/behind;
        proxy_set_header Host behind;
        proxy_ignore_client_abort on;
        proxy_buffer_size 32k;  # the path is told in the head
        proxy_buffers 4 32k;
    }
}
server {
    listen unix:@FOLDER@/behind;
    default_type text/plain;
    location / {
        add_header Seen "$request_method $length $path";
        return 200 "seen\\n";
    }
}
"""

if __name__ == "__main__":
    sys.exit(run(CONFIGURATION))
