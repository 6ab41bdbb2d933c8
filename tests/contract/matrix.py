"""What holds under which model, as the contract suite finds it: `make matrix`.

In       the tests of this directory, run
Out      docs/reference/matrix.md
Fails    exit 1, and writes nothing, if a promise is broken
"""

import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

from portside.models import MODELS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "matrix.md"
FILES = ("test_model.py", "test_packets.py", "test_conn_in_handlers.py")

HEAD = """\
# Models and promises

Each line is a promise that a test asks of every model.
`make matrix` runs them all and writes this page.
*yes*: it holds.
A number: the model cannot do it, for the reason below.
"""

Table = dict[str, dict[str, dict[str, str]]]  # group, promise, model: what was found


class Findings:
    """A plugin of pytest: remembers what became of each promise under each model."""

    def __init__(self) -> None:
        self.table: Table = defaultdict(lambda: defaultdict(dict))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        place = place_of(item)
        if place is not None and report.when == "call" and report.skipped:
            group, promise, model = place
            assert isinstance(report.longrepr, tuple)
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self.table[group][promise][model] = reason
        elif place is not None and report.when == "call":
            group, promise, model = place
            self.table[group][promise].setdefault(model, "yes")
        return report


def place_of(item: pytest.Function) -> tuple[str, str, str] | None:
    """Return group, promise and model of a test; None for one of a single model."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    model = str(params.get("model", params.get("server", "")))
    if not model:
        return None
    if "check" in params:
        return "A conn in a handler", words_of(str(params["check"])), model
    group = item.cls.__name__.removeprefix("Test") if item.cls else "Otherwise"
    return spaced(group), words_of(item.originalname.removeprefix("test_")), model


def words_of(name: str) -> str:
    return name.replace("_", " ")


def spaced(name: str) -> str:
    """Return CamelCase as words."""
    text = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return text[:1].upper() + text[1:]


def page(table: Table) -> str:
    """Return the page."""
    reasons: list[str] = []
    lines = [HEAD]
    for group, promises in table.items():
        lines += [f"## {group}\n", f"| promise | {' | '.join(MODELS)} |"]
        lines.append("| --- " * (len(MODELS) + 1) + "|")
        for promise, found in promises.items():
            cells = [cell(found[model], reasons) for model in MODELS]
            lines.append(f"| {promise} | {' | '.join(cells)} |")
        lines.append("")
    lines.append("## Why not\n")
    lines += [f"{n}. {reason}" for n, reason in enumerate(reasons, 1)]
    return "\n".join(lines) + "\n"


def cell(found: str, reasons: list[str]) -> str:
    if found == "yes":
        return found
    if found not in reasons:
        reasons.append(found)
    return str(reasons.index(found) + 1)


def promises_of(text: str) -> set[str]:
    """Return the promises that a page lists."""
    rows = [line.split(" | ")[0] for line in text.splitlines() if line[:2] == "| "]
    return {row.removeprefix("| ") for row in rows} - {"promise", "---"}


def main() -> int:
    findings = Findings()
    tests = [str(HERE / name) for name in FILES]
    # The names of the models come from what is under test, so it is imported already.
    quiet = ["-q", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = pytest.main([*quiet, "-p", "no:randomly", *tests], [findings])
    if status == 0:
        PAGE.write_text(page(findings.table))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
