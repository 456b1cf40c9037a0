"""``smnas plan``: what the same call of ``smnas search`` would cost here."""

import functools
from typing import Any

from smnas.cli.output import print_json, remarks, results
from smnas.cli.search_command import search


def _like_search(function: Any) -> Any:
    """Give a command the options of ``smnas search``, whichever those are."""
    return functools.wraps(search, assigned=("__annotations__",))(function)


@_like_search
def plan(**options: Any) -> None:
    """Say what a search would cost here: trainings, hours, disk, memory.

    Put it in the place of ``search`` in any call. It trains a few steps to measure them, and
    writes nothing but the cache of training pictures, where they are not in it.
    """
    from smnas.experiment.config import Flags, make_config
    from smnas.experiment.search import plan_search
    from smnas.experiment.workplace import Workplace, make_workplace

    given = {name: None if value == [] else value for name, value in options.items()}
    flags = {name: given[name] for name in Flags.__annotations__ if name in given}
    settings = make_config(options["data"], options["config"], **flags)
    where = {name: given[name] for name in Workplace.model_fields if name in given}

    def note(sentence: str) -> None:
        remarks().print(sentence, markup=False, soft_wrap=True)

    found, notes = plan_search(settings, make_workplace(**where), note)
    if options["json"]:
        print_json(found.row)
        return
    for sentence in (*notes, *found.sentences):
        results().print(sentence, markup=False, soft_wrap=True)
