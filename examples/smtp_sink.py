"""Keep all mail in ./mail. Models: serial fork thread nonblocking hybrid."""

import os
from tempfile import NamedTemporaryFile

from portside.net import Conn

REPLIES = {b"DATA": b"354 end with a dot", b"QUIT": b"221 bye", b"EHLO": b"250 sink"}
REPLIES |= dict.fromkeys((b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP"), b"250 ok")


def smtp(conn: Conn) -> None:
    conn.write(b"220 sink\r\n")
    for line in conn.lines(1000, idle=True):
        verb = line[:4].upper()
        conn.write(REPLIES.get(verb, b"500 what?") + b"\r\n")
        if verb == b"DATA":
            mail = bytearray()
            while (text := conn.read_until(b"\r\n", 1000)) != b".\r\n":
                mail += text.removeprefix(b".")  # the client has put one before a dot
                if len(mail) > 10_000_000:
                    raise ValueError("a mail of over 10 MB")
            os.makedirs("mail", exist_ok=True)  # on disk, where every model shares it
            with NamedTemporaryFile(dir="mail", delete=False) as file:
                file.write(mail)
            conn.write(b"250 kept\r\n")
        elif verb == b"QUIT":
            return
