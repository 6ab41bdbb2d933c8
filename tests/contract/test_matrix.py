"""The page of promises lists the promises that there are."""

import ast
from pathlib import Path

from portside.testing.contract import CHECKS
from tests.contract.matrix import PAGE, promises_of, words_of

HERE = Path(__file__).parent


def test_the_page_lists_what_the_suite_asks_of_every_model() -> None:
    asked = {
        words_of(each.name.removeprefix("test_"))
        for file in ("test_model.py", "test_packets.py")
        for each in ast.walk(ast.parse((HERE / file).read_text()))
        if isinstance(each, ast.FunctionDef)
        and each.name.startswith("test_")
        and "model" in {argument.arg for argument in each.args.args}
    }
    asked |= {words_of(name) for name in CHECKS}
    assert promises_of(PAGE.read_text()) == asked, "run: make matrix"
