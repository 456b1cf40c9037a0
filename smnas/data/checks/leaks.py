"""The same picture twice: within a split it is weighed double, between splits it flatters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from smnas.data.checks.finding import Finding
from smnas.data.checks.pictures import SeenPicture, stack_looks
from smnas.data.lookalikes import group_lookalikes
from smnas.data.wording import count

_Member = tuple[str, SeenPicture]
"""A picture and the split that it is in."""

_APART = (
    "leave them out of one of the splits: numbers taken on pictures that were trained on say "
    "nothing about new ones"
)
_FILM = (
    "where they come from one film or one place, split by film or place, for example with "
    "--group-by; otherwise the numbers flatter"
)


def check_leaks(parts: Mapping[str, Sequence[SeenPicture]], file: str) -> Iterator[Finding]:
    """Yield which pictures are the same, or look alike, within and between splits.

    Args:
        parts: The pictures of each split.
        file: What findings name.
    """
    members = [(split, item) for split, seen in parts.items() for item in seen if item.content]
    by_content: dict[bytes, list[_Member]] = defaultdict(list)
    for split, item in members:
        by_content[item.content].append((split, item))
    same = [group for group in by_content.values() if len(group) > 1]
    yield from _tell(same, file, "same")
    yield from _tell(_group_by_look(members), file, "alike")


def _group_by_look(members: Sequence[_Member]) -> list[list[_Member]]:
    """Return the groups of pictures that look alike; of copies of one file only the first."""
    firsts = {(split, item.content): (split, item) for split, item in reversed(members)}
    unique = list(reversed(firsts.values()))
    _, looks = stack_looks([item for _, item in unique])
    groups: dict[int, list[_Member]] = defaultdict(list)
    for member, first in zip(unique, group_lookalikes(looks).tolist(), strict=True):
        groups[first].append(member)
    return [group for group in groups.values() if len({item.content for _, item in group}) > 1]


def _tell(groups: Sequence[Sequence[_Member]], file: str, kind: str) -> Iterator[Finding]:
    """Yield a finding for each pair of splits that share groups, and for each split within."""
    between: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group in groups:
        splits = tuple(dict.fromkeys(split for split, _ in group))
        between[splits].append(" = ".join(str(item.file) for _, item in _shorten(group)))
    for splits, places in between.items():
        where = ", ".join(splits)
        many = count(len(places), "group")
        if len(splits) > 1 and kind == "same":
            message = f"{many} of identical files that lie in different splits ({where})"
            yield Finding("error", "leak", where, file, message, _APART, tuple(places))
        elif len(splits) > 1:
            message = f"{many} of pictures that look alike lie in different splits ({where})"
            yield Finding("warning", "leak-alike", where, file, message, _FILM, tuple(places))
        elif kind == "same":
            message = f"{many} of identical files under different names"
            advice = "remove the copies, or their boxes will count twice"
            yield Finding("warning", "picture-double", where, file, message, advice, tuple(places))
        else:
            message = f"{many} of pictures that look alike"
            advice = "nothing to do: a split that is made here keeps each group on one side"
            yield Finding("note", "picture-alike", where, file, message, advice, tuple(places))


def _shorten(group: Sequence[_Member], shown: int = 4) -> list[_Member]:
    """Return one picture of each split, then the first of the rest: films have thousands."""
    firsts = {split: (split, item) for split, item in reversed(group)}
    chosen = list(firsts.values())
    rest = [member for member in group if member not in chosen]
    return [*chosen, *rest[: max(0, shown - len(chosen))]]
