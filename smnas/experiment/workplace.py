"""Where the trials of one call run. No part of the search: it may go on elsewhere."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Workplace(BaseModel):
    """Where trials run, how many at a time, and what one of them may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Trials at a time; None: one on this machine, on a cluster as many as there is room for."""
    address: str | None = None
    """``HOST:PORT`` of a Ray cluster; None: this machine."""
    gpus_per_trial: Annotated[float, Field(gt=0)] | None = None
    """GPUs that a trial gets; below 1 several share one. None: one where the device is ``cuda``."""
    cpus_per_trial: Annotated[int, Field(ge=1)] | None = None
    """Cores that a trial gets; None: its share of this machine, on a cluster one."""
    trial_hours: Annotated[float, Field(gt=0)] | None = None
    """Hours after which a trial counts as hung; None: many times what such trials take."""
    memory_mib: Annotated[float, Field(gt=0)] | None = None
    """Memory that a trial may use; None: its share of the machine's."""
    disk_quota_gib: Annotated[float, Field(gt=0)] | None = None
    """What the weights of all trials may take on disk; None: as much as there is. Those of the
    front and of what runs are kept; others are removed, oldest first."""

    @property
    def processes(self) -> int:
        """Processes that share a training: one for each of a trial's GPUs."""
        return max(1, int(self.gpus_per_trial or 1))

    @property
    def needs_ray(self) -> bool:
        """Whether trials run side by side, or elsewhere."""
        return self.address is not None or (self.workers or 1) > 1
