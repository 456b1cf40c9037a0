"""Where the trials of one call run. No part of the search: it may go on elsewhere."""

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smnas.errors import ConfigError, describe_validation_error
from smnas.execution.executor import Executor
from smnas.execution.local import LocalExecutor
from smnas.execution.slot import Slot
from smnas.execution.work import Limits, Movable, TrialProgress
from smnas.experiment.run_folder import RunFiles
from smnas.experiment.sent_data import keep_sent
from smnas.measure.standalone import usable_cores
from smnas.trial.trial import Trial


class Workplace(BaseModel):
    """Where trials run, how many at a time, and what one of them may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Trials at a time; None: one on this machine, on a cluster as many as there is room for."""
    address: str | None = None
    """``HOST:PORT`` of a Ray cluster, ``local`` for a Ray on this machine; None: this machine."""
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

    def needs_ray(self, device: str) -> bool:
        """Return whether trials run elsewhere, or GPUs are to be handed out among them."""
        shares = self.gpus_per_trial is not None and self.gpus_per_trial < 1
        many_on_gpus = (self.workers or 1) > 1 and device.startswith("cuda")
        return shares or self.address is not None or many_on_gpus

    @property
    def cpus(self) -> int | None:
        """Cores that a trial gets; None where it has this machine for itself."""
        elsewhere = self.address not in (None, "local")
        if self.cpus_per_trial is not None or not (elsewhere or (self.workers or 1) > 1):
            return self.cpus_per_trial
        return 1 if elsewhere else max(1, usable_cores() // (self.workers or 1))

    def gpus(self, device: str) -> float:
        """Return how many GPUs a trial gets."""
        return self.gpus_per_trial or (1.0 if device == "cuda" else 0.0)

    def settled(self, device: str) -> Self:
        """Return it with all that can be known before anything runs.

        Raises:
            ConfigError: It does not go with the device, or Ray is not installed.
        """
        if self.gpus_per_trial is not None and not device.startswith("cuda"):
            raise ConfigError(
                f"gpus_per_trial: {self.gpus_per_trial:g}, but the device is {device!r}; "
                "add --device cuda, or leave it out"
            )
        if not self.needs_ray(device):
            return self
        import_module("smnas.execution.ray_cluster")  # says what to do where Ray is missing
        if ":" in device:
            raise ConfigError(
                f"device: {device!r}: Ray hands the GPUs out where trials run side by side; "
                "use --device cuda"
            )
        if self.workers is None and self.address is None:
            there = torch.cuda.device_count() / self.gpus(device)
            return self.model_copy(update={"workers": max(1, int(there))})
        return self


def make_workplace(**flags: Any) -> Workplace:
    """Return the workplace that flags describe; None stands for what is not said.

    Raises:
        ConfigError: Values out of range, all of them at once.
    """
    try:
        return Workplace(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise ConfigError(describe_validation_error("search", error, Workplace)) from None


@contextmanager
def open_executor(
    workplace: Workplace,
    device: str,
    world: Movable,
    folder: Path,
    limits: Callable[[Trial], Limits],
    progress: TrialProgress,
) -> Generator[Executor]:
    """Begin to run trials at a workplace, and leave no process behind at the end.

    Args:
        workplace: ``settled``.
        device: Where trials compute.
        world: What they share.
        folder: The run folder.
        limits: What each may use.
        progress: Told how far they are.

    Raises:
        ConfigError: No cluster there, or no room in it.
    """
    if not workplace.needs_ray(device):
        workers = workplace.workers or 1
        slots = [Slot.of(world, folder, 1 / workers) for _ in range(workers)]
        with closing(LocalExecutor(slots, limits, progress)) as executor:
            yield executor
        return
    from smnas.execution.ray_cluster import RayExecutor, Share, connected

    share = Share(workplace.cpus or 1, workplace.gpus(device))
    with connected(workplace.address, workplace.workers, share) as slots:
        store = RunFiles(folder)
        executor = RayExecutor(world, slots, share, store, limits, progress, keep_sent)
        with closing(executor):
            yield executor
