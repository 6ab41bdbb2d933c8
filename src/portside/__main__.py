"""``python -m portside``: the command line."""

from portside.cli.main import main

__all__: list[str] = []

main()
