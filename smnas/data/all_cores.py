"""Work on many pictures, on all cores."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from typing import TypeVar

AHEAD = 64
"""Results that may wait to be taken: bounds the memory where whoever takes them is slow."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def on_all_cores(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield the results in order; Pillow decodes without Python's lock, so threads are enough."""
    waiting = iter(items)
    pool = ThreadPoolExecutor(cpu_count())
    try:
        coming: deque[Future[_Result]] = deque(
            pool.submit(function, item) for item in islice(waiting, AHEAD)
        )
        while coming:
            yield coming.popleft().result()
            for item in islice(waiting, 1):
                coming.append(pool.submit(function, item))
    finally:
        pool.shutdown(cancel_futures=True)
