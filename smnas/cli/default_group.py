"""Commands under one name, of which one is meant where none is named: ``smnas data DATA``."""

from typing import Any

from typer.core import TyperGroup

DEFAULT = "show"


class DefaultGroup(TyperGroup):
    """Reads a first word that is no command of the group as the first argument of ``show``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the default command where none is named; help is that of the group."""
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else [DEFAULT, *args])
