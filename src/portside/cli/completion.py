"""``portside completion``: the script that completes words in a shell.

In       the shell's name
Out      its script, as click makes it from the commands themselves
"""

import click

from portside.cli import _render

__all__ = ["COMPLETE_VARIABLE", "completion"]

COMPLETE_VARIABLE = "_PORTSIDE_COMPLETE"
"""What the scripts set when they ask for the words that fit."""


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes words in a SHELL.

    \b
    Examples:
      eval "$(portside completion bash)"                         in ~/.bashrc
      eval "$(portside completion zsh)"                          in ~/.zshrc
      portside completion fish > ~/.config/fish/completions/portside.fish
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    program = ctx.find_root().command
    _render.say(complete(program, {}, "portside", COMPLETE_VARIABLE).source())
