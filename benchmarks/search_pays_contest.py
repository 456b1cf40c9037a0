"""All searches and trainings of `search_pays.py` on one data set, in the order that they need."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from finals import Ground
from journal import Journal, Record
from search_pays_result import Entrants
from side_by_side import Piece, TimeLimit, finish

from smnas.arch import DetectorArch
from smnas.arch.parts import CodedBackbone
from smnas.arch.reference_codes import REFERENCE_CODES
from smnas.archive.archive import Archive
from smnas.experiment.config import MAX_TRIALS, SearchConfig
from smnas.experiment.observer import SilentObserver
from smnas.experiment.search import run_search
from smnas.experiment.workplace import Workplace
from smnas.search.finals import final_archs
from smnas.seeding import generator
from smnas.space.joint import JointSpace

CANDIDATES_SHARE = 0.5
"""Of a search's minutes; finals come on top, and take about the rest."""
RATES = (0.5, 1.0, 2.0)
"""By which the recipe's learning rate is multiplied for Faster R-CNN."""
RATE_PART = 4
"""A rate is judged after so small a part of a final's epochs."""
LONGER = 3
WORKERS = 2
"""Trials of a search at a time, and trainings."""


class OutOfTimeError(Exception):
    """Something is missing, and was not begun any more."""


@dataclass(frozen=True)
class Job:
    """One training, of an arch in the form that ships."""

    arch: str
    epochs: int
    seed: int = 0
    rate: float = 1.0

    @property
    def folder(self) -> str:
        """Where it is kept."""
        arch_id = DetectorArch.parse(self.arch).arch_id
        return f"{arch_id}-{self.epochs}e-s{self.seed}-x{self.rate:g}"

    @property
    def key(self) -> str:
        """Under which its record is kept."""
        return f"train {self.folder}"


class Contest:
    """All searches and trainings on one data set; what is in its journal is not done again."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        minutes: float,
        folder: Path,
        limit: TimeLimit,
        *,
        seeds: int,
        members: int,
    ) -> None:
        """Take the settings of the searches, how long one is, and where everything is kept."""
        self._settings, self._hours = settings, CANDIDATES_SHARE * minutes / 60
        self._folder, self._limit = folder, limit
        self._seeds, self._members = seeds, members
        self._journal = Journal(folder / "records.jsonl")
        self._ground = Ground.of(self._configure(0))
        self._spaces, self._search = self._ground.ready.spaces, self._ground.ready.settings

    def gather(self) -> Entrants:
        """Return everyone who is compared.

        Raises:
            OutOfTimeError: Something is missing.
        """
        winners = [self.search(seed) for seed in range(self._seeds)]
        for arch in self._known():
            self.time(str(arch))
        finish(
            self._journal,
            partial(self._next_training, winners),
            processes=WORKERS,
            minutes=self._limit.minutes_left,
            tell=lambda record: print(f"{record['key']}: {record['ap_val']:.3f}", flush=True),
        )
        return Entrants(
            folder=self._folder,
            ground=self._ground,
            winners=winners,
            defaults=[self.default(winner) for winner in winners],
            members=[self._find(job) for job in self._random_members()],
            frcnns=[self.frcnn(seed) for seed in range(self._seeds)],
        )

    def search(self, seed: int) -> Record:
        """Return the recommended detector of a search."""
        folder = f"search-{seed}"

        def run() -> Record:
            config, workplace = self._configure(seed), Workplace(workers=WORKERS)
            summary = run_search(config, self._folder / folder, SilentObserver(), workplace)
            row = summary.recommended
            kept = ("arch", "ap", "ap_test", "latency_ms", "latency_ms_flag", "stage", "trial")
            found = {key: value for key, value in {**row}.items() if key in kept}
            found["ap_val"] = found.pop("ap")
            with closing(Archive.open(summary.folder)) as archive:
                own = sum(
                    trial.outcome.seconds
                    for trial in archive.trials()
                    if trial.outcome is not None and trial.proposal.stage != "yardstick"
                )
            took = {"seconds": round(own, 1), "wall_seconds": round(summary.seconds, 1)}
            took["candidates"] = summary.candidates
            return {**found, **took, "epochs": row["budget"]["epochs"], "folder": folder}

        return {**self._once(f"search s{seed}", run), "seed": seed}

    def default(self, winner: Record) -> Record:
        """Return the best known detector at no more latency, trained as long as the search took."""
        short = [self._find(job) for job in self._candidates(winner)]
        chosen = max(
            *short, self._find(self._longest(winner, short)), key=lambda record: record["ap_val"]
        )
        return {**chosen, "is_no_slower": self.time(chosen["arch"]) <= self._most_latency(winner)}

    def frcnn(self, seed: int) -> Record:
        """Return the paper's yardstick, one training for each search."""
        tried = [self._find(job) for job in self._rates()]
        trained = [self._find(job) for job in self._lengths(seed, tried)]
        return max(trained, key=lambda record: record["ap_val"])

    def time(self, text: str) -> float:
        """Return the milliseconds of a detector, taken while nothing is trained."""
        arch = DetectorArch.parse(text)
        return self._once(f"time {arch}", lambda: {"ms": self._ground.time(arch)})["ms"]

    def _next_training(self, winners: Sequence[Record], begun: Collection[str]) -> Piece | None:
        """Return the next training, of those that are known to be needed by now."""
        text = self._configure(0).model_dump_json()
        for job in self._jobs(winners):
            if job.key not in begun:
                return Piece(job.key, partial(train, text, self._folder, job))
        return None

    def _jobs(self, winners: Sequence[Record]) -> Iterator[Job]:
        """Yield what is to be trained: first what others depend on, last what nothing does."""
        yield from self._rates()
        for winner in winners:
            yield from self._candidates(winner)
        tried = self._known_of(self._rates())
        if tried is not None:
            for seed in range(self._seeds):
                yield from self._lengths(seed, tried)
        for winner in winners:
            short = self._known_of(self._candidates(winner))
            if short is not None:
                yield self._longest(winner, short)
        yield from self._random_members()

    def _rates(self) -> list[Job]:
        text, epochs = str(self._final(self._make_frcnn())), self._search.final.epochs
        return [Job(text, max(1, epochs // RATE_PART), 0, rate) for rate in RATES]

    def _lengths(self, seed: int, tried: Sequence[Record]) -> list[Job]:
        best, once = max(tried, key=lambda record: record["ap_val"]), self._search.final.epochs
        return [Job(best["arch"], n, seed, best["rate"]) for n in (once, LONGER * once)]

    def _candidates(self, winner: Record) -> list[Job]:
        """Return a final's training of each family: its slowest that is no slower, or fastest."""
        times = {str(arch): self.time(str(arch)) for arch in self._known()}
        most = self._most_latency(winner)
        able = [text for text in times if times[text] <= most] or [
            min(times, key=times.__getitem__)
        ]
        slowest: dict[str, str] = {}
        for text in sorted(able, key=times.__getitem__):
            slowest[DetectorArch.parse(text).head.kind] = text
        return [Job(text, self._search.final.epochs) for text in slowest.values()]

    def _longest(self, winner: Record, short: Sequence[Record]) -> Job:
        """Return the training of the best of them for as many seconds as the search took."""
        best = max(short, key=lambda record: record["ap_val"])
        pace = best["training_seconds"] / best["epochs"]
        epochs = max(best["epochs"] + 1, round(winner["seconds"] / pace))
        return Job(best["arch"], epochs, winner["seed"])

    def _random_members(self) -> list[Job]:
        space, epochs = JointSpace(self._spaces), self._search.final.epochs
        drawn = [space.sample(generator(0, "random member", at)) for at in range(self._members)]
        return [Job(str(self._final(arch)), epochs, at) for at, arch in enumerate(drawn)]

    def _most_latency(self, winner: Record) -> float:
        return winner["latency_ms"] * (1 + self._search.latency_tie)

    def _known_of(self, jobs: Sequence[Job]) -> list[Record] | None:
        """Return the records of all of them, or None."""
        if all(job.key in self._journal for job in jobs):
            return [self._journal[job.key] for job in jobs]
        return None

    def _find(self, job: Job) -> Record:
        """Return a training, with its time as taken alone."""
        if job.key not in self._journal:
            raise OutOfTimeError(job.key)
        record = self._journal[job.key]
        return record if "failure" in record else {**record, "latency_ms": self.time(job.arch)}

    def _once(self, key: str, make: Callable[[], Record]) -> Record:
        if key not in self._journal:
            if not self._limit.allows(0.0):
                raise OutOfTimeError(key)
            print(key, flush=True)
            self._journal.add(key, make())
        return self._journal[key]

    def _configure(self, seed: int) -> SearchConfig:
        told = {"trials": MAX_TRIALS, "yardsticks": 1, "pictures": False, **self._settings}
        return SearchConfig.model_validate({**told, "hours": self._hours, "seed": seed})

    def _final(self, arch: DetectorArch) -> DetectorArch:
        return final_archs(arch, self._search)[0]

    def _known(self) -> list[DetectorArch]:
        """Return the known detectors at every input of the space, in the form that ships."""
        sizes = self._spaces.structural.input_sizes
        return [self._final(k.replace(input=s)) for k in self._spaces.yardsticks for s in sizes]

    def _make_frcnn(self) -> DetectorArch:
        plain = next(arch for arch in self._spaces.yardsticks if arch.head.kind == "rcnn")
        if not isinstance(plain.backbone, CodedBackbone):
            raise TypeError(f"expected a yardstick with a backbone by code; got {plain}")
        resnet50 = REFERENCE_CODES["resnet50"].model_copy(update={"base": plain.backbone.base})
        largest = max(
            self._spaces.structural.input_sizes, key=lambda size: size.width * size.height
        )
        return plain.replace(backbone=resnet50, input=largest)


@cache
def _ground_of(config: str) -> Ground:
    return Ground.of(SearchConfig.model_validate_json(config))


def train(config: str, folder: Path, job: Job) -> Record:
    """Return one training; done in a process of its own."""
    arch, ground = DetectorArch.parse(job.arch), _ground_of(config)
    made = ground.train(folder / job.folder, arch, job.epochs, job.seed, job.rate)
    return {**made, "folder": job.folder, "trial": 0}
