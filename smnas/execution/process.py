"""What the operating system is asked about processes; outside of Linux it answers less."""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have this process killed when ``parent`` ends, however it does (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before
        os._exit(1)


def kill_group(leader: int | None) -> None:
    """Kill a process and all that it has started, as far as they are there."""
    if leader is None:
        return
    for kill in (os.killpg, os.kill):  # by the latter if it has no group of its own yet
        try:
            kill(leader, signal.SIGKILL)
        except ProcessLookupError:
            continue


def memory_mib(process: int | None) -> float | None:
    """Return what a process has in memory and shares with no file, or None where unknown."""
    found = _read_number(Path(f"/proc/{process}/status"), "RssAnon:")
    return None if found is None else found / 1024


def system_kills() -> int:
    """Return how many processes this system has killed for lack of memory, 0 where unknown."""
    return _read_number(Path("/proc/vmstat"), "oom_kill") or 0


def usable_memory_mib() -> float | None:
    """Return what this machine, or the container that we are in, has for programs."""
    total = _read_number(Path("/proc/meminfo"), "MemTotal:")
    limits = [] if total is None else [total / 1024]
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        limits += [int(text) / 2**20] if text.isdecimal() else []
    except OSError:  # no container, or one of the older kind
        pass
    return min(limits, default=None)


def _read_number(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), None)
