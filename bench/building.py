"""Compile what is written in C and Go.

In       the sources beside this file
Out      programs in `build/`, made again only where a source is newer
Fails    BuildError: the compiler is missing, or does not like the source
"""

import shutil
import subprocess
from pathlib import Path

from bench.paths import BENCH, BUILD

__all__ = ["LOAD", "BuildError", "compile_c_peer", "compile_go_peer", "compile_load"]

LOAD = BUILD / "load"

COMPILE_SECONDS = 180.0
"""Go compiles its library first, where it has not yet; a guess for a slow machine."""


class BuildError(Exception):
    """A program could not be compiled."""


def compile_load() -> Path:
    """Compile the load generator."""
    folder = BENCH / "generator"
    return _compile_c(LOAD, sorted(folder.glob("*.c")), sorted(folder.glob("*.h")))


def compile_c_peer(name: str) -> Path:
    """Compile the server of this name that is written in C."""
    return _compile_c(BUILD / f"c-{name}", [BENCH / "peers" / f"{name}.c"], [])


def compile_go_peer(name: str) -> Path:
    """Compile the server of this name that is written in Go."""
    program, source = BUILD / f"go-{name}", BENCH / "peers" / f"{name}.go"
    return _compile(program, [source], ["go", "build", "-o", str(program), str(source)])


def _compile_c(program: Path, sources: list[Path], headers: list[Path]) -> Path:
    flags = ["-O2", "-Wall", "-Wextra", "-Werror"]
    command = ["gcc", *flags, "-o", str(program), *map(str, sources)]
    return _compile(program, sources + headers, command)


def _compile(program: Path, sources: list[Path], command: list[str]) -> Path:
    newest = max(source.stat().st_mtime for source in sources)
    if program.exists() and program.stat().st_mtime > newest:
        return program
    if shutil.which(command[0]) is None:
        raise BuildError(f"no {command[0]} here")
    BUILD.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} took over {COMPILE_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise BuildError(f"{command[0]} failed: {done.stderr.strip()}")
    return program
