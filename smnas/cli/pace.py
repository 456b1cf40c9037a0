"""How far a search is, and how long the rest will take at the pace so far."""

from dataclasses import dataclass, replace

from smnas.report.wording import duration


@dataclass(frozen=True)
class Pace:
    """Progress of a search; times are seconds of one clock, shares run from 0 to 1."""

    begun: float
    share_at_begin: float = 0.0
    """What earlier calls had done: its time is not this call's."""
    share: float = 0.0
    last: float | None = None
    """When ``share`` was reached."""

    def at(self, now: float, share: float) -> "Pace":
        """Return the pace with ``share`` done at the time ``now``."""
        return replace(self, share=share, last=now)

    def seconds_left(self, now: float) -> float | None:
        """Return the estimated rest in seconds, or None before anything was done."""
        gained = self.share - self.share_at_begin
        if self.last is None or gained <= 0:
            return None
        rest_at_last = (self.last - self.begun) / gained * (1.0 - self.share)
        return max(0.0, rest_at_last - (now - self.last))

    def describe(self, now: float) -> str:
        """Return share and estimate in words."""
        left = self.seconds_left(now)
        rest = "estimating the rest" if left is None else f"about {duration(left)} left"
        return f"{100 * self.share:.0f} % done, {rest}"
