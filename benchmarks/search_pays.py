"""Does a search pay? Its recommended detector against what could be trained in its place.

.venv/bin/python benchmarks/search_pays.py --minutes 30 --seeds 3          # hours; again and again
.venv/bin/python benchmarks/search_pays.py --minutes 5 --seeds 1 --random 5 --json FILE  # a look

On each data set, the test split read with the files that would be deployed:
- a search of so many minutes, finals included; its candidates may use CANDIDATES_SHARE of them. Its
  own yardsticks do not count: the rivals are trained here.
- default: RetinaNet, Faster R-CNN, Cascade R-CNN at the space's widths, each at its largest input
  that is no slower than the winner (where none is: the fastest of all). That with the best val AP
  after a final's training is trained for as many seconds as the search took, and the better of its
  two trainings by val AP counts.
- random: members of the space that nobody chose, trained as the finals are.
- frcnn: Faster R-CNN R50-FPN at the space's widths and largest input, at the best of three rates by
  val AP after a quarter of a final's epochs, trained as long as the winner and three times as long;
  the better one by val AP counts.

WORKERS trials, and trainings, run at a time, each on one core; seconds are those of trials, so that
everybody is given the same work. Whatever is compared is timed alone. Each search, training and
timing is kept under --runs as it ends and not done again; one that was killed goes on. Who is
trained when is in `search_pays_contest.py`, what the results say in `search_pays_result.py`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from results import make_parser, write_result
from search_pays_contest import Contest, OutOfTimeError
from search_pays_result import REPLICATES, judge
from side_by_side import TimeLimit

SETTINGS: dict[str, Any] = {
    "inputs": ["64x64", "96x96", "128x128"],
    "finals": 3,
    "budgets": {"stage_one": {"epochs": 6}, "stage_two": {"epochs": 6}, "final": {"epochs": 64}},
}
"""Of all searches: half an hour of one core is some thirty candidates and three finals, which come
near to where longer training gains little. Candidates of 2 epochs were too short: starting and
judging them took longer than their training, and of 50 on scenes the front held the small networks
alone, which learn sooner."""
DATA: dict[str, dict[str, Any]] = {
    "scenes": {"data": {"source": "scenes:easy,train=400,val=300,test=300,size=128"}},
    "trees": {"data": {"source": "trees"}},
}


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
        settings = {**SETTINGS, **DATA[name], **given}
        told = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:6]
        folder = arguments.runs / f"{name}-{arguments.minutes:g}-minutes-{told}"
        contest = Contest(
            settings,
            arguments.minutes,
            folder,
            limit,
            seeds=arguments.seeds,
            members=arguments.random,
        )
        try:
            numbers[name] = judge(contest.gather())
        except OutOfTimeError as missing:
            print(f"{name}: {missing} is still to be done")
            numbers[name] = None
    write_result(arguments.json, numbers, arguments.device)


if __name__ == "__main__":
    main()
