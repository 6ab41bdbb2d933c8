"""The servers that are compared: each the same small server.

Each is a program: it listens at 127.0.0.1, at a port that the system chooses, says
``port N`` on stdout, and serves until SIGTERM. Those of conns set TCP_NODELAY, listen
with a backlog of 4096 (Go: the kernel's own), and read 64 KiB at most at once (Go: 4
KiB). Those of packets (their files say so in their names) take 64 KiB or more in one
(gevent and socketserver: 8 KiB) and leave the socket's buffers as they are. Those of
the web answer the twenty pages of `bench.routes`, or send the files of a directory. Who
takes part where is in `bench.roster`.
"""
