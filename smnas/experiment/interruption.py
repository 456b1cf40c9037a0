"""Ctrl-C: once lets the running trials end, twice stops at once."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

NOTICE = (
    "Stopping: the running trials are brought to their end, and no further one begins. "
    "Ctrl-C again stops at once; what ran is then tried again by the next call."
)


class Interruption:
    """Hears Ctrl-C while it is entered; outside of the main thread it hears nothing.

    Args:
        tell: Told what is going to happen.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.asked = False
        """Whether somebody wants the search to end."""
        self._tell = tell
        self._before: Callable[[int, FrameType | None], object] | int | None = None

    def __enter__(self) -> Self:
        """Begin to listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Listen no more."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._tell(NOTICE)
