"""Options of the command line, made from the fields of settings.

In       a dataclass whose fields carry help and unit, as `portside.server.Settings`
Out      a decorator that gives a command an option for each; the settings again; what
         an error is to call an option
Holds    nothing: name, default and help are the field's
Fails    never
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any, TypeVar

import click

from portside.cli.units import Duration, Share, Size, duration_text, size_text

__all__ = ["flag", "options_of", "said", "taken_from", "variable_of"]

Command = TypeVar("Command", bound=Callable[..., Any])


def options_of(
    settings: type,
    *,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    defaults: Mapping[str, Any] | None = None,
    about: str = "",
) -> Callable[[Command], Command]:
    """Return what gives a command an option for each field of the settings.

    Args:
        choices: the words that an option takes, where they are few.
        defaults: where the command differs from the settings.
        about: what stands before each help text.
    """
    chosen, own = choices or {}, defaults or {}

    def decorate(command: Command) -> Command:
        for each in reversed(fields(settings)):
            default = own.get(each.name, each.default)
            command = _option(settings, each, default, chosen, about)(command)
        return command

    return decorate


def taken_from(values: Mapping[str, Any], settings: type) -> dict[str, Any]:
    """Return those of the values that are fields of the settings."""
    return {each.name: values[each.name] for each in fields(settings)}


def flag(name: str) -> str:
    """Return what is typed for a field."""
    return f"--{name.replace('_', '-')}"


def said(name: str) -> str:
    """Return what gave an option its value: its variable, if it is set there alone.

    Else its flag, which is also what to type where nobody has said anything.
    """
    context = click.get_current_context(silent=True)
    for each in context.command.params if context is not None else ():
        if name == each.name or flag(name) in each.opts:
            assert context is not None
            return variable_of(context, each) or flag(name)
    return flag(name)


def variable_of(context: click.Context, param: click.Parameter) -> str | None:
    """Return the variable of the environment that a value is from; None if it is not.

    Fails never: a parameter that has not been read yet has no source.
    """
    source = context.get_parameter_source(param.name or "")
    if source is not click.core.ParameterSource.ENVIRONMENT:
        return None
    if isinstance(param.envvar, str):
        return param.envvar
    return f"{context.auto_envvar_prefix}_{(param.name or '').upper()}"


def _option(
    settings: type,
    each: "Field[Any]",
    default: Any,
    choices: Mapping[str, tuple[str, ...]],
    about: str,
) -> Callable[[Command], Command]:
    text = str(each.metadata["help"])
    for other in fields(settings):
        text = text.replace(f" {other.name}:", f" {flag(other.name)}:")
    text = f"{about}{text}" if about else f"{text[:1].upper()}{text[1:]}"
    if isinstance(default, bool):
        return click.option(
            flag(each.name), is_flag=True, show_envvar=True, help=f"{text}."
        )
    unit = each.metadata["unit"]
    if default and unit in ("seconds", "bytes"):
        default = duration_text(default) if unit == "seconds" else size_text(default)
    return click.option(
        flag(each.name),
        type=_type(each, choices),
        metavar=None if each.name in choices else _metavar(each),
        default=default,
        show_default=default not in (None, 0),
        show_envvar=True,
        help=f"{text}.",
    )


def _type(
    each: "Field[Any]", choices: Mapping[str, tuple[str, ...]]
) -> "click.ParamType[Any, Any]":
    if each.name in choices:
        return click.Choice(choices[each.name])
    unit = each.metadata["unit"]
    if unit == "seconds":
        return Duration()
    if unit in ("bytes", "bytes a second"):
        return Size()
    return Share() if isinstance(each.default, float) else click.INT


def _metavar(each: "Field[Any]") -> str:
    unit = each.metadata["unit"]
    if unit == "seconds":
        return "DURATION"
    if unit in ("bytes", "bytes a second"):
        return "SIZE"
    return "SHARE" if isinstance(each.default, float) else "N"
