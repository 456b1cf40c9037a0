"""Does a search pay? Its recommended detector against what could be trained in its place.

.venv/bin/python benchmarks/search_pays.py --minutes 30 --seeds 3          # hours; again and again
.venv/bin/python benchmarks/search_pays.py --minutes 5 --seeds 1 --random 5 --json FILE  # a look

On each data set, the test split read with the files that would be deployed:
- a search of so many minutes, finals included; its candidates may use CANDIDATES_SHARE of them.
- default: RetinaNet, Faster R-CNN, Cascade R-CNN at the space's widths, each at its largest input
  that is no slower than the winner (where none is: the fastest of all). That with the best val AP
  after a final's training is trained for as many seconds as all trials of the search took, and the
  better of its two trainings by val AP counts.
- random: members of the space that nobody chose, trained as the finals are.
- frcnn: Faster R-CNN R50-FPN at the space's widths and largest input, at the best of three rates by
  val AP, trained as long as the winner and three times as long; the better one by val AP counts.

Each search, training and timing is kept under --runs as it ends and not done again; one that was
killed goes on. What the results say is in `search_pays_result.py`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from finals import Ground
from journal import Journal, Record
from results import make_parser, write_result
from search_pays_result import REPLICATES, Entrants, judge
from side_by_side import TimeLimit

from smnas.arch import DetectorArch
from smnas.arch.parts import CodedBackbone
from smnas.arch.reference_codes import REFERENCE_CODES
from smnas.experiment.config import MAX_TRIALS, SearchConfig
from smnas.experiment.observer import SilentObserver
from smnas.experiment.search import run_search
from smnas.search.finals import final_archs
from smnas.seeding import generator
from smnas.space.joint import JointSpace

CANDIDATES_SHARE = 0.6
"""Of a search's minutes; finals and a yardstick come on top, and take about the rest."""
RATES = (0.5, 1.0, 2.0)
"""By which the recipe's learning rate is multiplied for Faster R-CNN."""
LONGER = 3
DATA: dict[str, dict[str, Any]] = {
    "scenes": {"data": {"source": "scenes:easy,train=400,val=300,test=300,size=128"}},
    # Without flips, as in examples/demo.json: one sun shines on all these pictures.
    "trees": {
        "data": {"source": "trees"},
        "recipe": {"augmentation": {"horizontal_flip": 0.0}},
    },
}


class OutOfTimeError(Exception):
    """Something is missing, and was not begun any more."""


def main() -> None:
    """Do what is missing, as long as the time allows, and write what is whole."""
    parser = make_parser(__doc__, "search_pays")
    parser.add_argument("--data", nargs="+", choices=tuple(DATA), default=list(DATA))
    parser.add_argument("--minutes", type=float, default=30.0, help="of a search")
    parser.add_argument("--seeds", type=int, default=3, help="searches on each data set")
    parser.add_argument("--random", type=int, default=20, help="members that nobody chose")
    parser.add_argument("--config", type=Path, help="further settings of the searches, as JSON")
    parser.add_argument("--runs", type=Path, default=Path("runs/search_pays"))
    parser.add_argument("--budget-minutes", type=float, help="begin nothing after that; else all")
    arguments = parser.parse_args()
    given = {} if arguments.config is None else json.loads(arguments.config.read_text())
    numbers: dict[str, Any] = {
        "minutes": arguments.minutes,
        "seeds": arguments.seeds,
        "random": arguments.random,
        "settings": given,
        "interval_rule": f"95 %: test pictures and searches drawn again, {REPLICATES} times",
    }
    limit = TimeLimit(arguments.budget_minutes)
    for name in arguments.data:
        settings = {**DATA[name], **given}
        told = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
        folder = arguments.runs / f"{name}-{arguments.minutes:g}-minutes-{told}"
        contest = Contest(settings, arguments.minutes, folder, limit)
        try:
            numbers[name] = judge(contest.gather(arguments.seeds, arguments.random))
        except OutOfTimeError as missing:
            print(f"{name}: {missing} is still to be done")
            numbers[name] = None
    write_result(arguments.json, numbers, arguments.device)


class Contest:
    """All searches and trainings on one data set; what is in its journal is not done again."""

    def __init__(
        self, settings: Mapping[str, Any], minutes: float, folder: Path, limit: TimeLimit
    ) -> None:
        """Take the settings of the searches, how long one is, and where everything is kept."""
        self._settings, self._hours = settings, CANDIDATES_SHARE * minutes / 60
        self._folder, self._limit = folder, limit
        self._journal = Journal(folder / "records.jsonl")
        self._ground = Ground.of(self._configure(0))
        self._spaces, self._search = self._ground.ready.spaces, self._ground.ready.settings

    def gather(self, seeds: int, members: int) -> Entrants:
        """Return everyone who is compared.

        Raises:
            OutOfTimeError: Something is missing.
        """
        winners = [self.search(seed) for seed in range(seeds)]
        return Entrants(
            folder=self._folder,
            ground=self._ground,
            winners=winners,
            defaults=[self.default(winner) for winner in winners],
            members=[self.random_member(number) for number in range(members)],
            frcnns=self.frcnn(seeds),
        )

    def search(self, seed: int) -> Record:
        """Return the recommended detector of a search."""
        folder = f"search-{seed}"

        def run() -> Record:
            summary = run_search(self._configure(seed), self._folder / folder, SilentObserver())
            row = summary.recommended
            kept = ("arch", "ap", "ap_test", "latency_ms", "latency_ms_flag", "stage", "trial")
            found = {key: value for key, value in {**row}.items() if key in kept}
            found["ap_val"] = found.pop("ap")
            seconds, wall = round(summary.trial_seconds, 1), round(summary.seconds, 1)
            took = {"seconds": seconds, "wall_seconds": wall, "candidates": summary.candidates}
            return {**found, **took, "epochs": row["budget"]["epochs"], "folder": folder}

        return {**self._once(f"search s{seed}", run), "seed": seed}

    def default(self, winner: Record) -> Record:
        """Return the best known detector at no more latency, trained as long as the search took."""
        times = {str(arch): self.time(arch) for arch in self._known()}
        most = winner["latency_ms"] * (1 + self._search.latency_tie)
        able = {text: ms for text, ms in times.items() if ms <= most}
        slowest: dict[str, str] = {}
        for text in sorted(able or {min(times, key=times.__getitem__): 0.0}, key=times.__getitem__):
            slowest[DetectorArch.parse(text).head.kind] = text
        short = [self.train(text, self._search.final.epochs) for text in slowest.values()]
        best = max(short, key=lambda record: record["ap_val"])
        pace = best["training_seconds"] / best["epochs"]
        epochs = max(best["epochs"] + 1, round(winner["seconds"] / pace))
        whole = self.train(best["arch"], epochs, winner["seed"])
        chosen = max(best, whole, key=lambda record: record["ap_val"])
        return {**chosen, "is_no_slower": bool(able)}

    def random_member(self, number: int) -> Record:
        """Return a member that nobody chose, trained as the finals are."""
        drawn = JointSpace(self._spaces).sample(generator(0, "random member", number))
        return self.train(str(self._final(drawn)), self._search.final.epochs, number)

    def frcnn(self, seeds: int) -> list[Record]:
        """Return the paper's yardstick, one training for each search."""
        text, once = str(self._final(self._make_frcnn())), self._search.final.epochs
        tried = [self.train(text, once, 0, rate) for rate in RATES]
        rate = max(tried, key=lambda record: record["ap_val"])["rate"]
        lengths = (once, LONGER * once)
        by_seed = [[self.train(text, n, seed, rate) for n in lengths] for seed in range(seeds)]
        return [max(trained, key=lambda record: record["ap_val"]) for trained in by_seed]

    def time(self, arch: DetectorArch) -> float:
        """Return the milliseconds of a detector that was not trained."""
        return self._once(f"time {arch}", lambda: {"ms": self._ground.time(arch)})["ms"]

    def train(self, text: str, epochs: int, seed: int = 0, rate: float = 1.0) -> Record:
        """Return one training."""
        arch = DetectorArch.parse(text)
        folder = f"{arch.arch_id}-{epochs}e-s{seed}-x{rate:g}"

        def run() -> Record:
            made = self._ground.train(self._folder / folder, arch, epochs, seed, rate)
            return {**made, "folder": folder, "trial": 0}

        return self._once(f"train {folder}", run)

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


if __name__ == "__main__":
    main()
