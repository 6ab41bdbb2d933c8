"""What the client calls a file, and what is left of it."""

import pytest

from portside.http.message.form_file import bare_filename

NAMES = {
    "a name": ("photo.jpg", "photo.jpg"),
    "of any script": ("Grüße от 猫.txt", "Grüße от 猫.txt"),
    "a space inside": ("my photo.jpg", "my photo.jpg"),
    "a path": ("/home/me/photo.jpg", "photo.jpg"),
    "a path of Windows": ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
    "both": ("a\\b/c", "c"),
    "upwards": ("../../etc/passwd", "passwd"),
    "upwards in Windows": ("..\\..\\boot.ini", "boot.ini"),
    "only upwards": ("../..", ""),
    "this directory": (".", ""),
    "a directory": ("a/b/", ""),
    "nothing": ("", ""),
    "dots that become upwards": (".\0.", ""),
    "hidden": (".bashrc", ".bashrc"),
    "three dots": ("...", "..."),
    "nul": ("photo.jpg\0.exe", "photo.jpg.exe"),
    "a line": ("a\r\nSet-Cookie: b", "aSet-Cookie: b"),
    "an escape": ("\x1b[31mred\x9b", "[31mred"),
    "a delete": ("a\x7fb", "ab"),
    "turned around": ("photo\u202egpj.exe", "photogpj.exe"),
    "spaces around": ("  a  ", "a"),
    "spaces around dots": (" .. ", ""),
    "half of a character": ("a\ud800b", "ab"),
}


@pytest.mark.parametrize(("given", "left"), NAMES.values(), ids=NAMES)
def test_of_a_filename_the_last_part_is_left_and_what_shows(given, left):
    assert bare_filename(given) == left
