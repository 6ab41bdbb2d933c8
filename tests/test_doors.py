"""What is public: the names of each module, and what the front door pulls in."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import pytest

import portside
import portside.http

ROOMS = (
    "names", "engine", "net", "models", "server", "services", "http", "observe",
    "testing",
)  # fmt: skip
MODULES = sorted(
    each.name
    for each in pkgutil.walk_packages(portside.__path__, "portside.")
    if not any(part.startswith("_") for part in each.name.split("."))
)

FRONT_DOOR = (
    "Cancelled Error Event Lock Queue Report Server Service TaskGroup "
    "deadline net now offload packet_handler serve sleep timeout"
)


def test_the_front_door_is_as_promised() -> None:
    assert sorted(portside.__all__) == FRONT_DOOR.split()


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_what_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_every_public_function_and_class(name: str) -> None:
    module = importlib.import_module(name)
    public = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
    }
    assert public - set(module.__all__) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_flows_through_it_and_what_it_may_import(room: str) -> None:
    door = importlib.import_module(f"portside.{room}").__doc__ or ""
    assert re.search(r"flow|^In  ", door, re.MULTILINE)
    assert "mport" in door


def test_the_front_door_pulls_in_nothing_heavy() -> None:
    heavy = "rich click ssl asyncio http.client multiprocessing concurrent.futures"
    script = (
        "import sys, portside\n"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_name_of_the_web_is_that_of_a_file() -> None:
    """Whoever imports the file would put it in the place of the name."""
    files = {each.name for each in pkgutil.iter_modules(portside.http.__path__)}
    assert files & set(portside.http.__all__) == set()
