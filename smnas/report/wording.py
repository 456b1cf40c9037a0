"""Numbers as people read them: AP times 100, times in milliseconds, intervals in brackets.

All plain ASCII: the texts stand in a terminal, a log and a page alike.
"""

import math
from collections.abc import Callable, Sequence

MISSING = "-"


def percent(value: float | None, interval: Sequence[float] | None = None) -> str:
    """Return an AP (0-1) times 100, with its interval.

    >>> percent(0.4821, [0.421, 0.54])
    '48.2 (42.1-54.0)'
    >>> percent(None)
    '-'
    """
    if value is None:
        return MISSING
    return f"{100 * value:.1f}" + _bracket(interval, lambda end: f"{100 * end:.1f}")


def signed_percent(value: float, interval: Sequence[float] | None = None) -> str:
    """Return a difference of two APs (0-1) times 100, with its interval; both ends have signs.

    >>> signed_percent(0.031, [-0.004, 0.066])
    '+3.1 (-0.4 to +6.6)'
    """
    ends = "" if interval is None else " ({} to {})".format(*(f"{100 * x:+.1f}" for x in interval))
    return f"{100 * value:+.1f}{ends}"


def milliseconds(
    value: float | None, interval: Sequence[float] | None = None, flag: str | None = None
) -> str:
    """Return a time to three digits, with its interval, without the unit; ``~`` marks a flag.

    >>> milliseconds(3.4149, (3.32, 3.551))
    '3.41 (3.32-3.55)'
    >>> milliseconds(3.4149, flag="other programs kept 60% of the cores busy")
    '~3.41'
    """
    if value is None:
        return MISSING
    return ("~" if flag else "") + three_digits(value) + _bracket(interval, three_digits)


def two_decimals(value: float | None) -> str:
    """Return a correlation or the like, with its sign where it is negative.

    >>> two_decimals(0.613), two_decimals(-0.2), two_decimals(None)
    ('0.61', '-0.20', '-')
    """
    return MISSING if value is None else f"{value:.2f}"


def three_digits(value: float | None) -> str:
    """Return a positive number to three significant digits, never in powers of ten.

    >>> three_digits(0.01234), three_digits(12.34), three_digits(1234.0)
    ('0.0123', '12.3', '1234')
    """
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def threads(count: int) -> str:
    """Return a number of threads in words.

    >>> threads(1), threads(4)
    ('1 thread', '4 threads')
    """
    return f"{count} thread" + ("" if count == 1 else "s")


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units.

    >>> duration(4.2), duration(95), duration(7260)
    ('4 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def megabytes(size_bytes: int) -> str:
    """Return a file size in megabytes (10**6 bytes).

    >>> megabytes(3_456_789)
    '3.46 MB'
    """
    return f"{three_digits(size_bytes / 1e6)} MB"


def _bracket(interval: Sequence[float] | None, write: Callable[[float], str]) -> str:
    return "" if interval is None else f" ({write(interval[0])}-{write(interval[1])})"
