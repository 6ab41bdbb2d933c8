"""Files on disk: opened so that nobody waits with whoever opens them.

What flows in are paths, of the program's own or out of a request; what flows out are
open regular files, or an error with a status. What is asked of the disk is asked in a
thread where it would hold up other tasks.

In reading order: `opening` (one file, and what its failure means to a client), `tree`
(files under a directory, and nothing else), `encodings` and `lookup` (which file a path
of a request stands for), `listing` (a page in place of a directory). `http.directory`
serves them.

May import `http.message`, and `engine` below. openat2(2).
"""

__all__: list[str] = []
