"""The program: its commands, and what becomes of every failure.

In       argv, the environment
Out      an exit status, and for a failure one line on stderr that says what to do
Source   ``failure`` has the statuses
Fails    never for a mistake of the person; a traceback is a bug of ours
"""

import io
import os
import sys
from typing import NoReturn

import click

from portside.cli import _render
from portside.cli.completion import COMPLETE_VARIABLE, completion
from portside.cli.dial import dial
from portside.cli.failure import FAILED, INTERRUPTED, USAGE, Failure, status_table
from portside.cli.lookup import lookup
from portside.cli.options import variable_of
from portside.cli.serve import serve

__all__ = ["main", "program"]


def main() -> NoReturn:
    """Run the command that argv names, and exit."""
    _open_standard_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path may have what ascii has not
            stream.reconfigure(errors="backslashreplace")
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        from click.shell_completion import shell_complete

        sys.exit(
            shell_complete(program, {}, "portside", COMPLETE_VARIABLE, instruction)
        )
    sys.exit(_run())


def _run() -> int:
    try:
        with program.make_context(
            "portside", sys.argv[1:], auto_envvar_prefix="PORTSIDE"
        ) as context:
            return int(program.invoke(context) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "portside"
        _render.complain(f"{_text(error)} (see '{command} --help')")
        return USAGE
    except Failure as failure:
        _render.complain(str(failure))
        return failure.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # of a help text, whose reader has seen enough
        _render.close_stdout()
        return 0
    except OSError as error:  # a full disk behind stdout
        _render.close_stdout()
        _render.complain(f"stdout: {(error.strerror or str(error)).lower()}")
        return FAILED


def _text(error: click.UsageError) -> str:
    if isinstance(error, click.BadParameter) and isinstance(error.param, click.Option):
        error.param_hint = _hint(error.ctx, error.param)
    text = error.format_message().rstrip(".")
    return text[:1].lower() + text[1:]


def _hint(ctx: click.Context | None, option: click.Option) -> str:
    """Return what to blame: the variable or the flag, whichever was used.

    Click itself names the flag of all of them, and the variable of some, set or not.
    """
    variable = variable_of(ctx, option) if ctx is not None else None
    names = [variable] if variable is not None else option.opts
    return " / ".join(f"'{name}'" for name in names)


def _open_standard_descriptors() -> None:
    """Have 0, 1 and 2 open, or a socket would get such a number, and be written to."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _show_version(
    ctx: click.Context,
    param: click.Parameter,
    value: bool,
) -> None:
    if value and not ctx.resilient_parsing:
        # The front door stands open, as this package is imported; to import it from
        # here would make every room below depend on all the others.
        version = sys.modules["portside"].__version__
        python, system = sys.version.split()[0], os.uname().sysname
        _render.say(f"portside {version} (Python {python}, {system})")
        ctx.exit()


@click.group(
    epilog=f"\b\nExit status:\n{status_table()}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    invoke_without_command=True,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def program(ctx: click.Context) -> None:
    """Network servers and clients: one handler, any model of concurrency.

    Every option also has a place in the environment, as PORTSIDE_SERVE_MODEL=fork or
    PORTSIDE_DIAL_TIMEOUT=5s; what is typed wins.

    \b
    Examples:
      portside serve echo=127.0.0.1:7007
      printf 'hello\\n' | portside dial 127.0.0.1:7007
    """
    if ctx.invoked_subcommand is None:
        _render.say(ctx.get_help())


for _command in (serve, dial, lookup, completion):
    program.add_command(_command)
