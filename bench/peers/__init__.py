"""The servers that are compared: each the same small echo server.

Each is a program: it listens at 127.0.0.1, at a port that the system chooses, says
``port N`` on stdout, and serves until SIGTERM. All set TCP_NODELAY, listen with a
backlog of 4096 (Go: the kernel's own), and read 64 KiB at most at once (Go: 4 KiB).
Who takes part where is in `bench.roster`.
"""
