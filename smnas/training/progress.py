"""Progress that people watch: a few calls a second, however short the steps are."""

import time
from collections.abc import Callable

ProgressCallback = Callable[[float, float], None]
"""Called with the share that is done (0 to 1) and the current loss."""

SECONDS_BETWEEN_CALLS = 0.2


class ThrottledProgress:
    """Passes progress on at most five times a second; the first and the last step always."""

    def __init__(
        self,
        callback: ProgressCallback | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._callback = callback
        self._clock = clock
        self._last = float("-inf")

    def report(self, share: float, loss: float) -> None:
        """Pass on the state after a step, if it is time to."""
        if self._callback is None:
            return
        now = self._clock()
        if share >= 1.0 or now - self._last >= SECONDS_BETWEEN_CALLS:
            self._last = now
            self._callback(share, loss)
