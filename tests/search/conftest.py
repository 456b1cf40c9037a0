"""A world that answers every proposal by formula, and the loop that plays a search in it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import FpnNeck
from smnas.search import Algorithm, SearchSettings
from smnas.space.coding import code_backbone
from smnas.space.known import known_space
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace
from smnas.trial.budget import Budget
from smnas.trial.constraint import Constraint, describe_breaches
from smnas.trial.measurement import (
    AccuracyProtocol,
    CountProtocol,
    LatencyProtocol,
    Measurement,
)
from smnas.trial.metrics import METRICS
from smnas.trial.trial import Failure, Outcome, Proposal, Trial

_AP = AccuracyProtocol(
    runtime="formula", precision="exact", device="none", split="val", data_id="0", pictures=1,
    replicates=0, versions={},
)  # fmt: skip
_MS = LatencyProtocol(
    runtime="stand-in", precision="exact", device="none", batch=1, threads=1, warmup=0, repeats=1,
    versions={},
)  # fmt: skip


def thousands_of_macs(arch: DetectorArch) -> int:
    """A whole number that grows with input, depth and widths; the norm does not count."""
    backbone = code_backbone(arch.backbone)
    groups = plan_groups(backbone.code, backbone.base)[: arch.roi_levels[-1]]
    planes = sum(block.planes**2 // 4**i for i, group in enumerate(groups) for block in group)
    width = arch.neck.width if isinstance(arch.neck, FpnNeck) else backbone.base
    return arch.input.width * arch.input.height * (planes + width * len(arch.neck.levels)) // 1000


def answer(proposal: Proposal) -> Outcome:
    """Accuracy with diminishing returns in cost, better with cascades of levels, and by budget."""
    arch = proposal.arch
    cost = thousands_of_macs(arch)
    quirk = int(arch.deployed.arch_id[:4], 16) % 97
    points = 40 * math.isqrt(math.isqrt(cost)) + 10 * len(arch.neck.levels) + quirk
    ap = min(points, 9000) * proposal.budget.epochs / (10_000 * (proposal.budget.epochs + 1))
    two_stage = 3 if arch.proposals.kind != "none" else 0
    latency_ms, macs_g = 2 + two_stage + cost / 500, cost / 1000
    params_m = cost / (arch.input.width * arch.input.height)
    count = CountProtocol(rule="formula")
    return Outcome(
        measurements=(
            Measurement(metric="ap", value=ap, unit="1", protocol=_AP),
            Measurement(metric="ap50", value=min(1.0, 1.5 * ap), unit="1", protocol=_AP),
            Measurement(metric="latency_ms", value=latency_ms, unit="ms", protocol=_MS),
            Measurement(metric="macs_g", value=macs_g, unit="G", protocol=count),
            Measurement(metric="params_m", value=params_m, unit="M", protocol=count),
        ),
        seconds=10.0,
    )


def answer_within(*constraints: str) -> Callable[[Proposal], Outcome]:
    """The formula, for candidates behind a check of constraints, as a search has it."""
    limits = [Constraint.parse(text) for text in constraints]

    def checked(proposal: Proposal) -> Outcome:
        outcome = answer(proposal)
        costs = tuple(m for m in outcome.measurements if METRICS[m.metric].kind != "accuracy")
        reason = describe_breaches(limits, costs) if proposal.is_candidate else None
        if reason is None:
            return outcome
        failure = Failure(stage="constraint", reason=reason)
        return Outcome(measurements=costs, failure=failure, seconds=1.0)

    return checked


def fail(_: Proposal) -> Outcome:
    return Outcome(failure=Failure(stage="training", reason="loss is not finite"), seconds=1.0)


@dataclass
class World:
    """The loop of a run without files: as many trials at once as there are slots."""

    evaluate: Callable[[Proposal], Outcome] = answer
    slots: int = 1

    def play(
        self, algorithm: Algorithm, trials: Sequence[Trial] = (), steps: int = 10_000
    ) -> list[Trial]:
        """Go on from ``trials`` until the algorithm is done, or for so many finished trials."""
        known = list(trials)
        for _ in range(steps):
            running = [trial for trial in known if trial.outcome is None]
            for proposal in algorithm.ask(known, self.slots - len(running)):
                known.append(Trial(number=len(known), proposal=proposal))
            running = [trial for trial in known if trial.outcome is None]
            if not running:
                break
            done = running[0]
            outcome = self.evaluate(done.proposal)
            known[done.number] = done.model_copy(update={"outcome": outcome})
        return known


def texts(items: Sequence[Trial] | Sequence[Proposal]) -> list[str]:
    """Every proposal in one line, with all that decides its training."""
    proposals = [item.proposal if isinstance(item, Trial) else item for item in items]
    return [f"{p.stage} {p.arch} {p.origin} {p.budget} {p.seed}" for p in proposals]


@pytest.fixture(name="micro", scope="session")
def fixture_micro() -> SpacePair:
    return known_space("micro")


@pytest.fixture(name="tiny", scope="session")
def fixture_tiny() -> SpacePair:
    """A pair small enough to be used up: 4 structures, and 5 codes around each."""
    return SpacePair(
        name="tiny",
        structural=StructuralSpace(
            inputs=("64x64", "96x96"),
            backbones=("basicblock_8_1-1-1-1",),
            necks=("fpn-p2-p4-16",),
            heads=("none/retina", "rpn/rcnn"),
            keys=("norm=gn-ws",),
        ),
        modular=ModularSpace(
            bases=(8,), neck_widths=(16,), min_blocks=4, max_blocks=5, doublings=0
        ),
        yardstick=DetectorArch.parse("retinanet-r18-quarter"),
    )


@pytest.fixture(name="make_settings", scope="session")
def fixture_make_settings() -> Callable[..., SearchSettings]:
    def make(**changes: object) -> SearchSettings:
        three, nine = Budget(epochs=3), Budget(epochs=9)
        plain = {"trials": 30, "stage_one": three, "stage_two": three, "final": nine, "seed": 7}
        return SearchSettings.model_validate({**plain, **changes})

    return make


@pytest.fixture(name="world", scope="session")
def fixture_world() -> type[World]:
    return World


@pytest.fixture(name="texts", scope="session")
def fixture_texts() -> Callable[..., list[str]]:
    return texts


@pytest.fixture(name="answer", scope="session")
def fixture_answer() -> Callable[[Proposal], Outcome]:
    return answer


@pytest.fixture(name="fail", scope="session")
def fixture_fail() -> Callable[[Proposal], Outcome]:
    return fail


@pytest.fixture(name="answer_within", scope="session")
def fixture_answer_within() -> Callable[..., Callable[[Proposal], Outcome]]:
    return answer_within
