import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from smnas.detector.sites import plan_sites

SHAPES = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    shapes=SHAPES,
    count=st.integers(0, 5),
    depth=st.integers(1, 3),
    bias=st.booleans(),
)
def test_are_the_convolutions_at_these_positions(
    seed: int, shapes: list[tuple[int, int]], count: int, depth: int, bias: bool
) -> None:
    torch.manual_seed(seed)
    convs = [nn.Conv2d(3, 3, 3, padding=1, bias=bias) for _ in range(depth - 1)]
    convs.append(nn.Conv2d(3, 5, 3, padding=1, bias=bias))
    tower = nn.Sequential(*(part for conv in convs for part in (nn.ReLU(), conv)))[1:]
    maps = [torch.randn(2, 3, *shape, requires_grad=True) for shape in shapes]
    everywhere_BXP = torch.cat([tower(level).flatten(2) for level in maps], dim=-1)
    picture_N = torch.randint(2, (count,))
    position_N = torch.randint(everywhere_BXP.shape[2], (count,))
    wanted = everywhere_BXP[picture_N, :, position_N]
    found = plan_sites(maps, picture_N, position_N, depth).convolve(convs, maps)
    torch.testing.assert_close(found, wanted)
    grad, inputs = torch.randn(found.shape), [*tower.parameters(), *maps]
    pairs = zip(
        torch.autograd.grad(found, inputs, grad),
        torch.autograd.grad(wanted, inputs, grad),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_share_is_what_the_convolutions_need() -> None:
    maps = [torch.zeros(1, 3, 9, 9)]
    centre = torch.tensor([40])
    sites = plan_sites(maps, torch.tensor([0]), centre, 3)
    assert [len(rows) for rows in sites.rows] == [25, 9, 1]
    assert sites.share == (25 + 9 + 1) / (3 * 81)
    at_the_corner = plan_sites(maps, torch.tensor([0]), torch.tensor([0]), 3)
    assert [len(rows) for rows in at_the_corner.rows] == [9, 4, 1]


def test_levels_and_pictures_are_no_neighbours() -> None:
    maps = [torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 1, 1)]
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(conv.weight)
    for picture in range(2):
        ones = [level.clone() for level in maps]
        ones[0][1 - picture] = 1.0
        ones[1][picture] = 1.0
        places = torch.full((5,), picture), torch.arange(5)
        found = plan_sites(ones, *places, 2).convolve([conv, conv], ones)
        assert found.flatten().tolist() == [0, 0, 0, 0, 1]
