"""Options of ``smnas search`` and ``smnas plan`` alone, each described once."""

from pathlib import Path
from typing import Annotated

import typer

Folds = Annotated[
    int | None,
    typer.Option(
        help="For small data without a validation split of their own: train each final so many "
        "times, 3 to 10, and judge it on train and val together, every picture by a training that "
        "has not seen it.",
    ),
]
Space = Annotated[
    str | None, typer.Option(help="What may be built: micro (the default), paper, or a space file.")
]
Inputs = Annotated[
    str | None,
    typer.Option(
        metavar="WxH[,WxH...]",
        help="Input sizes to search, such as 320x240,256x192. Unless told otherwise those of the "
        "space; micro's follow the shape of the pictures.",
    ),
]
AnchorShapes = Annotated[
    str | None,
    typer.Option(
        "--anchors",
        metavar="published|data",
        help="data: the candidates' anchors take scale and ratios from the training boxes. Compare "
        "with a search without it: on elongated boxes it cost two-stage detectors accuracy "
        "(docs/decisions/0007).",
    ),
]
Trials = Annotated[int | None, typer.Option(help="Candidates to train, over both stages.")]
Hours = Annotated[
    float | None, typer.Option(help="Begin no further candidate after this many hours.")
]
Epochs = Annotated[
    int | None, typer.Option(help="Begin no further candidate after this many epochs in all.")
]
Rungs = Annotated[
    str | None,
    typer.Option(
        metavar="none|COUNT",
        help="Cut trainings short at so many rungs, and go on with the best only; none (the "
        "default) trains every candidate to the end.",
    ),
]
Algorithm = Annotated[
    str | None,
    typer.Option(
        help="What makes the proposals: smnas (the default), or a rival on the same ground: "
        "random, random-rungs, local-search, evolution, nsga2, nsga2-rungs, tpe, mo-asha."
    ),
]
Objectives = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC,METRIC[,METRIC]",
        help="What the front is taken over: two or three of ap, ap50, ap75, ap_small, ap_medium, "
        "ap_large, ap:CLASS, recall@fppi=0.1, latency_ms, macs_g, params_m; ap,latency_ms unless "
        "told otherwise.",
    ),
]
OwnMetric = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC",
        help="What accuracy means here, beside time: ap (the default), ap50, ap_small, ap:CLASS, "
        "or recall@fppi=0.1, the share of objects found at 0.1 false alarms a picture. Short for "
        "--objectives METRIC,latency_ms.",
    ),
]
Constraints = Annotated[
    list[str] | None,
    typer.Option(
        "--constraint",
        metavar="'METRIC <= NUMBER'",
        help="Train no candidate that breaks it: 'latency_ms <= 30', 'params_m <= 5', also >=. "
        "May stand several times.",
    ),
]
LatencyFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Search by the milliseconds of another device: the report that measure.py made there "
        "in the folder that `smnas measure --blocks` wrote. Times are then predicted for it, not "
        "measured.",
    ),
]
FinalNorm = Annotated[
    str | None,
    typer.Option(
        metavar="NORM[,NORM]",
        help="Norm of the detectors that ship: gn (the default of the micro space), with which "
        "small data are learnt soonest; bn (the default of the paper's), which costs no time; or "
        "gn-ws. With several, such as bn,gn, each final is trained as several detectors, and "
        "candidates are timed with the first; both stands for bn,gn-ws.",
    ),
]
Plateau = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT",
        help="End a stage when so many trainings in a row have raised the hypervolume by less than "
        "1 %; without it the budget alone ends it.",
    ),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="small|paper",
        help="How detectors are trained: small (the default), for little data and short trainings; "
        "or paper: the published budgets and schedules of each stage, from ImageNet weights.",
    ),
]
Pictures = Annotated[
    bool | None,
    typer.Option(
        "--pictures/--no-pictures",
        help="Whether run folder and report may hold pictures of the data; they do unless told "
        "otherwise.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Run folder; runs/NAME of the data unless told otherwise.")
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Keep the archive in a PostgreSQL database, postgresql://USER@HOST/DATABASE, and not "
        "in a file of the run folder. A password is not written down: other commands take it from "
        "PGPASSWORD or ~/.pgpass.",
    ),
]
DiskQuota = Annotated[
    float | None,
    typer.Option(
        metavar="GIB",
        min=0.001,
        help="Most that weights may take on disk: those of the front and of what runs are kept, "
        "others removed, oldest first.",
    ),
]
Config = Annotated[Path | None, typer.Option(help="JSON file with settings; flags win over it.")]

Workers = Annotated[
    int | None,
    typer.Option(
        help="Trials to run at a time; on CPUs best as many as there are cores. All stand still "
        "while one of them is timed."
    ),
]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Run the trials on this Ray cluster (needs Ray)."),
]
GpusPerTrial = Annotated[
    float | None,
    typer.Option(help="GPUs that a trial gets; with 0.5 two share one, with 2 it trains on two."),
]
TrialHours = Annotated[
    float | None,
    typer.Option(
        help="Hours after which a trial counts as hung; many times what such trials take unless "
        "told otherwise."
    ),
]
MemoryMib = Annotated[
    float | None,
    typer.Option(help="MiB of memory that a trial may use; its share of the machine's."),
]
