import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from smnas.detector.batch_part import BatchPart
from smnas.detector.loss_settings import SampleSettings
from smnas.detector.matching import Matching
from smnas.detector.sampling import sample


def draw_matching(seed: int, batch: int, count: int, share: float) -> Matching:
    kinds = torch.rand(batch, count, generator=torch.Generator().manual_seed(seed))
    return Matching(kinds < share, kinds > 1.5 * share, torch.zeros(batch, count).long())


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    candidates=st.integers(0, 60),
    count=st.integers(1, 40),
    positive_share=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    share=st.sampled_from([0.0, 0.1, 0.6]),
)
def test_sample_fills_up_with_negatives(
    seed: int, candidates: int, count: int, positive_share: float, share: float
) -> None:
    matching = draw_matching(seed, 3, candidates, share)
    chosen = sample(
        matching,
        SampleSettings(count=count, positive_share=positive_share),
        BatchPart(seed),
    )
    size = min(count, candidates)
    assert chosen.index_BN.shape == (3, size)
    for picture in range(3):
        index = chosen.index_BN[picture]
        assert len(index.unique()) == size
        positive, valid = chosen.positive_BN[picture], chosen.valid_BN[picture]
        assert matching.positive_BA[picture, index[positive]].all()
        assert matching.negative_BA[picture, index[valid & ~positive]].all()
        most = min(int(count * positive_share), size)
        assert positive.sum() == min(most, int(matching.positive_BA[picture].sum()))
        negatives = int(matching.negative_BA[picture].sum())
        assert (valid & ~positive).sum() == min(size - int(positive.sum()), negatives)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    candidates=st.integers(0, 60),
    count=st.integers(1, 40),
    positive_share=st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0]),
    share=st.sampled_from([0.0, 0.1, 0.6]),
)
def test_as_many_are_drawn_as_in_torchvision(
    seed: int, candidates: int, count: int, positive_share: float, share: float
) -> None:
    matching = draw_matching(seed, 2, candidates, share)
    chosen = sample(
        matching,
        SampleSettings(count=count, positive_share=positive_share),
        BatchPart(seed),
    )
    labels_BA = torch.where(matching.positive_BA, 1.0, torch.where(matching.negative_BA, 0.0, -1.0))
    sampler = BalancedPositiveNegativeSampler(count, positive_share)
    with torch.random.fork_rng(devices=[]):
        positive, negative = sampler(list(labels_BA))
    for picture in range(2):
        drawn = chosen.valid_BN[picture] & ~chosen.positive_BN[picture]
        assert chosen.positive_BN[picture].sum() == positive[picture].sum()
        assert drawn.sum() == negative[picture].sum()


def test_draws_follow_the_seed() -> None:
    matching = draw_matching(0, 2, 200, 0.3)
    settings_ = SampleSettings(count=32, positive_share=0.5)
    one, two, other = (sample(matching, settings_, BatchPart(seed)).index_BN for seed in (5, 5, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
