"""House rules as code. This is policy: change it when the design does."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "portside").rglob("*.py"))


def test_no_file_is_named_for_what_has_no_name() -> None:
    nameless = {"utils", "util", "common", "helpers", "misc", "base", "manager", "impl"}
    assert [path for path in SOURCES if path.stem in nameless] == []


def test_no_file_is_longer_than_a_second_look() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: n for path, n in lengths.items() if n > 400} == {}


def test_only_the_render_file_prints() -> None:
    printing = [path for path in SOURCES if re.search(r"\bprint\(", code(path))]
    assert [path.name for path in printing if path.name != "_render.py"] == []


def test_every_file_begins_with_its_docstring() -> None:
    assert [
        path for path in SOURCES if not path.read_text().startswith(('"""', 'r"""'))
    ] == []


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    assert [path for path in SOURCES if marks.search(path.read_text())] == []


def code(path: Path) -> str:
    return re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
