import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from smnas.detector.patches import convolve_at

SHAPES = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), shapes=SHAPES, count=st.integers(0, 9), bias=st.booleans())
def test_is_the_convolution_at_these_positions(
    seed: int, shapes: list[tuple[int, int]], count: int, bias: bool
) -> None:
    torch.manual_seed(seed)
    conv = nn.Conv2d(3, 5, 3, padding=1, bias=bias)
    maps = [torch.randn(2, 3, *shape, requires_grad=True) for shape in shapes]
    everywhere_BPC = torch.cat([conv(level).flatten(2) for level in maps], dim=-1).mT
    position_BN = torch.randint(everywhere_BPC.shape[1], (2, count))
    wanted = everywhere_BPC.gather(1, position_BN[..., None].expand(-1, -1, 5))
    found = convolve_at(conv, maps, position_BN)
    torch.testing.assert_close(found, wanted)
    grad, inputs = torch.randn(found.shape), [*conv.parameters(), *maps]
    for one, other in zip(
        torch.autograd.grad(found, inputs, grad),
        torch.autograd.grad(wanted, inputs, grad),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
