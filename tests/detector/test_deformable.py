import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.detector.deformable import deform, deform_by_sampling


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    batch=st.integers(0, 2),
    groups=st.sampled_from([1, 2, 4]),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    reach=st.sampled_from([0.0, 0.7, 5.0]),
)
def test_sampling_is_torchvisions_deformable_convolution(
    seed: int, batch: int, groups: int, height: int, width: int, reach: float
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).requires_grad_()

    maps, weight = draw(batch, 2 * groups, height, width), draw(5, 2 * groups, 3, 3)
    # A quarter pixel off the whole ones, where the slope has a step.
    offsets = draw(batch, groups * 18, height, width).detach() * reach + 0.25
    offsets.requires_grad_()
    found = deform_by_sampling(maps, offsets, weight)
    wanted = deform(maps, offsets, weight, training=False)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    grad = torch.randn(wanted.shape, generator=generator)
    leaves = (maps, offsets, weight)
    for ours, theirs in zip(
        torch.autograd.grad(found, leaves, grad),
        torch.autograd.grad(wanted, leaves, grad),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
