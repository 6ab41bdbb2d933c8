"""Load a handler from a file or a module of the person's own.

In       where it is (``app.py``, ``shop.views``) and what it is called there
Out      the object
Holds    the files that were loaded, so that two handlers of one file share it
Fails    Failure (usage) that says which line of the file is to blame

As when Python runs a script, the file's directory comes first on the import path, so
that it finds its neighbours; for a module that is the working directory.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from portside.cli.failure import USAGE, Failure
from portside.names.closest import did_you_mean

__all__ = ["load"]

_files: dict[Path, ModuleType] = {}


def load(place: str, name: str) -> Any:
    """Return what is called name in a file or a module.

    Raises:
        Failure: it cannot be loaded, or has no such name.
    """
    is_file = place.endswith(".py") or "/" in place
    found: Any = _load_file(place) if is_file else _load_module(place)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            hint = did_you_mean(part, [each for each in dir(found) if each[0] != "_"])
            raise Failure(f"{place}: has no {part!r}{hint}", USAGE) from None
    return found


def _load_file(place: str) -> ModuleType:
    path = Path(place).resolve()
    if path in _files:
        return _files[path]
    if not path.is_file():
        reason = "is no file" if path.exists() else "no such file"
        raise Failure(f"{place}: {reason}", USAGE)
    name = path.stem if path.stem not in sys.modules else f"{path.stem}@{len(_files)}"
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    _look_first_in(str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickle and dataclasses look it up there
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Failure(f"{place}: {_blame(error, str(path))}", USAGE) from error
    _files[path] = module
    return module


def _load_module(place: str) -> ModuleType:
    _look_first_in(str(Path.cwd()))
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place}.".startswith(f"{error.name}."):
            hint = f"; is it a file? write {place}.py:NAME" if _is_file(place) else ""
            raise Failure(
                f"{place}: no module {error.name!r} on the import path{hint}", USAGE
            ) from None
        raise Failure(f"{place}: {_blame(error, '')}", USAGE) from error
    except (Exception, SystemExit) as error:
        raise Failure(f"{place}: {_blame(error, '')}", USAGE) from error


def _is_file(place: str) -> bool:
    return Path(f"{place}.py").is_file()


def _look_first_in(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _blame(error: BaseException, path: str) -> str:
    """Return what happened and in which line: of the file, else the innermost."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename is not None:
        file, line, what = error.filename, error.lineno, f"syntax error: {error.msg}"
        return f"{what} ({Path(file).name}, line {line})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in (__file__, importlib.__file__)
        and not frame.filename.startswith("<frozen ")
    ]
    mine = [frame for frame in frames if frame.filename == path] or frames
    if not mine:
        return what
    return f"{what} ({Path(mine[-1].filename).name}, line {mine[-1].lineno})"
