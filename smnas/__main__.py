"""``python -m smnas``: the command line, where the script of that name is not on the path."""

from smnas.cli.main import main

main()
